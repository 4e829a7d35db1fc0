package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

// batchBytes bounds the leaves that one goroutine reads and hashes at once.
const batchBytes = 8 << 20

// file brings a file of several blocks. The nodes are read in order, the
// leaves by several goroutines, which write each at its place.
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
	defer os.Remove(tmp.Name())
	w := newWalker(c)
	err = m.leaves(ctx, w, tmp)
	if err == nil {
		err = m.s.publish(tmp, c)
	} else {
		err = errors.Join(err, tmp.Close())
	}
	if err == nil {
		err = m.s.commit(c, record{Size: size, Blocks: int(w.blocks)})
	}
	if err != nil {
		return errors.Join(err, m.s.forget(c))
	}
	return nil
}

// leaves walks a file and writes its leaves to tmp.
func (m *carImport) leaves(ctx context.Context, w *walker, tmp *os.File) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(m.s.cfg.Workers)
	err := func() error {
		var batch []step
		var bytes uint64
		send := func() {
			steps := batch
			group.Go(func() error { return m.f.copyLeaves(ctx, steps, tmp) })
			m.stored(bytes)
			batch, bytes = nil, 0
		}
		for {
			st, more, err := w.next()
			if err != nil {
				return err
			}
			if !more {
				send()
				return nil
			}
			if !isRaw(st.cid) {
				if err := m.node(ctx, w, st); err != nil {
					return err
				}
				continue
			}
			if len(batch) > 0 && (bytes+st.size > batchBytes || len(batch) == sha.Lanes()) {
				send()
			}
			batch, bytes = append(batch, st), bytes+st.size
		}
	}()
	if e := group.Wait(); err == nil || errors.Is(err, context.Canceled) && e != nil {
		err = e // what stopped the walk counts
	}
	return err
}

// node takes in an interior node of a file.
func (m *carImport) node(ctx context.Context, w *walker, st step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	block, err := m.f.read(st.cid, maxNode)
	if err != nil {
		return err
	}
	n, err := w.open(block)
	if err == nil && n.dir {
		err = fmt.Errorf("%w: folder where a file was due", ErrDAG)
	}
	if err != nil {
		return err
	}
	return m.s.putNodes(w.root, [][]byte{block}, []cid.Cid{st.cid})
}

// copyLeaves verifies leaves that follow each other in a file and writes them.
func (f *carFile) copyLeaves(ctx context.Context, steps []step, to *os.File) error {
	if err := ctx.Err(); err != nil || len(steps) == 0 {
		return err
	}
	last := steps[len(steps)-1]
	at := steps[0].offset
	all := make([]byte, last.offset+last.size-at)
	blocks, sums := make([][]byte, len(steps)), make([][sha256.Size]byte, len(steps))
	for i, st := range steps {
		blocks[i] = all[st.offset-at : st.offset-at+st.size]
		if err := f.readLeaf(st.cid, blocks[i]); err != nil {
			return err
		}
	}
	sha.Sum(sums, blocks)
	for i, st := range steps {
		if sums[i] != digest(st.cid) {
			return fmt.Errorf("%w: %s", ErrBadBlock, st.cid)
		}
	}
	_, err := to.WriteAt(all, int64(at))
	return space(err)
}
