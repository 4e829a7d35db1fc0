package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// receive takes the answer to one want from the stream.
func (f *fetch) receive(ctx context.Context, it *item) error {
	if err := readStatus(f.conn.r); err != nil {
		return err
	}
	f.conn.alive()
	if it.node != nil {
		return nil // a folder that was here and has been expanded
	}
	if it.part == nil {
		p := &part{s: f.s, root: it.cid, w: newWalker(it.cid)}
		it.part = p
		var err error
		if p.pending, _, err = p.w.next(); err != nil {
			return err
		}
	}
	err := f.receiveFile(ctx, it)
	if errors.Is(err, ErrDAG) || errors.Is(err, ErrTooBig) || errors.Is(err, ErrName) || errors.Is(err, ErrCID) {
		return errors.Join(err, it.part.drop())
	}
	return err
}

// receiveFile takes in the blocks after those held and makes the file visible.
func (f *fetch) receiveFile(ctx context.Context, it *item) error {
	p := it.part
	if isRaw(p.root) {
		return f.receiveSingle(p)
	}
	var pp *pipe
	folder := false
	err := func() (err error) {
		for st, more := p.pending, !p.whole; more; st, more, err = p.w.next() {
			if err != nil {
				return err
			}
			if !isRaw(st.cid) {
				n, err := f.receiveNode(p, st)
				if err != nil {
					return err
				}
				if folder = n.dir; folder {
					return f.expand(n, it.depth)
				}
				continue
			}
			if pp == nil {
				if err := p.create(); err != nil {
					return err
				}
				pp = f.leaves(ctx, p)
			}
			if err := f.receiveLeaf(pp, st); err != nil {
				return err
			}
		}
		return err
	}()
	if pp != nil {
		// A bad leaf is the reason why the producer was stopped, so it counts.
		if e := pp.wait(); e != nil {
			err = e
		}
	}
	if err != nil && p.f != nil && !errors.Is(err, ErrDAG) {
		return errors.Join(err, p.save())
	}
	if err != nil || folder {
		return err
	}
	return p.finish()
}

// leaves starts the goroutines that verify and write the leaves of p.
func (f *fetch) leaves(ctx context.Context, p *part) *pipe {
	return newPipe(ctx, f.s.cfg.Workers,
		func(j *job) error {
			if sha256.Sum256(j.buf) != digest(j.step.cid) {
				return fmt.Errorf("%w: %s", ErrBadBlock, j.step.cid)
			}
			return p.write(j.step, j.buf)
		},
		func(j *job) error {
			f.progress.Bytes += j.step.size
			f.progress.Fetched += j.step.size
			f.report()
			return p.advance(j.step)
		})
}

func (f *fetch) receiveLeaf(pp *pipe, st step) error {
	n, err := readLength(f.conn.r, st.size, st.size)
	if err != nil {
		return err
	}
	buf, err := pp.buffer(n)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(f.conn.r, buf); err != nil {
		return cut(err)
	}
	f.conn.alive()
	pp.put(buf, st)
	return nil
}

// receiveNode takes in a node and, when it is the root of a file, holds the
// size it declares to the limits.
func (f *fetch) receiveNode(p *part, st step) (*node, error) {
	n, err := readLength(f.conn.r, 1, maxNode)
	if err != nil {
		return nil, err
	}
	block, err := readBlock(f.conn.r, st.cid, n)
	if err != nil {
		return nil, err
	}
	f.conn.alive()
	nd, err := p.open(st, block)
	if err != nil {
		return nil, err
	}
	if st.root && !nd.dir {
		if err := f.grow(nd.size); err != nil {
			return nil, err
		}
	}
	return nd, f.s.putNodes(p.root, [][]byte{block}, []cid.Cid{st.cid})
}

// receiveSingle takes in a file of one raw block, whose size only its length
// field tells.
func (f *fetch) receiveSingle(p *part) error {
	n, err := readLength(f.conn.r, 0, maxLeaf)
	if err != nil {
		return err
	}
	if err := f.grow(uint64(n)); err != nil {
		return err
	}
	block, err := readBlock(f.conn.r, p.root, n)
	if err != nil {
		return err
	}
	f.conn.alive()
	if err := p.create(); err != nil {
		return err
	}
	st := step{cid: p.root, size: uint64(n)}
	if err := p.write(st, block); err != nil {
		return err
	}
	p.count(st)
	f.progress.Bytes += st.size
	f.progress.Fetched += st.size
	f.report()
	return p.finish()
}

// finishFolders makes folders visible, children before parents, once all files
// are here. A folder that has its record is whole, so that one that appears
// often is looked into once.
func (f *fetch) finishFolders(ctx context.Context, c cid.Cid, depth int) error {
	if isRaw(c) || f.s.usable(c) {
		return nil
	}
	if depth > f.lim.Depth {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, f.lim.Depth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	block, err := f.s.node(c, c)
	if err != nil {
		return err
	}
	n, err := decodeNode(block)
	if err != nil {
		return err
	}
	for _, l := range n.links {
		if err := f.finishFolders(ctx, l.cid, depth+1); err != nil {
			return err
		}
	}
	r, err := f.s.dirRecord(n)
	if err == nil {
		err = f.lim.check(r.Size, r.Entries)
	}
	if err != nil {
		return err
	}
	return f.s.commit(c, r)
}

// claim reserves the temporary file of c; false when somebody else has it.
func (s *Store) claim(c cid.Cid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims[c] != nil {
		return false
	}
	s.claims[c] = make(chan struct{})
	return true
}

func (s *Store) unclaim(c cid.Cid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.claims[c])
	delete(s.claims, c)
}

// awaitClaim waits until nobody has c reserved.
func (s *Store) awaitClaim(ctx context.Context, c cid.Cid) error {
	s.mu.Lock()
	ch := s.claims[c]
	s.mu.Unlock()
	if ch == nil {
		return nil
	}
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
