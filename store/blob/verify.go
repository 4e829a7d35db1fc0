package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob/sha"
)

// Verify reads c, and all below it, from the disk and compares every block
// with its CID. Errors: ErrCorrupt, ErrChanged, ErrNotHave, ErrCID.
func (s *Store) Verify(ctx context.Context, c string) error {
	root, err := parseCID(c)
	if err != nil {
		return err
	}
	defer s.use(root)()
	return s.below([]cid.Cid{root}, func(c cid.Cid, r record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !r.Dir {
			return s.verifyFile(ctx, c, r)
		}
		_, err := readFolder(c, func(n cid.Cid) ([]byte, error) {
			block, err := s.node(c, n)
			if err == nil && sha256.Sum256(block) != digest(n) {
				err = fmt.Errorf("%w: node %s of folder %s", ErrCorrupt, n, c)
			}
			return block, err
		})
		return err
	})
}

// below calls fn once for each file and folder reachable from roots.
func (s *Store) below(roots []cid.Cid, fn func(cid.Cid, record) error) error {
	seen := map[cid.Cid]bool{}
	for len(roots) > 0 {
		c := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if seen[c] {
			continue
		}
		seen[c] = true
		r, err := s.record(c)
		if err != nil {
			return err
		}
		if err := fn(c, r); err != nil {
			return err
		}
		if !r.Dir {
			continue
		}
		n, err := s.folder(c)
		if err != nil {
			return err
		}
		for _, l := range n.links() {
			roots = append(roots, l.cid)
		}
	}
	return nil
}

// verifyFile compares every block of a file with its CID.
func (s *Store) verifyFile(ctx context.Context, c cid.Cid, r record) error {
	if r.Ref != "" {
		return s.verifyReference(ctx, c, r)
	}
	f, err := s.openFile(c, r)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.compare(ctx, c, r, f, ErrCorrupt)
}

// verifyReference compares a file of the user's, whatever the file system says
// of it. One that was touched or linked and still has its bytes
// can be used again after that.
func (s *Store) verifyReference(ctx context.Context, c cid.Cid, r record) error {
	f, st, err := openPlain(r.Ref, ErrChanged)
	if err != nil {
		return err
	}
	defer f.Close()
	if !st.Mode().IsRegular() || uint64(st.Size()) != r.Size {
		return fmt.Errorf("%w: %s", ErrChanged, r.Ref)
	}
	now, _, err := settled(ctx, f)
	if err != nil {
		return err
	}
	if err := s.compare(ctx, c, r, f, ErrChanged); err != nil {
		return err
	}
	if err := now.same(f, r.Size); err != nil || now == r.stamp {
		return err
	}
	return space(s.index.Update(func(x store.Txn) error {
		var old record
		if err := getIn(x, key(recordPrefix, c), &old); err != nil || old.Ref != r.Ref {
			return err
		}
		old.stamp = now
		return setJSON(x, key(recordPrefix, c), old)
	}))
}

// compare reads the leaves with many goroutines and checks the nodes itself.
// wrong is the error for bytes that are not those of the CID.
func (s *Store) compare(ctx context.Context, c cid.Cid, r record, f io.ReaderAt, wrong error) error {
	v := &comparison{s: s, c: c, r: r, w: newWalker(c), f: f, wrong: wrong}
	group, ctx := errgroup.WithContext(ctx)
	workers, batch := s.spread(max(r.Size, 1))
	for i := range workers {
		group.Go(func() error {
			buf, err := s.pool.get(ctx, batch*chunkSize, i == 0)
			if err != nil {
				return err
			}
			defer s.pool.put(buf)
			for more := true; more && err == nil; {
				more, err = v.step(ctx, buf)
			}
			return err
		})
	}
	return group.Wait()
}

// comparison is a file that is being verified.
type comparison struct {
	s     *Store
	c     cid.Cid
	r     record
	f     io.ReaderAt
	wrong error

	mu    sync.Mutex // held while the next leaves are looked up
	w     *walker
	ahead *step // the next leaf, which did not fit in
	err   error
}

// step compares as many leaves as fit into the buffer; false after the last.
func (v *comparison) step(ctx context.Context, buf []byte) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	leaves, err := v.next(uint64(len(buf)))
	if err != nil || len(leaves) == 0 {
		return false, err
	}
	first, last := leaves[0], leaves[len(leaves)-1]
	buf = grow(buf, int(last.offset+last.size-first.offset)) // leaves of others may be larger than a chunk
	if n, err := v.f.ReadAt(buf, int64(first.offset)); n < len(buf) {
		if errors.Is(err, ErrChanged) {
			return false, err
		}
		return false, fmt.Errorf("%w: %s is short: %w", v.wrong, v.c, err)
	}
	blocks, sums := make([][]byte, len(leaves)), make([][sha256.Size]byte, len(leaves))
	for i, st := range leaves {
		at := st.offset - first.offset
		blocks[i] = buf[at : at+st.size]
	}
	sha.Sum(sums, blocks)
	for i, st := range leaves {
		if sums[i] != digest(st.cid) {
			return false, fmt.Errorf("%w: %s at byte %d", v.wrong, v.c, st.offset)
		}
	}
	return true, nil
}

// next lists leaves, one after the other in the file, of so many bytes, or one
// that is larger. It checks the nodes on the way.
func (v *comparison) next(room uint64) (leaves []step, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ahead != nil {
		leaves, room = append(leaves, *v.ahead), room-min(room, v.ahead.size)
		v.ahead = nil
	}
	for v.err == nil {
		st, more, err := v.w.next()
		if err != nil || !more {
			v.err = err
			return leaves, err
		}
		if !isRaw(st.cid) {
			v.err = v.node(st)
			continue
		}
		if st.root {
			st.size = v.r.Size
		}
		if len(leaves) > 0 && st.size > room {
			v.ahead = &st
			return leaves, nil
		}
		leaves, room = append(leaves, st), room-min(room, st.size)
	}
	return nil, v.err
}

// node checks one node and goes into it.
func (v *comparison) node(st step) error {
	block, err := v.s.node(v.c, st.cid)
	if err == nil && sha256.Sum256(block) == digest(st.cid) {
		_, err = v.w.open(block)
		return err
	}
	if err == nil || errors.Is(err, ErrNotHave) {
		err = fmt.Errorf("%w: node %s", ErrCorrupt, st.cid)
	}
	return err
}
