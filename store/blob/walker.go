package blob

import (
	"fmt"
	"math"

	"github.com/ipfs/go-cid"
)

// maxFileDepth bounds the levels of interior nodes: three hold a petabyte in
// the profile; the rest is for other importers' narrower trees.
const maxFileDepth = 6

// step is one block of a file in depth-first pre-order.
type step struct {
	cid    cid.Cid
	size   uint64 // payload bytes below it; unknown (0) for the root
	offset uint64 // where its payload begins in the file
	root   bool
	level  int // nodes above it
}

// walker lists the blocks of a file DAG in depth-first pre-order. After a step
// that is a node the caller passes its verified bytes to open. Server, fetch
// and verification share it, so that they agree on the order.
type walker struct {
	root   cid.Cid
	from   uint64     // only blocks with payload in from <= x < to, and the root
	to     uint64     //
	leaves bool       // false passes over the leaves
	table  *leafTable // when set, is told of every leaf that is passed
	begun  bool
	cur    step
	stack  []frameOf
	offset uint64
	blocks uint64 // steps handed out or passed
	max    uint64 // blocks the file may have, known with its root
	size   uint64 // payload bytes of the file, known with its root
}

type frameOf struct {
	cid cid.Cid
	n   *node
	i   int
}

func newWalker(root cid.Cid) *walker {
	return &walker{root: root, to: math.MaxUint64, leaves: true, max: math.MaxUint64}
}

// next returns the next block, false after the last. Errors: ErrDAG.
func (w *walker) next() (step, bool, error) {
	if !w.begun {
		w.begun = true
		w.blocks = 1
		w.cur = step{cid: w.root, root: true}
		return w.cur, true, nil
	}
	for {
		for len(w.stack) > 0 && w.stack[len(w.stack)-1].i == len(w.stack[len(w.stack)-1].n.links) {
			w.stack = w.stack[:len(w.stack)-1]
		}
		if len(w.stack) == 0 || w.offset >= w.to || w.from >= w.to {
			return step{}, false, nil
		}
		if w.blocks++; w.blocks > w.max {
			return step{}, false, fmt.Errorf("%w: more than %d blocks for its size", ErrDAG, w.max)
		}
		top := &w.stack[len(w.stack)-1]
		st := step{cid: top.n.links[top.i].cid, size: top.n.sizes[top.i], offset: w.offset, level: len(w.stack)}
		top.i++
		leaf := isRaw(st.cid)
		if before := st.offset+st.size <= w.from; leaf || before {
			w.offset += st.size
			if before {
				continue
			}
		}
		if leaf && w.table != nil {
			if err := w.table.add(top.cid, top.i-1, st); err != nil {
				return st, false, err
			}
		}
		if leaf && !w.leaves {
			continue
		}
		w.cur = st
		return st, true, nil
	}
}

// open goes into the node that next returned last. block must hash to its CID.
// It returns the node; a folder is returned only for the root, and not entered.
func (w *walker) open(block []byte) (*node, error) {
	n, err := decodeBlock(block)
	if err != nil {
		return nil, err
	}
	return n, w.enter(w.cur.cid, n)
}

// enter is open for a node that was decoded before.
func (w *walker) enter(c cid.Cid, n *node) error {
	if n.dir {
		if !w.cur.root {
			return fmt.Errorf("%w: folder inside a file", ErrDAG)
		}
		return nil
	}
	if w.cur.root {
		// Chunks under a KiB on average are no importer's, but a bomb's.
		w.max, w.size = n.size/1024+64, n.size
	} else if n.size != w.cur.size {
		return fmt.Errorf("%w: node of %d bytes where %d were declared", ErrDAG, n.size, w.cur.size)
	}
	if len(w.stack) == maxFileDepth {
		return fmt.Errorf("%w: deeper than %d levels", ErrDAG, maxFileDepth)
	}
	w.stack = append(w.stack, frameOf{cid: c, n: n})
	return nil
}
