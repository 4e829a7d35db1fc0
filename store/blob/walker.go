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
}

// walker lists the blocks of a file DAG in depth-first pre-order. After a step
// that is a node the caller passes its verified bytes to open. Server, fetch
// and verification share it, so that they agree on the order.
type walker struct {
	root   cid.Cid
	begun  bool
	cur    step
	stack  []frame
	offset uint64
	blocks uint64 // steps handed out
	max    uint64 // blocks the file may have, known with its root
}

type frame struct {
	n *node
	i int
}

func newWalker(root cid.Cid) *walker { return &walker{root: root, max: math.MaxUint64} }

// next returns the next block, false after the last. Errors: ErrDAG.
func (w *walker) next() (step, bool, error) {
	if !w.begun {
		w.begun = true
		w.blocks = 1
		w.cur = step{cid: w.root, root: true}
		return w.cur, true, nil
	}
	for len(w.stack) > 0 && w.stack[len(w.stack)-1].i == len(w.stack[len(w.stack)-1].n.links) {
		w.stack = w.stack[:len(w.stack)-1]
	}
	if len(w.stack) == 0 {
		return step{}, false, nil
	}
	if w.blocks++; w.blocks > w.max {
		return step{}, false, fmt.Errorf("%w: more than %d blocks for its size", ErrDAG, w.max)
	}
	top := &w.stack[len(w.stack)-1]
	w.cur = step{cid: top.n.links[top.i].cid, size: top.n.sizes[top.i], offset: w.offset}
	top.i++
	if isRaw(w.cur.cid) {
		w.offset += w.cur.size
	}
	return w.cur, true, nil
}

// open goes into the node that next returned last. block must hash to its CID.
// It returns the node; a folder is returned only for the root, and not entered.
func (w *walker) open(block []byte) (*node, error) {
	n, err := decodeNode(block)
	if err != nil {
		return nil, err
	}
	if n.dir {
		if !w.cur.root {
			return nil, fmt.Errorf("%w: folder inside a file", ErrDAG)
		}
		return n, nil
	}
	if w.cur.root {
		// Chunks under a KiB on average are no importer's, but a bomb's.
		w.max = n.size/1024 + 64
	} else if n.size != w.cur.size {
		return nil, fmt.Errorf("%w: node of %d bytes where %d were declared", ErrDAG, n.size, w.cur.size)
	}
	if len(w.stack) == maxFileDepth {
		return nil, fmt.Errorf("%w: deeper than %d levels", ErrDAG, maxFileDepth)
	}
	w.stack = append(w.stack, frame{n: n})
	return n, nil
}
