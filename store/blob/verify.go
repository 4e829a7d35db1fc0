package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
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

func (s *Store) verifyFile(ctx context.Context, c cid.Cid, r record) error {
	f, err := s.openFile(c, r)
	if err != nil {
		return err
	}
	defer f.Close()
	p := newPipe(ctx, s.cfg.Workers,
		func(j *job) error {
			if sha256.Sum256(j.buf) != digest(j.step.cid) {
				return fmt.Errorf("%w: %s at byte %d", ErrCorrupt, c, j.step.offset)
			}
			return nil
		},
		func(*job) error { return nil })
	err = s.readBlocks(p, f, c, r)
	if e := p.wait(); e != nil {
		err = e
	}
	return err
}

// readBlocks puts every leaf of a file into p and checks the nodes itself.
func (s *Store) readBlocks(p *pipe, r io.Reader, c cid.Cid, rec record) error {
	w := newWalker(c)
	for {
		st, more, err := w.next()
		if err != nil || !more {
			return err
		}
		if !isRaw(st.cid) {
			block, err := s.node(c, st.cid)
			if err == nil && sha256.Sum256(block) == digest(st.cid) {
				_, err = w.open(block)
			} else if err == nil || errors.Is(err, ErrNotHave) {
				err = fmt.Errorf("%w: node %s", ErrCorrupt, st.cid)
			}
			if err != nil {
				return err
			}
			continue
		}
		if st.root {
			st.size = rec.Size
		}
		buf, err := p.buffer(int(st.size))
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, buf); err != nil && st.size > 0 {
			return fmt.Errorf("%w: %s is short: %w", ErrCorrupt, c, err)
		}
		p.put(buf, st)
	}
}
