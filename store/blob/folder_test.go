package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// someEntries makes n entries with names of about width bytes, sorted.
func someEntries(n, width int) []link {
	out := make([]link, n)
	for i := range out {
		name := fmt.Sprintf("%06d-%s", i, strings.Repeat("x", max(0, width-7)))
		text := []byte(name)
		out[i] = link{name: name, cid: leafCID(text), tsize: uint64(len(text))}
	}
	return out
}

// boxoFolder makes the folder with the code of Kubo, by the profile.
func boxoFolder(t testing.TB, entries []link) (ipld.Node, ipld.DAGService) {
	t.Helper()
	dag := mdtest.Mock()
	p := uio.UnixFS_v1_2025
	d, err := uio.NewDirectory(dag, uio.WithCidBuilder(p.CidBuilder()),
		uio.WithSizeEstimationMode(p.HAMTSizeEstimation), uio.WithMaxHAMTFanout(p.HAMTShardWidth))
	if err != nil {
		t.Fatal(err)
	}
	d.SetHAMTShardingSize(p.HAMTShardingSize)
	raw := cid.Prefix{Version: 1, Codec: cid.Raw, MhType: mh.SHA2_256, MhLength: -1}
	for _, e := range entries {
		n, err := merkledag.NewRawNodeWPrefix([]byte(e.name), raw)
		if err == nil {
			err = d.AddChild(context.Background(), e.name, n)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return n, dag
}

// readBlocks walks a folder whose blocks are given.
func walkBlocks(root cid.Cid, blocks [][]byte) (*folderWalk, error) {
	all := map[cid.Cid][]byte{}
	for _, b := range blocks {
		all[nodeCID(b)] = b
	}
	return readFolder(root, func(c cid.Cid) ([]byte, error) {
		if b, ok := all[c]; ok {
			return b, nil
		}
		return nil, ErrNotHave
	})
}

func TestFolderAsBoxo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, width int }{
		{0, 0}, {1, 10}, {100, 50}, {2000, 60}, {2452, 60}, {2453, 60}, {2454, 60}, {5000, 20}, {20000, 8},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			entries := someEntries(c.n, c.width)
			root, blocks, cids, err := folderBlocks(&node{dir: true, links: entries})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := boxoFolder(t, entries)
			if size, err := want.Size(); root.cid != want.Cid() || root.tsize != size || err != nil {
				t.Errorf("got %s of %d, boxo says %s of %d, %v", root.cid, root.tsize, want.Cid(), size, err)
			}
			if cids[0] != root.cid || len(cids) != len(blocks) {
				t.Error("the root is not the first block")
			}
			w, err := walkBlocks(root.cid, blocks)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Clone(w.links())
			slices.SortFunc(got, func(x, y link) int { return strings.Compare(x.name, y.name) })
			if !slices.Equal(got, entries) || w.blocks != len(blocks) {
				t.Errorf("%d entries in %d blocks", len(got), w.blocks)
			}
		})
	}
}

// TestShardingThreshold finds the last plain folder and the first sharded one.
func TestShardingThreshold(t *testing.T) {
	t.Parallel()
	// One entry of a 60-byte name and a raw block of 60 bytes takes 106 bytes.
	entries := someEntries(2600, 60)
	one := (len((&node{dir: true, links: entries[:2]}).encode()) - 4) / 2
	last := (shardAbove - 4) / one
	for n, plain := range map[int]bool{last: true, last + 1: false} {
		root, blocks, _, err := folderBlocks(&node{dir: true, links: entries[:n]})
		if err != nil || (len(blocks) == 1) != plain {
			t.Errorf("%d entries: %d blocks, %v", n, len(blocks), err)
		}
		if want, _ := boxoFolder(t, entries[:n]); want.Cid() != root.cid {
			t.Errorf("%d entries: got %s, boxo says %s", n, root.cid, want.Cid())
		}
	}
	// A node of exactly the threshold stays plain.
	exact := slices.Clone(entries[:last])
	for i := range shardAbove - 4 - last*one { // spread, so that no length grows by a byte
		exact[i%last].name += "y"
	}
	if size := len((&node{dir: true, links: exact}).encode()); size != shardAbove {
		t.Fatalf("the node has %d bytes", size)
	}
	for more, blocks := range []int{1, 2} {
		exact[last-1].name += strings.Repeat("z", more)
		n := &node{dir: true, links: exact}
		_, got, _, err := folderBlocks(n)
		if err != nil || min(len(got), 2) != blocks {
			t.Errorf("%d bytes: %d blocks, %v", len(n.encode()), len(got), err)
		}
	}
}

// shardNode makes one node of a sharded folder without checking it.
func shardNode(fanout int, slots []int, links ...link) []byte {
	return (&node{dir: true, fanout: fanout, slots: slots, links: links}).encode()
}

// placed returns the slots of a name.
func placed(name string, fanout int) (slots []int) {
	for used := 0; used+slotSize(fanout) <= hashBits; used += slotSize(fanout) {
		slots = append(slots, slotOf(nameHash(name), used, fanout))
	}
	return slots
}

// chain hangs an entry as deep as levels shards.
func chain(name string, fanout, levels int) (blocks [][]byte) {
	l := link{name: name, cid: leafCID([]byte("x")), tsize: 1}
	slots := placed(name, fanout)
	for i := levels - 1; i >= 0; i-- {
		b := shardNode(fanout, []int{slots[i%len(slots)]}, l)
		blocks = append([][]byte{b}, blocks...)
		l = link{cid: nodeCID(b), tsize: 1}
	}
	return blocks
}

func TestShardsOfOthers(t *testing.T) {
	t.Parallel()
	for _, fanout := range []int{8, 16, 64, 256, 512, 1024} {
		blocks := chain("name", fanout, hashBits/slotSize(fanout))
		w, err := walkBlocks(nodeCID(blocks[0]), blocks)
		if err != nil || len(w.links()) != 1 || w.links()[0].name != "name" {
			t.Errorf("width %d: %v", fanout, err)
		}
		blocks = chain("name", fanout, hashBits/slotSize(fanout)+1)
		if _, err := walkBlocks(nodeCID(blocks[0]), blocks); !errors.Is(err, ErrDAG) {
			t.Errorf("width %d, too deep: %v", fanout, err)
		}
	}
}

func TestHostileShards(t *testing.T) {
	t.Parallel()
	x := leafCID([]byte("x"))
	entry := func(name string) link { return link{name: name, cid: x, tsize: 1} }
	at := placed("name", 256)
	good := shardNode(256, at[:1], entry("name"))
	sub := shardNode(256, at[1:2], entry("name"))
	empty := shardNode(256, nil)
	narrow := shardNode(8, placed("name", 8)[1:2], entry("name"))
	to := func(b []byte) link { return link{cid: nodeCID(b), tsize: 1} }
	flip := func(b []byte, old, now string) []byte {
		out := []byte(strings.Replace(string(b), old, now, 1))
		if string(out) == string(b) {
			t.Fatal("nothing was changed")
		}
		return out
	}
	for name, c := range map[string]struct {
		blocks [][]byte
		expect error
	}{
		"good":             {[][]byte{good}, nil},
		"good of two":      {[][]byte{shardNode(256, at[:1], to(sub)), sub}, nil},
		"empty root":       {[][]byte{empty}, nil},
		"wrong slot":       {[][]byte{shardNode(256, []int{at[0] ^ 1}, entry("name"))}, ErrDAG},
		"wrong slot below": {[][]byte{shardNode(256, []int{at[0] ^ 1}, to(sub)), sub}, ErrDAG},
		"one shard twice":  {[][]byte{shardNode(256, []int{at[0] &^ 1, at[0] | 1}, to(sub), to(sub)), sub}, ErrDAG},
		"slot twice":       {[][]byte{shardNode(256, []int{at[0], at[0]}, entry("name"), to(sub)), sub}, ErrDAG},
		"unordered":        {[][]byte{shardNode(256, []int{at[0], 0}, entry("name"), to(sub)), sub}, ErrDAG},
		"empty shard":      {[][]byte{shardNode(256, at[:1], to(empty)), empty}, ErrDAG},
		"itself narrower":  {[][]byte{shardNode(256, at[:1], to(narrow)), narrow}, ErrDAG},
		"plain below":      {[][]byte{shardNode(256, at[:1], to(dirNode(x, "name"))), dirNode(x, "name")}, ErrDAG},
		"file below":       {[][]byte{shardNode(256, at[:1], to(fileNode(1, x, 1))), fileNode(1, x, 1)}, ErrDAG},
		"raw shard":        {[][]byte{shardNode(256, at[:1], link{cid: x})}, ErrDAG},
		"path in name":     {[][]byte{shardNode(256, placed("../x", 256)[:1], entry("../x"))}, ErrName},
		"no shard":         {[][]byte{fileNode(1, x, 1)}, ErrDAG},
		"lower case slot":  {[][]byte{flip(shardNode(256, []int{0xab}, entry("x")), "ABx", "abx")}, ErrDAG},
		"no slot":          {[][]byte{flip(good, fmt.Sprintf("%02Xname", at[0]), "+1name")}, ErrDAG},
		"other hash":       {[][]byte{flip(good, "\x28\x22", "\x28\x12")}, ErrDAG},
		"width 2^14":       {[][]byte{flip(good, "\x30\x80\x02", "\x30\x80\x7f")}, ErrDAG},
		"width 7":          {[][]byte{flip(flip(good, "\x30\x80\x02", "\x30\x07\x02"), "\x30\x07\x02", "\x30\x87\x00")}, ErrDAG},
		"bits of another":  {[][]byte{flip(good, string(bitsOf(at[0])), string(bitsOf(at[0]^1)))}, ErrDAG},
	} {
		_, err := walkBlocks(nodeCID(c.blocks[0]), c.blocks)
		if !errors.Is(err, c.expect) {
			t.Errorf("%s: got %v, want %v", name, err, c.expect)
		}
	}
}

// bitsOf is the tail of a bit field with one bit.
func bitsOf(slot int) []byte {
	b := make([]byte, slot/8+1)
	b[0] = 1 << (slot % 8)
	return b
}

// TestUntrimmedBits: leading zeros in the bit field are other importers' way.
func TestUntrimmedBits(t *testing.T) {
	t.Parallel()
	n := &node{dir: true, fanout: 256, slots: placed("name", 256)[:1], links: []link{{name: "name", cid: leafCID(nil)}}}
	u := &unixFS{typ: typeShard, hash: murmurCode, fanout: 256, data: n.slotBits()}
	got := &node{links: []link{{name: n.linkName(0), cid: leafCID(nil)}}}
	if err := got.set(u); err != nil || got.links[0].name != "name" {
		t.Error(err)
	}
}

func TestHashCollision(t *testing.T) {
	t.Parallel()
	entries := someEntries(3000, 60)
	entries[1] = entries[0]
	if _, _, _, err := folderBlocks(&node{dir: true, links: entries}); !errors.Is(err, ErrName) {
		t.Error(err)
	}
}

func FuzzFolderWalk(f *testing.F) {
	root, blocks, _, err := folderBlocks(&node{dir: true, links: someEntries(3000, 60)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blocks[0], blocks[1])
	f.Add(chain("name", 8, 2)[0], chain("name", 8, 2)[1])
	f.Add((&node{dir: true}).encode(), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w := newFolderWalk(root.cid)
		for _, b := range [][]byte{first, second} {
			if _, more := w.next(); !more || w.open(b) != nil {
				return
			}
		}
		seen := map[string]bool{}
		for _, l := range w.links() {
			if checkName(l.name) != nil || seen[l.name] {
				t.Errorf("%q", l.name)
			}
			seen[l.name] = true
		}
		if bytes.Equal(first, second) && len(seen) > 0 {
			t.Error("one shard in two places")
		}
	})
}
