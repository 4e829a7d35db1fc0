package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// AddTree stores a folder: regular files and folders, by name, without
// metadata. A folder of very many entries is sharded, as IPFS tools do.
// Errors: ErrFileType for anything else (links too), ErrName, ErrTooBig past
// Config.Tree, ErrNoSpace, ErrQuota. What was added before an error stays as
// unpinned files.
func (s *Store) AddTree(ctx context.Context, dir string) (Info, error) {
	return s.AddTreeWith(ctx, dir, AddOptions{})
}

// AddTreeWith is AddTree with options: pinned, or with the files referenced in
// place. Errors: as of AddTree, and ErrChanged when a file to be referenced
// changes while it is read.
func (s *Store) AddTreeWith(ctx context.Context, dir string, opt AddOptions) (Info, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Info{}, err
	}
	handle, err := openDir(abs)
	if err != nil {
		return Info{}, err
	}
	a := &treeAdder{s: s, opt: opt, lim: s.cfg.Tree, packer: s.newPacker()}
	defer a.releaseAll()
	top, err := a.add(ctx, handle, abs)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", dir, err)
	}
	return s.Stat(top.cid.String())
}

// treeAdder is one call of AddTree. One goroutine walks the folders, others
// read the files; large files are hashed by many, one file at a time.
// The nodes of folders come last, when all files are visible.
type treeAdder struct {
	s       *Store
	opt     AddOptions
	lim     Limits
	entries int
	jobs    chan someFiles
	full    chan *packer // to be flushed
	one     sync.Mutex   // held while a large file is taken in

	bytes atomic.Uint64

	mu     sync.Mutex // guards the rest
	packer *packer
	refs   []located // small files referenced in place, not visible yet
	held   []func()
}

// dirent is an entry of a folder that is being added.
type dirent struct {
	name string
	kind os.FileMode // type bits
	dir  *treeDir    // of a folder
	link link        // of a file, once added
	rec  record      // Size, Blocks and Entries alone
}

// treeDir is a folder that is being added. Its handle is open until the walk
// and the readers of its files are done with it.
type treeDir struct {
	handle  dirHandle
	path    string
	entries []dirent
	users   atomic.Int32
}

// leave lets go of the handle.
func (d *treeDir) leave() {
	if d.users.Add(-1) == 0 {
		_ = d.handle.close() // nothing was written through it
	}
}

// add walks the tree and makes everything in it visible, the root last.
func (a *treeAdder) add(ctx context.Context, handle dirHandle, path string) (link, error) {
	top := &treeDir{handle: handle, path: path}
	err := a.files(ctx, top)
	// Files that were added before an error stay.
	err = errors.Join(err, a.s.commitAll(a.refs))
	if err != nil {
		return link{}, err
	}
	return a.folders(top)
}

// walk lists a folder and all below it, through handles of its own, so that a
// link swapped in meanwhile leads nowhere outside.
func (a *treeAdder) walk(ctx context.Context, d *treeDir, depth int) error {
	d.users.Add(1) // beside those that files are handed to
	defer d.leave()
	if depth > a.lim.Depth {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, a.lim.Depth)
	}
	if err := a.read(d); err != nil {
		return err
	}
	files := someFiles{dir: d}
	for i := range d.entries {
		e := &d.entries[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		err := a.entry(ctx, d, e, &files, depth)
		if err != nil {
			return fmt.Errorf("%.64q: %w", e.name, err)
		}
	}
	return a.hand(ctx, files)
}

// read lists a folder in byte order, counting before it holds too much.
func (a *treeAdder) read(d *treeDir) error {
	entries, err := d.handle.list(a.lim.Entries - a.entries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	a.entries += len(entries)
	if err := a.lim.check(0, a.entries); err != nil {
		return fmt.Errorf("%w: more than %d entries", err, a.lim.Entries)
	}
	d.entries = make([]dirent, len(entries))
	for i, e := range entries {
		if err := checkName(e.Name()); err != nil {
			return err
		}
		d.entries[i].name, d.entries[i].kind = e.Name(), e.Type()
	}
	slices.SortFunc(d.entries, func(x, y dirent) int { return strings.Compare(x.name, y.name) })
	return nil
}

// entry goes into a folder, or puts a file with the others.
func (a *treeAdder) entry(ctx context.Context, d *treeDir, e *dirent, files *someFiles, depth int) error {
	switch {
	case e.kind.IsDir():
		sub, err := d.handle.sub(e.name)
		if err != nil {
			return err
		}
		e.dir = &treeDir{handle: sub, path: filepath.Join(d.path, e.name)}
		return a.walk(ctx, e.dir, depth+1)
	case !e.kind.IsRegular():
		return fmt.Errorf("%w: %s", ErrFileType, e.kind)
	}
	if files.all = append(files.all, e); len(files.all) < jobFiles {
		return nil
	}
	full := *files
	*files = someFiles{dir: d}
	return a.hand(ctx, full)
}

// large takes in one file that does not belong into a pack. All cores work on
// it, so one at a time.
func (a *treeAdder) large(ctx context.Context, d *treeDir, e *dirent, f *os.File, size int64) error {
	a.one.Lock()
	defer a.one.Unlock()
	left := a.lim.Bytes - min(a.bytes.Load(), a.lim.Bytes)
	var info Info
	var release func()
	var err error
	switch {
	case a.opt.Reference:
		info, release, err = a.s.addReference(ctx, f, filepath.Join(d.path, e.name), AddOptions{OnRead: a.opt.OnRead})
	default:
		// A file that grows while it is read must not pass the limit either.
		info, release, err = a.s.addCopy(ctx, &capped{f: f, left: left}, uint64(size), AddOptions{OnRead: a.opt.OnRead})
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.held = append(a.held, release)
	a.mu.Unlock()
	if err := a.count(info.Size); err != nil {
		return err
	}
	c, err := parseCID(info.CID)
	if err != nil {
		return err
	}
	tsize, err := a.s.treeSize(c, info.Size)
	e.link, e.rec = link{cid: c, tsize: tsize}, record{Size: info.Size, Blocks: info.Blocks}
	return err
}

// count holds the payload so far to the limits.
func (a *treeAdder) count(n uint64) error {
	if sum := a.bytes.Add(n); sum > a.lim.Bytes || sum < n {
		return fmt.Errorf("%w: more than %d bytes", ErrTooBig, a.lim.Bytes)
	}
	return nil
}

func (a *treeAdder) releaseAll() {
	for _, release := range a.held {
		release()
	}
}

// capped fails with ErrTooBig instead of reading past its limit.
type capped struct {
	f    *os.File
	left uint64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.f.Read(p)
	if uint64(n) > c.left {
		return 0, ErrTooBig
	}
	c.left -= uint64(n)
	return n, err
}
