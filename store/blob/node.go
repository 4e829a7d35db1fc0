package blob

import (
	"fmt"
	"math"

	"github.com/ipfs/go-cid"
	"google.golang.org/protobuf/encoding/protowire"
)

// Sizes of the profile unixfs-v1-2025 and of what is accepted from others.
const (
	chunkSize = 1 << 20 // bytes of a leaf
	fanout    = 1024    // links of a full node
	maxLeaf   = 2 << 20 // largest leaf taken from other chunkers
	maxNode   = 1 << 20 // largest dag-pb block
)

// UnixFS types, from unixfs.proto of IPFS.
const (
	typeRaw     = 0
	typeDir     = 1
	typeFile    = 2
	typeSymlink = 4
	typeShard   = 5
)

// node is a decoded dag-pb block: an interior node of a file, a folder, or one
// node of a sharded folder.
type node struct {
	dir    bool
	size   uint64   // payload bytes of a file
	sizes  []uint64 // payload bytes below each link of a file
	links  []link
	fanout int   // slots of a node of a sharded folder; 0 for everything else
	slots  []int // of each link of such a node, ascending
}

// link is one child.
type link struct {
	name  string // empty in a file, and of the link from a shard to one below it
	cid   cid.Cid
	tsize uint64 // bytes of all blocks below; a stranger's word, never relied on
}

// encode returns the canonical dag-pb form: links, then the UnixFS message.
func (n *node) encode() []byte {
	var b, l []byte
	for i := range n.links {
		l = protowire.AppendTag(l[:0], 1, protowire.BytesType)
		l = protowire.AppendBytes(l, n.links[i].cid.Bytes())
		l = protowire.AppendTag(l, 2, protowire.BytesType)
		l = protowire.AppendString(l, n.linkName(i))
		l = protowire.AppendTag(l, 3, protowire.VarintType)
		l = protowire.AppendVarint(l, n.links[i].tsize)
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, l)
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendBytes(b, n.encodeUnixFS())
}

func (n *node) encodeUnixFS() []byte {
	var b []byte
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	if n.fanout > 0 {
		return n.appendShard(protowire.AppendVarint(b, typeShard))
	}
	if n.dir {
		return protowire.AppendVarint(b, typeDir)
	}
	b = protowire.AppendVarint(b, typeFile)
	b = protowire.AppendTag(b, 3, protowire.VarintType)
	b = protowire.AppendVarint(b, n.size)
	for _, s := range n.sizes {
		b = protowire.AppendTag(b, 4, protowire.VarintType)
		b = protowire.AppendVarint(b, s)
	}
	return b
}

// decodeNode is decodeBlock without sharded folders, for those who would take
// their links for entries. Every error is ErrDAG, ErrName or ErrCID.
func decodeNode(b []byte) (*node, error) {
	n, err := decodeBlock(b)
	if err == nil && n.fanout > 0 {
		err = fmt.Errorf("%w: sharded folder where a file or a plain folder was due", ErrDAG)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// decodeBlock reads a dag-pb block and holds the shape this package accepts.
// The entries of a folder, plain or sharded, are for a folderWalk to list.
// Every error is ErrDAG, ErrName or ErrCID.
func decodeBlock(b []byte) (*node, error) {
	if len(b) > maxNode {
		return nil, fmt.Errorf("%w: node of %d bytes", ErrDAG, len(b))
	}
	n := &node{}
	var u *unixFS
	err := fields(b, func(num protowire.Number, v []byte, _ uint64) (err error) {
		switch {
		case num == 2 && v != nil && u == nil:
			l, err := decodeLink(v)
			n.links = append(n.links, l)
			return err
		case num == 1 && v != nil && u == nil:
			u, err = decodeUnixFS(v)
			return err
		}
		return fmt.Errorf("%w: unexpected field %d of a node", ErrDAG, num)
	})
	if err == nil && u == nil {
		err = fmt.Errorf("%w: node without UnixFS data", ErrDAG)
	}
	if err == nil {
		err = n.set(u)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

func decodeLink(b []byte) (l link, err error) {
	err = fields(b, func(num protowire.Number, v []byte, x uint64) error {
		switch {
		case num == 1 && v != nil:
			l.cid, err = castCID(v)
			return err
		case num == 2 && v != nil:
			l.name = string(v)
			return nil
		case num == 3 && v == nil:
			l.tsize = x
			return nil
		}
		return fmt.Errorf("%w: unexpected field %d of a link", ErrDAG, num)
	})
	if err == nil && !l.cid.Defined() {
		err = fmt.Errorf("%w: link without a CID", ErrDAG)
	}
	return l, err
}

// unixFS is the message inside a node.
type unixFS struct {
	typ, size    uint64
	sizes        []uint64
	data         []byte // the bits of a shard; nothing else may carry any
	hash, fanout uint64 // of a shard
}

func decodeUnixFS(b []byte) (*unixFS, error) {
	u := &unixFS{typ: math.MaxUint64}
	err := fields(b, func(num protowire.Number, v []byte, x uint64) error {
		switch {
		case num == 1 && v == nil:
			u.typ = x
		case num == 2 && v != nil:
			u.data = v
		case num == 3 && v == nil:
			u.size = x
		case num == 4 && v == nil:
			u.sizes = append(u.sizes, x)
		case num == 5 && v == nil:
			u.hash = x
		case num == 6 && v == nil:
			u.fanout = x
		case num == 7 || num == 8:
			return fmt.Errorf("%w: file modes and times are not kept", ErrProfile)
		default:
			return fmt.Errorf("%w: unsupported UnixFS field %d", ErrDAG, num)
		}
		return nil
	})
	return u, err
}

// set takes over what the UnixFS message says and checks the whole.
func (n *node) set(u *unixFS) error {
	n.size, n.sizes, n.dir = u.size, u.sizes, u.typ != typeFile
	switch {
	case u.typ == typeShard:
		return n.setShard(u)
	case u.typ == typeSymlink:
		return fmt.Errorf("%w: symbolic links are not kept", ErrProfile)
	case len(u.data) > 0 || u.typ == typeRaw: // an empty inline part is harmless
		return fmt.Errorf("%w: file bytes inside a node (leaves that are not raw)", ErrProfile)
	case u.hash != 0 || u.fanout != 0:
		return fmt.Errorf("%w: fields of a shard in another node", ErrDAG)
	case u.typ != typeDir && u.typ != typeFile:
		return fmt.Errorf("%w: UnixFS type %d", ErrDAG, u.typ)
	case u.typ == typeDir:
		return n.validateFolder()
	}
	return n.validateFile()
}

func (n *node) validateFolder() error {
	if len(n.sizes) != 0 || n.size != 0 {
		return fmt.Errorf("%w: folder with sizes", ErrDAG)
	}
	for i, l := range n.links {
		if err := checkName(l.name); err != nil {
			return err
		}
		if i > 0 && n.links[i-1].name >= l.name {
			return fmt.Errorf("%w: folder entries out of order", ErrDAG)
		}
	}
	return nil
}

func (n *node) validateFile() error {
	if len(n.links) == 0 && len(n.sizes) == 0 && n.size == 0 {
		return fmt.Errorf("%w: empty file that is not a raw leaf", ErrProfile)
	}
	if len(n.links) == 0 || len(n.links) != len(n.sizes) {
		return fmt.Errorf("%w: file node with %d links and %d sizes", ErrDAG, len(n.links), len(n.sizes))
	}
	var sum uint64
	for i, s := range n.sizes {
		// A leaf of no bytes could be repeated for ever within any byte limit.
		if s == 0 || s > math.MaxInt64-sum || n.links[i].name != "" || (isRaw(n.links[i].cid) && s > maxLeaf) {
			return fmt.Errorf("%w: file node with a bad link", ErrDAG)
		}
		sum += s
	}
	if sum != n.size {
		return fmt.Errorf("%w: file node of %d bytes holds %d", ErrDAG, n.size, sum)
	}
	return nil
}

// fields calls fn for each field of a protobuf message: v for bytes (never
// nil), x for varints. Other wire types are refused.
func fields(b []byte, fn func(num protowire.Number, v []byte, x uint64) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: bad protobuf tag", ErrDAG)
		}
		b = b[n:]
		var v []byte
		var x uint64
		switch typ {
		case protowire.BytesType:
			if v, n = protowire.ConsumeBytes(b); v == nil {
				v = []byte{}
			}
		case protowire.VarintType:
			x, n = protowire.ConsumeVarint(b)
		default:
			n = -1
		}
		if n < 0 {
			return fmt.Errorf("%w: bad protobuf field", ErrDAG)
		}
		if err := fn(num, v, x); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
