package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ipfs/go-cid"
)

// makeProfile tells a person how to get content that can be taken in.
const makeProfile = "to make content that can be kept, add the same files with `infernet data add`, or with " +
	"`ipfs add --cid-version 1 --raw-leaves --chunker size-1048576 --max-file-links 1024`"

// ImportCAR takes in what the roots of a CAR file name: versions 1 and 2, the
// blocks in any order, other blocks beside them. Every block is verified, and
// a root is visible only when it is whole; lim is for all roots together. What
// is taken in before an error stays: whole roots are returned with the error,
// whole files of the failed one are left to GC.
//
// Errors: ErrCAR when the file is malformed or lacks a block, ErrBadBlock,
// ErrProfile for sound content of another making, which says how to make it
// right; ErrDAG, ErrName, ErrTooBig, ErrNoSpace, ErrFileType.
func (s *Store) ImportCAR(ctx context.Context, path string, lim Limits) ([]Info, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return s.importCAR(ctx, file, st.Size(), lim.withDefaults())
}

func (s *Store) importCAR(ctx context.Context, r io.ReaderAt, size int64, lim Limits) ([]Info, error) {
	f, err := openCAR(r, size)
	if err != nil {
		return nil, err
	}
	if len(f.roots) == 0 {
		return nil, fmt.Errorf("%w: it names no root", ErrCAR)
	}
	// Before the long part: a root that cannot be taken in.
	for _, root := range f.roots {
		if err := checkCID(root); err != nil {
			return nil, foreign(root, err)
		}
	}
	if err := f.scan(ctx); err != nil {
		return nil, err
	}
	m := &carImport{s: s, f: f, lim: lim, pack: s.newPacker(), seen: map[cid.Cid]bool{}}
	defer m.releaseAll()
	var out []Info
	for _, root := range f.roots {
		if m.seen[root] && s.usable(root) {
			continue // named twice, or below a root before
		}
		i, err := m.root(ctx, root)
		if err != nil {
			return out, errors.Join(foreign(root, space(err)), m.pack.close())
		}
		out = append(out, i)
	}
	m.progress.Complete = true
	m.report(true)
	return out, m.pack.close()
}

// foreign adds to an error about content of another making what to do.
func foreign(root cid.Cid, err error) error {
	switch {
	case errors.Is(err, ErrProfile):
		return fmt.Errorf("root %s: %w; %s", root, err, makeProfile)
	case errors.Is(err, ErrCID):
		return fmt.Errorf("%w: root %s: %w; %s", ErrProfile, root, err, makeProfile)
	}
	return fmt.Errorf("root %s: %w", root, err)
}

// carImport is one call of ImportCAR. One goroutine owns it.
type carImport struct {
	s        *Store
	f        *carFile
	lim      Limits
	pack     *packer
	held     []func()         // kept from GC until the end
	seen     map[cid.Cid]bool // files and folders
	folders  []cid.Cid        // to be made visible, children before parents
	entries  int
	progress Progress
	speed    speedometer
	told     time.Time // of the last report
}

func (m *carImport) releaseAll() {
	for _, release := range m.held {
		release()
	}
}

// root brings one root and all below it.
func (m *carImport) root(ctx context.Context, root cid.Cid) (Info, error) {
	m.folders = nil
	if err := m.take(ctx, root, 0); err != nil {
		return Info{}, err
	}
	if err := m.pack.flush(); err != nil {
		return Info{}, err
	}
	for _, c := range m.folders {
		if err := m.finishFolder(c); err != nil {
			return Info{}, err
		}
	}
	return m.s.Stat(root.String())
}

// take brings a file, or a folder and what is in it, unless it is here.
func (m *carImport) take(ctx context.Context, c cid.Cid, depth int) error {
	if m.seen[c] {
		return nil
	}
	m.seen[c] = true
	m.held = append(m.held, m.s.use(c))
	if m.s.usable(c) {
		return m.already(c)
	}
	if isRaw(c) {
		return m.single(ctx, c, depth > 0)
	}
	block, err := m.f.read(c, maxNode)
	if err != nil {
		return err
	}
	n, err := decodeBlock(block)
	if err != nil {
		return err
	}
	if n.dir {
		return m.folder(ctx, c, depth)
	}
	if err := m.grow(n.size); err != nil {
		return err
	}
	return m.claimed(ctx, c, func() error { return m.file(ctx, c, n.size) })
}

// already counts content that is whole.
func (m *carImport) already(c cid.Cid) error {
	r, err := m.s.record(c)
	if err != nil {
		return err
	}
	m.entries = addInt(m.entries, r.Entries)
	m.progress.Bytes += r.Size
	return m.grow(r.Size)
}

// grow counts payload and holds it to the limits before any of it is stored.
func (m *carImport) grow(size uint64) error {
	m.progress.Total += size
	if m.progress.Total < size || m.lim.check(m.progress.Total, m.entries) != nil {
		return fmt.Errorf("%w: %d bytes of at most %d, %d entries of at most %d",
			ErrTooBig, m.progress.Total, m.lim.Bytes, m.entries, m.lim.Entries)
	}
	return nil
}

// stored counts payload that is written.
func (m *carImport) stored(size uint64) {
	m.progress.Bytes += size
	m.progress.Fetched += size
	m.report(false)
}

func (m *carImport) report(now bool) {
	if m.lim.OnProgress == nil || !now && time.Since(m.told) < 100*time.Millisecond {
		return
	}
	m.told = time.Now()
	m.speed.note(m.told, m.progress.Fetched)
	m.progress.Speed = m.speed.last
	m.lim.OnProgress(m.progress)
}

// claimed runs bring with the temporary names of c reserved, unless somebody
// else brings c meanwhile.
func (m *carImport) claimed(ctx context.Context, c cid.Cid, bring func() error) error {
	for !m.s.claim(c) {
		if err := m.s.awaitClaim(ctx, c); err != nil {
			return err
		}
	}
	defer m.s.unclaim(c)
	if m.s.usable(c) {
		return nil
	}
	return bring()
}

// single brings a file of one raw block; a small one inside a folder goes into
// a pack.
func (m *carImport) single(ctx context.Context, c cid.Cid, inside bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := m.f.read(c, maxLeaf)
	if err != nil {
		return err
	}
	size := uint64(len(b))
	if err := m.grow(size); err != nil {
		return err
	}
	if inside && len(b) <= packLimit {
		err = m.pack.put(c, b)
	} else {
		err = m.claimed(ctx, c, func() error { return m.loose(c, b) })
	}
	if err == nil {
		m.stored(size)
	}
	return err
}

// loose keeps a file of one block as a plain file of its own.
func (m *carImport) loose(c cid.Cid, b []byte) error {
	release, err := m.s.reserve(uint64(len(b)))
	if err != nil {
		return err
	}
	defer release()
	tmp, err := os.CreateTemp(m.s.tmpDir(), addPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := m.s.publish(tmp, c); err != nil {
		return err
	}
	return m.s.commit(c, record{Size: uint64(len(b)), Blocks: 1})
}

// folder takes in the nodes of a folder, plain or sharded, and its entries.
func (m *carImport) folder(ctx context.Context, c cid.Cid, depth int) error {
	w := newFolderWalk(c)
	for n, more := w.next(); more; n, more = w.next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		block, err := m.f.read(n, maxNode)
		if err == nil {
			before := len(w.links())
			err = w.open(block)
			m.entries += len(w.links()) - before
		}
		if err == nil {
			err = m.grow(0)
		}
		if err == nil {
			err = m.s.putNodes(c, [][]byte{block}, []cid.Cid{n})
		}
		if err != nil {
			return err
		}
	}
	if depth >= m.lim.Depth && len(w.links()) > 0 {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, m.lim.Depth)
	}
	for _, l := range w.links() {
		if err := m.take(ctx, l.cid, depth+1); err != nil {
			return fmt.Errorf("%.64q: %w", l.name, err)
		}
	}
	m.folders = append(m.folders, c)
	return nil
}

// finishFolder makes a folder visible whose entries are.
func (m *carImport) finishFolder(c cid.Cid) error {
	w, err := readFolder(c, func(n cid.Cid) ([]byte, error) { return m.s.node(c, n) })
	if err != nil {
		return err
	}
	r, err := m.s.folderRecord(w.links(), w.blocks)
	if err != nil {
		return err
	}
	if err := m.lim.check(r.Size, r.Entries); err != nil {
		return fmt.Errorf("%w: %d bytes, %d entries", err, r.Size, r.Entries)
	}
	return m.s.commit(c, r)
}
