package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ipfs/go-cid"

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
	if err := p.f.growOnce(it, uint64(n)); err != nil {
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
		if err := p.f.store(p, it, buf); err != nil {
			p.f.stop(&SourceError{Source: p.src.Name, Err: err})
		}
	})
	return p.receiveEnd()
}

// receiveItem takes in the nodes of a file or folder, which of the two the
// first one tells.
func (p *peer) receiveItem(a *asking) error {
	f := p.f
	in := &inflow{p: p, it: a.it, q: a.q}
	err := in.begin()
	if e := in.flush(); err == nil {
		err = e
	}
	if err == nil {
		err = p.receiveEnd()
	}
	if err != nil {
		return errors.Join(err, f.dropBad(a.it, err))
	}
	if in.folder != nil {
		if err := f.expand(a.it, in.folder.links()); err != nil {
			return errors.Join(err, f.dropBad(a.it, err))
		}
	}
	f.mu.Lock()
	if p.part && in.folder != nil && a.q.levels == 0 {
		p.opened[a.it] = granted
	}
	if in.folder == nil && f.asked[a.it] {
		f.files = append(f.files, a.it)
	}
	delete(f.asked, a.it)
	f.mu.Unlock()
	f.poke()
	return nil
}

// inflow is nodes on their way into the index.
type inflow struct {
	p      *peer
	it     *item
	q      question
	folder *folderWalk
	blocks [][]byte
	cids   []cid.Cid
	bytes  int
}

// begin takes in all nodes.
func (in *inflow) begin() error {
	w := newWalker(in.it.cid)
	w.leaves = false
	for {
		st, more, err := w.next()
		if err != nil || !more {
			return err
		}
		block, err := in.node(st)
		if err != nil {
			return err
		}
		n, err := w.open(block)
		if err != nil {
			return err
		}
		if n.dir {
			return in.entries(block)
		}
		if st.root {
			if err := in.p.f.growOnce(in.it, n.size); err != nil {
				return err
			}
		}
	}
}

// node returns the next node of a file: from the stream if it was asked for,
// else it is here.
func (in *inflow) node(st step) ([]byte, error) {
	s := in.p.f.s
	if uint64(st.level) < in.q.levels || (!st.root && st.offset+st.size <= in.q.from) {
		return s.node(in.it.cid, st.cid)
	}
	block, err := in.p.readNode(st.cid)
	if err != nil {
		return nil, err
	}
	in.blocks, in.cids = append(in.blocks, block), append(in.cids, st.cid)
	if in.bytes += len(block); in.bytes >= maxNode {
		return block, in.flush()
	}
	return block, nil
}

// entries takes in the rest of a folder. Its nodes are kept until all are
// here, and the first is written last: where it is, all are.
func (in *inflow) entries(first []byte) error {
	in.folder = newFolderWalk(in.it.cid)
	in.folder.next()
	if err := in.open(first); err != nil {
		return err
	}
	for c, more := in.folder.next(); more; c, more = in.folder.next() {
		block, err := in.p.readNode(c)
		if err == nil {
			err = in.open(block)
		}
		if err != nil {
			in.blocks, in.cids = nil, nil
			return err
		}
		in.blocks, in.cids = append(in.blocks, block), append(in.cids, c)
	}
	return nil
}

// open enters a node of a folder.
func (in *inflow) open(block []byte) error {
	err := in.folder.open(block)
	if most := in.p.f.lim.Entries; err == nil && len(in.folder.links()) > most {
		err = fmt.Errorf("%w: folder of more than %d entries", ErrTooBig, most)
	}
	return err
}

// flush writes what is at hand.
func (in *inflow) flush() error {
	blocks, cids := in.blocks, in.cids
	in.blocks, in.cids, in.bytes = nil, nil, 0
	if len(blocks) == 0 {
		return nil
	}
	if in.folder != nil {
		if err := in.p.f.s.putNodes(in.it.cid, blocks[1:], cids[1:]); err != nil {
			return err
		}
		blocks, cids = blocks[:1], cids[:1]
	}
	return in.p.f.s.putNodes(in.it.cid, blocks, cids)
}

// readNode takes a node from the stream and verifies it.
func (p *peer) readNode(c cid.Cid) ([]byte, error) {
	n, err := readLength(p.k.r, 1, maxNode)
	if errors.Is(err, io.EOF) {
		return nil, wrongAnswer("answer ends before node %s", c)
	}
	if err != nil {
		return nil, err
	}
	block, err := readBlock(p.k.r, c, n)
	if err == nil {
		p.k.alive()
	}
	return block, err
}

// readBlock reads n bytes and holds them to the hash in c. The memory grows
// with what comes, so that a length alone costs nothing.
func readBlock(r io.Reader, c cid.Cid, n int) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(n, 64<<10)+bytes.MinRead))
	if _, err := io.CopyN(b, r, int64(n)); err != nil {
		return nil, cut(err)
	}
	if sha256.Sum256(b.Bytes()) != digest(c) {
		return nil, fmt.Errorf("%w: %s", ErrBadBlock, c)
	}
	return b.Bytes(), nil
}
