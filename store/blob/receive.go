package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/store/blob/swarm"
)

// receive takes in the answer to one question.
func (p *peer) receive(ctx context.Context, a *asking) error {
	part, err := readStatus(p.k.r)
	if a.q.have {
		return p.receiveMap(a, part, err)
	}
	if errors.Is(err, ErrNotHave) && p.part && a.fp == nil {
		p.lacking(a)
		return nil
	}
	if err == nil && part {
		err = wrongAnswer("status %d", statusPart)
	}
	if err != nil {
		return err
	}
	p.k.alive()
	switch {
	case a.fp != nil:
		err = p.receiveLeaves(ctx, a)
	case a.folder != nil:
		err = p.receiveEnd()
		if err == nil {
			p.f.mu.Lock()
			p.opened[a.folder] = granted
			p.f.mu.Unlock()
		}
	case isRaw(a.it.cid):
		err = p.receiveBlock(ctx, a.it)
	default:
		err = p.receiveItem(a)
	}
	if errors.Is(err, ErrNotHave) && p.part && a.fp == nil {
		p.lacking(a)
		return nil
	}
	return err
}

// lacking notes that a source which has the root in part has not what it was
// asked for, and leaves it to the others.
func (p *peer) lacking(a *asking) {
	f := p.f
	f.mu.Lock()
	if a.folder != nil {
		p.lacks[a.folder] = true
	}
	if it := a.it; it != nil {
		p.lacks[it] = true
		if it.askers--; it.askers == 0 && f.asked[it] {
			delete(f.asked, it)
			f.ready = append(f.ready, it)
		}
		a.it = nil
	}
	f.mu.Unlock()
	f.wakePeers()
}

// receiveMap takes in what of a file the source has.
func (p *peer) receiveMap(a *asking, part bool, err error) error {
	f := p.f
	var leaves []swarm.Span
	whole := err == nil && !part
	if part {
		spans, err := readMap(p.k.r)
		if err != nil {
			return err
		}
		leaves = []swarm.Span{}
		for _, sp := range spans {
			from, to, err := a.fp.part.table.within(sp)
			if err != nil {
				return err
			}
			if from < to {
				leaves = append(leaves, swarm.Span{From: from, To: to})
			}
		}
	} else if err != nil && !errors.Is(err, ErrNotHave) {
		return err
	}
	if !whole && leaves == nil {
		leaves = []swarm.Span{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a.fp.plan.Join(p.key, leaves, time.Now())
	return nil
}

// receiveEnd takes in the end of an answer; the next length field must say it.
func (p *peer) receiveEnd() error {
	switch n, err := readLength(p.k.r, 0, maxLeaf); {
	case err == nil:
		return wrongAnswer("%d bytes after the last block", n)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// receiveLeaves takes in payload of a file.
func (p *peer) receiveLeaves(ctx context.Context, a *asking) error {
	for i := a.from; ; i++ {
		if i == a.end {
			return p.receiveEnd()
		}
		st, err := a.fp.part.table.leaf(i)
		if err != nil {
			return err
		}
		n, err := readLength(p.k.r, st.size, st.size)
		if errors.Is(err, io.EOF) {
			p.f.mu.Lock()
			defer p.f.mu.Unlock()
			if i < a.to {
				return wrongAnswer("answer ends at leaf %d of %d", i, a.to)
			}
			return nil
		}
		if err != nil {
			return err
		}
		buf, err := p.read(ctx, n)
		if err != nil {
			return err
		}
		p.deliver(buf, i+1 < a.end, func(sum [32]byte) { p.leaf(a, i, st, buf, sum) })
	}
}

// read takes a block of n bytes from the stream into a buffer of the pool.
func (p *peer) read(ctx context.Context, n int) ([]byte, error) {
	f := p.f
	f.mu.Lock()
	first := p.pending == 0
	f.mu.Unlock()
	if err := f.budget.acquire(ctx, n, first); err != nil {
		return nil, err
	}
	buf, err := f.s.pool.get(ctx, n, first)
	if err != nil {
		f.budget.release(n)
		return nil, err
	}
	p.k.alive() // the wait was ours
	if _, err := io.ReadFull(p.k.r, buf); err != nil {
		f.giveBack(buf)
		return nil, cut(err)
	}
	p.k.alive()
	return buf, nil
}

// giveBack ends the use of a buffer.
func (f *fetch) giveBack(buf []byte) {
	f.s.pool.put(buf)
	f.budget.release(len(buf))
}

// deliver has a block verified; then is called with its hash and stores it.
// more says that another one is due from this source.
func (p *peer) deliver(buf []byte, more bool, then func(sum [32]byte)) {
	f := p.f
	f.mu.Lock()
	p.pending++
	f.storing++
	f.mu.Unlock()
	f.s.hasher.put(hashing{buf, func(sum [32]byte) {
		then(sum)
		f.giveBack(buf)
		f.mu.Lock()
		p.pending--
		f.storing--
		f.moved = time.Now()
		if p.pending == 0 && p.drained != nil {
			close(p.drained)
			p.drained = nil
		}
		f.mu.Unlock()
	}}, more)
}

// leaf stores a leaf unless another source was faster.
func (p *peer) leaf(a *asking, i uint64, st step, buf []byte, sum [32]byte) {
	f, part := p.f, a.fp.part
	if sum != digest(st.cid) {
		f.mu.Lock()
		a.torn = true
		f.mu.Unlock()
		p.abort(fmt.Errorf("%w: %s", ErrBadBlock, st.cid))
		return
	}
	fresh := part.take(i)
	if fresh {
		if err := part.write(i, st, buf); err != nil {
			f.stop(&SourceError{Source: p.src.Name, Err: err})
			return
		}
	}
	f.mu.Lock()
	f.came(p, st.size, fresh)
	a.arrived(p, i, st.size)
	f.mu.Unlock()
	if fresh {
		f.complete(a.fp)
	}
}

// came counts payload that was verified; the lock is held.
func (f *fetch) came(p *peer, size uint64, fresh bool) {
	p.gave = true
	if fresh {
		p.bytes += size
		f.bytes += size
		f.fetched += size
	}
}

// receiveBlock takes in a file of one raw block, whose size only its length
// field tells.
func (p *peer) receiveBlock(ctx context.Context, it *item) error {
	n, err := readLength(p.k.r, 0, maxLeaf)
	if errors.Is(err, io.EOF) {
		return wrongAnswer("no block")
	}
	if err != nil {
		return err
	}
	buf, err := p.read(ctx, n)
	if err != nil {
		return err
	}
	p.deliver(buf, len(p.asked) > 1, func(sum [32]byte) {
		if sum != digest(it.cid) {
			p.abort(fmt.Errorf("%w: %s", ErrBadBlock, it.cid))
			return
		}
		// Only now is it known how long the block is.
		err := p.f.growOnce(it, uint64(len(buf)))
		if err == nil {
			err = p.f.store(p, it, buf)
		}
		if err != nil {
			p.f.stop(&SourceError{Source: p.src.Name, Err: err})
		}
	})
	return p.receiveEnd()
}
