package blob

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"
)

// keptNodes bounds the decoded nodes that a stream keeps between the asks for
// one file, about 100 KiB each. There may be hundreds of streams.
const keptNodes = 4

// nodeCost is about what a link takes in a node, and a span to find.
const nodeCost = 50

// served is a file that is being served.
type served struct {
	cid   cid.Cid
	size  uint64
	bytes io.ReaderAt
	close func() error
	held  *held // what of it is here; nil means all
}

// open makes c the file that is served. One that is whole stays open for the
// next ask; one that is growing is looked at anew.
func (v *server) open(c cid.Cid) error {
	if v.file != nil && v.file.cid == c && v.file.held == nil {
		return nil
	}
	v.closeFile()
	f, err := v.s.openServed(c)
	if err != nil {
		return err
	}
	v.file = f
	if f.held != nil {
		return v.unsent(nodeCost * len(f.held.spans))
	}
	return nil
}

func (v *server) closeFile() {
	if v.file != nil {
		_ = v.file.close()
		v.file = nil
	}
}

// openServed opens a file that is here whole or in part. Errors: ErrNotHave,
// ErrChanged, ErrCorrupt.
func (s *Store) openServed(c cid.Cid) (*served, error) {
	r, err := s.record(c)
	if err == nil {
		f, err := s.openFile(c, r)
		if err != nil {
			return nil, err
		}
		return &served{cid: c, size: r.Size, bytes: f, close: f.Close}, nil
	}
	if !errors.Is(err, ErrNotHave) {
		return nil, err
	}
	h, err := s.heldPart(c)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(s.partPath(c))
	if errors.Is(err, os.ErrNotExist) { // nothing but nodes
		return &served{cid: c, size: h.size, held: &held{size: h.size}, close: func() error { return nil }}, nil
	}
	if err != nil {
		return nil, err
	}
	return &served{cid: c, size: h.size, bytes: f, close: f.Close, held: h}, nil
}

// node returns a decoded node of root, from the index at most once in a while.
func (v *server) node(root, c cid.Cid) (*node, error) {
	if n := v.nodes[c]; n != nil {
		return n, nil
	}
	block, err := v.s.node(root, c)
	if err != nil {
		return nil, err
	}
	n, err := decodeBlock(block)
	if err != nil {
		return nil, fmt.Errorf("%w: node %s: %w", ErrCorrupt, c, err)
	}
	if len(v.nodes) >= keptNodes || v.nodes == nil {
		v.nodes = map[cid.Cid]*node{}
	}
	if !n.dir {
		v.nodes[c] = n
	}
	return n, nil
}

// blocks sends the answer to an ask for the file that is open.
func (v *server) blocks(q question) error {
	w := newWalker(q.cid)
	w.from, w.to, w.leaves = q.from, q.to, !q.nodes
	for {
		st, more, err := w.next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if !more || (st.offset >= v.in.end() && !st.root) {
			return v.end(endAll)
		}
		if isRaw(st.cid) {
			err = v.leaf(st)
		} else {
			err = v.inner(w, q, st)
		}
		if errors.Is(err, ErrNotHave) {
			return v.end(endShort)
		}
		if err != nil {
			return err
		}
	}
}

// inner enters an interior node and sends it unless it was not asked for.
func (v *server) inner(w *walker, q question, st step) error {
	kept := v.nodes[st.cid] != nil
	n, err := v.node(q.cid, st.cid)
	if err == nil {
		err = w.enter(st.cid, n)
	}
	left := uint64(st.level) < q.levels
	if err == nil && left && !kept {
		err = v.unsent(nodeCost * len(n.links))
	}
	if err != nil || left {
		return err
	}
	block, err := v.s.node(q.cid, st.cid)
	if err != nil {
		return err
	}
	return v.block(block)
}

// leaf sends payload. The bytes go from the file to the stream as they are:
// whoever receives them verifies them anyway.
func (v *server) leaf(st step) error {
	f := v.file
	if st.root {
		st.size = f.size
	}
	if f.held != nil && !f.held.covers(st.offset, st.offset+st.size) {
		return ErrNotHave
	}
	if err := v.length(st.size); err != nil {
		return err
	}
	for at, end := st.offset, st.offset+st.size; at < end; {
		room, err := v.out.room()
		if err != nil {
			return err
		}
		room = room[:min(uint64(len(room)), end-at)]
		n, err := f.bytes.ReadAt(room, int64(at))
		if n < len(room) {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, f.cid, err)
		}
		v.out.filled(n)
		at += uint64(n)
	}
	return nil
}
