package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

// file brings a file of several blocks.
func (m *carImport) file(ctx context.Context, c cid.Cid, size uint64) error {
	release, err := m.s.reserve(size)
	if err != nil {
		return err
	}
	defer release()
	tmp, err := os.CreateTemp(m.s.tmpDir(), addPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after publish there is nothing under this name
	l := &carLeaves{m: m, to: tmp, w: newWalker(c)}
	if err = l.run(ctx, size); err == nil {
		err = m.s.publish(tmp, c)
	} else {
		err = errors.Join(err, tmp.Close())
	}
	if err == nil {
		err = m.s.commit(c, record{Size: size, Blocks: int(l.w.blocks)})
	}
	if err != nil {
		return errors.Join(err, m.s.forget(c))
	}
	return nil
}

// carLeaves brings the leaves of one file. Each of its workers in turn walks
// on to the next leaves, and then reads, hashes and writes them while the
// others walk.
type carLeaves struct {
	m     *carImport
	to    *os.File
	batch int // leaves at once

	mu    sync.Mutex // held while walking; it guards the rest and m.progress
	w     *walker
	ahead step // a leaf that did not fit into the batch before, if its CID is set
	end   bool
}

func (l *carLeaves) run(ctx context.Context, size uint64) error {
	group, ctx := errgroup.WithContext(ctx)
	workers, batch := l.m.s.spread(size)
	l.batch = batch
	for range workers {
		group.Go(func() error {
			buf := make([]byte, max(batch*chunkSize, maxLeaf))
			for {
				steps, err := l.next(ctx, uint64(len(buf)))
				if err != nil || len(steps) == 0 {
					return err
				}
				if err := l.copy(steps, buf); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// next returns the leaves that follow, of at most room bytes; none at the end.
func (l *carLeaves) next(ctx context.Context, room uint64) (steps []step, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(steps) < l.batch && !l.end {
		st := l.ahead
		l.ahead = step{}
		if !st.cid.Defined() {
			var more bool
			if st, more, err = l.w.next(); err != nil || !more {
				l.end = true
				return steps, err
			}
		}
		if !isRaw(st.cid) {
			if err := l.node(ctx, st); err != nil {
				return nil, err
			}
			continue
		}
		if st.size > room {
			l.ahead = st
			return steps, nil
		}
		room -= st.size
		steps = append(steps, st)
	}
	return steps, ctx.Err()
}

// node takes in an interior node.
func (l *carLeaves) node(ctx context.Context, st step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	block, err := l.m.f.read(st.cid, maxNode)
	if err != nil {
		return err
	}
	n, err := l.w.open(block)
	if err == nil && n.dir {
		err = fmt.Errorf("%w: folder where a file was due", ErrDAG)
	}
	if err != nil {
		return err
	}
	return l.m.s.putNodes(l.w.root, [][]byte{block}, []cid.Cid{st.cid})
}

// copy verifies leaves that follow each other and writes them in one piece.
func (l *carLeaves) copy(steps []step, buf []byte) error {
	at, size := steps[0].offset, uint64(0)
	blocks, sums := make([][]byte, len(steps)), make([][sha256.Size]byte, len(steps))
	for i, st := range steps {
		blocks[i] = buf[size : size+st.size]
		size += st.size
		if err := l.m.f.readLeaf(st.cid, blocks[i]); err != nil {
			return err
		}
	}
	sha.Sum(sums, blocks)
	for i, st := range steps {
		if sums[i] != digest(st.cid) {
			return fmt.Errorf("%w: %s", ErrBadBlock, st.cid)
		}
	}
	if _, err := l.to.WriteAt(buf[:size], int64(at)); err != nil {
		return space(err)
	}
	startWriteback(l.to, int64(at), int64(size))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m.stored(size)
	return nil
}
