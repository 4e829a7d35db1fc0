package blob

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

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
		p.f.mu.Lock()
		p.gave = true
		p.f.mu.Unlock()
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
