package blob

import (
	"crypto/sha256"

	"github.com/ipfs/go-cid"
)

// builder makes the balanced DAG of one file from its leaves, in order. It
// keeps the encoded interior nodes, about 58 bytes a leaf.
type builder struct {
	levels []*node // the unfinished node of each level, lowest first
	nodes  [][]byte
	last   link // of the last leaf or node that was made
	size   uint64
	leaves int
}

// leaf adds the leaf whose sha2-256 is sum.
func (b *builder) leaf(sum [sha256.Size]byte, size int) {
	b.last = link{cid: makeCID(cid.Raw, sum), tsize: uint64(size)}
	b.leaves++
	b.size += uint64(size)
	b.add(0, b.last, uint64(size))
}

func (b *builder) add(level int, l link, size uint64) {
	if level == len(b.levels) {
		b.levels = append(b.levels, &node{})
	}
	n := b.levels[level]
	if len(n.links) == fanout {
		// Full nodes are closed only now: had no leaf followed, this one could
		// have been the root.
		b.flush(level)
		n = b.levels[level]
	}
	n.links = append(n.links, l)
	n.sizes = append(n.sizes, size)
	n.size += size
}

// flush closes the unfinished node of a level and links it from above.
func (b *builder) flush(level int) {
	n := b.levels[level]
	block := n.encode()
	b.nodes = append(b.nodes, block)
	l := link{cid: makeCID(cid.DagProtobuf, sha256.Sum256(block)), tsize: uint64(len(block))}
	for _, c := range n.links {
		l.tsize += c.tsize
	}
	b.last = l
	b.levels[level] = &node{}
	b.add(level+1, l, n.size)
}

// finish closes the tree and returns its root. A file of at most one chunk is
// its one raw leaf.
func (b *builder) finish() link {
	if b.leaves == 0 {
		b.leaf(sha256.Sum256(nil), 0)
	}
	if b.leaves == 1 {
		return b.last
	}
	for level := 0; ; level++ {
		if level > 0 && level == len(b.levels)-1 && len(b.levels[level].links) == 1 {
			return b.levels[level].links[0]
		}
		b.flush(level)
	}
}

// blocks returns the number of blocks of the finished tree.
func (b *builder) blocks() int { return b.leaves + len(b.nodes) }
