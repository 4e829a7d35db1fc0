package blob

import (
	"fmt"

	"github.com/ipfs/go-cid"
)

// folderWalk lists the nodes of one folder, plain or sharded, in depth-first
// pre-order, and collects its entries. After next the caller passes the
// verified bytes of that node to open. Server, fetch, export and verification
// share it, so that they agree on what a folder is.
//
// It is bounded without a count: each name must lie where its hash says, so no
// name appears twice; a shard that is not the root holds something; and a path
// ends with the 64 bits of the hash. One node adds at most 1 MiB of entries,
// so a caller with limits looks at links after each.
type folderWalk struct {
	cur     shard
	stack   []shard // to be visited, the next one last
	fanout  int     // of all nodes; 0 in a plain folder
	entries []link
	blocks  int // nodes opened
	bytes   uint64
}

// shard is the place of one node in its folder.
type shard struct {
	cid  cid.Cid
	path uint64 // the first used bits of the hash of every name below
	used int
}

func newFolderWalk(root cid.Cid) *folderWalk {
	return &folderWalk{stack: []shard{{cid: root}}}
}

// next returns the next node, false after the last.
func (w *folderWalk) next() (cid.Cid, bool) {
	if len(w.stack) == 0 {
		return cid.Undef, false
	}
	w.cur = w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	return w.cur.cid, true
}

// open takes in the node that next returned last. block must hash to its CID.
// Errors: ErrDAG, ErrName, ErrCID.
func (w *folderWalk) open(block []byte) error {
	n, err := decodeBlock(block)
	if err != nil {
		return err
	}
	if !n.dir {
		return fmt.Errorf("%w: file where a node of a folder was due", ErrDAG)
	}
	w.blocks++
	w.bytes += uint64(len(block))
	root := w.blocks == 1
	if root {
		w.fanout = n.fanout
	}
	if n.fanout != w.fanout {
		return fmt.Errorf("%w: shards of different widths in one folder", ErrDAG)
	}
	if n.fanout == 0 {
		w.entries = n.links
		return nil
	}
	if !root && len(n.links) == 0 {
		return fmt.Errorf("%w: empty shard", ErrDAG)
	}
	return w.enter(n)
}

// enter takes the entries of a shard and notes the shards below it.
func (w *folderWalk) enter(n *node) error {
	used := w.cur.used + slotSize(n.fanout)
	if used > hashBits {
		return fmt.Errorf("%w: shards deeper than a hash is long", ErrDAG)
	}
	for i := len(n.links) - 1; i >= 0; i-- {
		if n.links[i].name == "" {
			path := w.cur.path<<slotSize(n.fanout) | uint64(n.slots[i])
			w.stack = append(w.stack, shard{cid: n.links[i].cid, path: path, used: used})
		}
	}
	for i, l := range n.links {
		if l.name == "" {
			continue
		}
		path := w.cur.path<<slotSize(n.fanout) | uint64(n.slots[i])
		if nameHash(l.name)>>(hashBits-used) != path {
			return fmt.Errorf("%w: %.64q lies in the wrong shard", ErrDAG, l.name)
		}
		w.entries = append(w.entries, l)
	}
	return nil
}

// links returns the entries met so far; later nodes only add behind them.
// Those of a sharded folder are not in the order of their names.
func (w *folderWalk) links() []link { return w.entries }

// take is links for who needs each entry once; links does not have them then.
func (w *folderWalk) take() []link {
	out := w.entries
	w.entries = nil
	return out
}

// readFolder walks the whole folder root with get, which returns verified
// blocks. Errors: those of get and of folderWalk.open.
func readFolder(root cid.Cid, get func(cid.Cid) ([]byte, error)) (*folderWalk, error) {
	w := newFolderWalk(root)
	for c, more := w.next(); more; c, more = w.next() {
		block, err := get(c)
		if err == nil {
			err = w.open(block)
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}
