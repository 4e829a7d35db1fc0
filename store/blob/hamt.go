package blob

import (
	"bytes"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/spaolacci/murmur3"
	"google.golang.org/protobuf/encoding/protowire"
)

// A folder whose plain node would pass shardAbove bytes becomes a hash array
// mapped trie: the name's murmur3 picks a slot at each level, a slot holds one
// entry or another node. The limits are those of the profile unixfs-v1-2025;
// other widths are taken from others.
const (
	shardAbove  = 256 << 10
	shardFanout = 256
	minFanout   = 8    // the bits of the slots are whole bytes
	maxFanout   = 1024 // what boxo reads
	murmurCode  = 0x22 // multihash code of murmur3-x64-64
	hashBits    = 64
)

// nameHash is what places a name in a sharded folder.
func nameHash(name string) uint64 { return murmur3.Sum64([]byte(name)) }

// slotSize is how many bits of the hash one level takes.
func slotSize(fanout int) int { return bits.TrailingZeros(uint(fanout)) }

// slotOf is the slot of a hash whose first used bits chose the levels above.
func slotOf(hash uint64, used, fanout int) int {
	return int(hash << used >> (hashBits - slotSize(fanout)))
}

// slotWidth is the number of hexadecimal digits before each name.
func slotWidth(fanout int) int { return len(strconv.FormatUint(uint64(fanout-1), 16)) }

// linkName is the name as the block has it.
func (n *node) linkName(i int) string {
	if n.fanout == 0 {
		return n.links[i].name
	}
	return slotPrefix(n.fanout, n.slots[i]) + n.links[i].name
}

func slotPrefix(fanout, slot int) string { return fmt.Sprintf("%0*X", slotWidth(fanout), slot) }

// slotBits is the bit field of the slots in use, big-endian.
func (n *node) slotBits() []byte {
	b := make([]byte, n.fanout/8)
	for _, s := range n.slots {
		b[len(b)-1-s/8] |= 1 << (s % 8)
	}
	return b
}

// appendShard adds the fields of a shard to its UnixFS message.
func (n *node) appendShard(b []byte) []byte {
	if field := bytes.TrimLeft(n.slotBits(), "\x00"); len(field) > 0 {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, field)
	}
	b = protowire.AppendTag(b, 5, protowire.VarintType)
	b = protowire.AppendVarint(b, murmurCode)
	b = protowire.AppendTag(b, 6, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(n.fanout))
}

// setShard takes the slots out of the names and checks one node of a sharded
// folder. Whether the names belong into it, only their whole path can tell.
func (n *node) setShard(u *unixFS) error {
	if len(n.sizes) != 0 || n.size != 0 {
		return fmt.Errorf("%w: folder with sizes", ErrDAG)
	}
	if u.hash != murmurCode || u.fanout < minFanout || u.fanout > maxFanout || bits.OnesCount64(u.fanout) != 1 {
		return fmt.Errorf("%w: sharded folder of hash %d and width %d", ErrDAG, u.hash, u.fanout)
	}
	n.fanout = int(u.fanout)
	if len(n.links) > n.fanout {
		return fmt.Errorf("%w: shard of %d entries for %d slots", ErrDAG, len(n.links), n.fanout)
	}
	n.slots = make([]int, len(n.links))
	last := -1
	for i := range n.links {
		if err := n.takeSlot(i); err != nil {
			return err
		}
		if n.slots[i] <= last {
			return fmt.Errorf("%w: shard entries out of order", ErrDAG)
		}
		last = n.slots[i]
	}
	if !bytes.Equal(bytes.TrimLeft(u.data, "\x00"), bytes.TrimLeft(n.slotBits(), "\x00")) {
		return fmt.Errorf("%w: bits of a shard differ from its entries", ErrDAG)
	}
	return nil
}

// takeSlot splits the name of link i into slot and name.
func (n *node) takeSlot(i int) error {
	l, width := &n.links[i], slotWidth(n.fanout)
	if len(l.name) < width {
		return fmt.Errorf("%w: shard entry without a slot", ErrDAG)
	}
	slot, err := strconv.ParseUint(l.name[:width], 16, 16)
	if err != nil || slot >= uint64(n.fanout) || slotPrefix(n.fanout, int(slot)) != l.name[:width] {
		return fmt.Errorf("%w: shard entry in slot %.8q", ErrDAG, l.name[:width])
	}
	n.slots[i] = int(slot)
	l.name = l.name[width:]
	if l.name != "" {
		return checkName(l.name)
	}
	if isRaw(l.cid) {
		return fmt.Errorf("%w: raw block where a shard was due", ErrDAG)
	}
	return nil
}
