package blob

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// folderBlocks makes the blocks of the folder whose entries are n.links,
// sorted by name: one plain node, or the nodes of a sharded folder where the
// profile wants that. They come in pre-order, the root first. Errors: ErrName
// for two names of one hash, which no sharded folder can hold.
func folderBlocks(n *node) (root link, blocks [][]byte, cids []cid.Cid, err error) {
	b := &sharder{}
	if root = b.keep(b.reserve(), n); len(b.blocks[0]) <= shardAbove {
		return root, b.blocks, b.cids, nil
	}
	*b = sharder{}
	entries := make([]hashed, len(n.links))
	for i, l := range n.links {
		entries[i] = hashed{nameHash(l.name), l}
	}
	slices.SortFunc(entries, func(x, y hashed) int { return cmp.Compare(x.hash, y.hash) })
	for i := range entries[1:] {
		if x, y := entries[i], entries[i+1]; x.hash == y.hash {
			return link{}, nil, nil, fmt.Errorf("%w: %.64q and %.64q cannot be in one large folder", ErrName, x.name, y.name)
		}
	}
	root = b.shard(entries, 0)
	return root, b.blocks, b.cids, nil
}

// sharder makes the nodes of one folder.
type sharder struct {
	blocks [][]byte
	cids   []cid.Cid
}

type hashed struct {
	hash uint64
	link
}

// reserve takes the next place in the order of the blocks.
func (b *sharder) reserve() int {
	b.blocks, b.cids = append(b.blocks, nil), append(b.cids, cid.Undef)
	return len(b.blocks) - 1
}

// keep fills a place and returns the link to it.
func (b *sharder) keep(place int, n *node) link {
	block := n.encode()
	b.blocks[place], b.cids[place] = block, makeCID(cid.DagProtobuf, sha256.Sum256(block))
	l := link{cid: b.cids[place], tsize: uint64(len(block))}
	for _, c := range n.links {
		l.tsize += c.tsize
	}
	return l
}

// shard makes the node for entries that agree in the first used bits of their
// hashes, and the nodes below it. All hashes differ, so it ends.
func (b *sharder) shard(entries []hashed, used int) link {
	place := b.reserve()
	n := &node{dir: true, fanout: shardFanout}
	for len(entries) > 0 {
		slot := slotOf(entries[0].hash, used, shardFanout)
		end := 1
		for end < len(entries) && slotOf(entries[end].hash, used, shardFanout) == slot {
			end++
		}
		l := entries[0].link
		if end > 1 {
			l = b.shard(entries[:end], used+slotSize(shardFanout))
		}
		n.slots, n.links = append(n.slots, slot), append(n.links, l)
		entries = entries[end:]
	}
	return b.keep(place, n)
}
