package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
)

// AddTree stores a folder: regular files and folders, by name, without
// metadata. Errors: ErrFileType for anything else (links too), ErrName,
// ErrTooBig past Config.Tree, ErrNoSpace. What was added before an error stays
// as unpinned files.
//
// A folder of so many entries that its node would pass 256 KiB gets a plain
// node here and a sharded one, with another CID, from IPFS tools; past 1 MiB
// it is refused with ErrTooBig.
func (s *Store) AddTree(ctx context.Context, dir string) (Info, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Info{}, err
	}
	defer root.Close()
	a := &treeAdder{s: s, lim: s.cfg.Tree}
	defer func() {
		for _, release := range a.held {
			release()
		}
	}()
	top, err := a.dir(ctx, root, 0)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", dir, err)
	}
	return s.Stat(top.cid.String())
}

type treeAdder struct {
	s       *Store
	lim     Limits
	bytes   uint64
	entries int
	held    []func()
}

// dir adds one folder through its own root handle, so that a link swapped in
// while it runs leads nowhere outside.
func (a *treeAdder) dir(ctx context.Context, root *os.Root, depth int) (link, error) {
	if depth > a.lim.Depth {
		return link{}, fmt.Errorf("%w: folders deeper than %d", ErrTooBig, a.lim.Depth)
	}
	entries, err := a.read(root)
	if err != nil {
		return link{}, err
	}
	n := &node{dir: true}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return link{}, err
		}
		if err := checkName(e.Name()); err != nil {
			return link{}, err
		}
		l, err := a.entry(ctx, root, e.Name(), depth)
		if err != nil {
			return link{}, fmt.Errorf("%.64q: %w", e.Name(), err)
		}
		l.name = e.Name()
		n.links = append(n.links, l)
	}
	return a.keep(n)
}

// read lists a folder in byte order, counting before it holds too much.
func (a *treeAdder) read(root *os.Root) ([]os.DirEntry, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(a.lim.Entries - a.entries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	a.entries += len(entries)
	if err := a.lim.check(a.bytes, a.entries); err != nil {
		return nil, fmt.Errorf("%w: more than %d entries", err, a.lim.Entries)
	}
	slices.SortFunc(entries, func(x, y os.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	return entries, nil
}

func (a *treeAdder) entry(ctx context.Context, root *os.Root, name string, depth int) (link, error) {
	st, err := root.Lstat(name)
	if err != nil {
		return link{}, err
	}
	switch {
	case st.IsDir():
		sub, err := root.OpenRoot(name)
		if err != nil {
			return link{}, err
		}
		defer sub.Close()
		return a.dir(ctx, sub, depth+1)
	case st.Mode().IsRegular():
		return a.file(ctx, root, name, st)
	}
	return link{}, fmt.Errorf("%w: %s", ErrFileType, st.Mode().Type())
}

func (a *treeAdder) file(ctx context.Context, root *os.Root, name string, st os.FileInfo) (link, error) {
	f, err := root.Open(name)
	if err != nil {
		return link{}, err
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(st, now) {
		return link{}, errors.Join(ErrFileType, err)
	}
	// A file that grows while it is read must not pass the limit either.
	r := &capped{f: f, left: a.lim.Bytes - a.bytes}
	info, release, err := a.s.addCopy(ctx, r, false)
	if err != nil {
		return link{}, err
	}
	a.held = append(a.held, release)
	a.bytes += info.Size
	c, err := parseCID(info.CID)
	if err != nil {
		return link{}, err
	}
	size, err := a.s.treeSize(c, info.Size)
	return link{cid: c, tsize: size}, err
}

// keep stores the node of a folder and its record.
func (a *treeAdder) keep(n *node) (link, error) {
	block := n.encode()
	if len(block) > maxNode {
		return link{}, fmt.Errorf("%w: folder of %d entries", ErrTooBig, len(n.links))
	}
	c := makeCID(cid.DagProtobuf, sha256.Sum256(block))
	a.held = append(a.held, a.s.use(c))
	if err := a.s.putNodes(c, [][]byte{block}, []cid.Cid{c}); err != nil {
		return link{}, err
	}
	rec, err := a.s.dirRecord(n)
	if err != nil {
		return link{}, err
	}
	size := uint64(len(block))
	for _, l := range n.links {
		size += l.tsize
	}
	return link{cid: c, tsize: size}, a.s.commit(c, rec)
}

// treeSize is the dag-pb size of a file: its payload and its nodes.
func (s *Store) treeSize(root cid.Cid, payload uint64) (uint64, error) {
	if isRaw(root) {
		return payload, nil
	}
	block, err := s.node(root, root)
	if err != nil {
		return 0, err
	}
	n, err := decodeNode(block)
	if err != nil {
		return 0, err
	}
	size := uint64(len(block))
	for _, l := range n.links {
		size += l.tsize
	}
	return size, nil
}

// dirRecord sums up a folder whose children are all here. Sums of hostile
// folders overflow; they stop at the largest number instead.
func (s *Store) dirRecord(n *node) (record, error) {
	rec := record{Dir: true, Blocks: 1, Entries: len(n.links)}
	for _, l := range n.links {
		child, err := s.record(l.cid)
		if err != nil {
			return rec, err
		}
		if rec.Size += child.Size; rec.Size < child.Size {
			rec.Size = math.MaxUint64
		}
		rec.Blocks = addInt(rec.Blocks, child.Blocks)
		rec.Entries = addInt(rec.Entries, child.Entries)
	}
	return rec, nil
}

func addInt(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
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
