package blob

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// frames encodes what an agreeable server would send: the answer to the hello,
// one status, then the blocks. The answer has no end.
func frames(blocks ...[]byte) []byte { return open([]byte{statusOK}, blocks...) }

// open appends an answer without an end.
func open(out []byte, blocks ...[]byte) []byte {
	out = append(out, statusOK)
	for _, b := range blocks {
		out = append(binary.AppendUvarint(out, uint64(len(b))+1), b...)
	}
	return out
}

// whole appends an answer with its end.
func whole(out []byte, blocks ...[]byte) []byte { return append(open(out, blocks...), 0, endAll) }

func nodeCID(b []byte) cid.Cid { return makeCID(cid.DagProtobuf, sha256.Sum256(b)) }
func leafCID(b []byte) cid.Cid { return makeCID(cid.Raw, sha256.Sum256(b)) }

// fileNode makes a node without checking that it makes sense.
func fileNode(size uint64, child cid.Cid, sizes ...uint64) []byte {
	n := &node{size: size, sizes: sizes}
	for range sizes {
		n.links = append(n.links, link{cid: child, tsize: 1})
	}
	return n.encode()
}

func dirNode(child cid.Cid, names ...string) []byte {
	n := &node{dir: true}
	for _, name := range names {
		n.links = append(n.links, link{name: name, cid: child, tsize: 1})
	}
	return n.encode()
}

func repeat(size uint64, n int) []uint64 {
	s := make([]uint64, n)
	for i := range s {
		s[i] = size
	}
	return s
}

func TestHostileSources(t *testing.T) {
	t.Parallel()
	one := []byte("x")
	leaf := leafCID(one)
	two := fileNode(2, leaf, 1, 1)
	deep := [][]byte{fileNode(1, leaf, 1)}
	for range maxFileDepth {
		deep = append([][]byte{fileNode(1, nodeCID(deep[0]), 1)}, deep...)
	}
	thousand := fileNode(1024, leaf, repeat(1, 1024)...)
	million := fileNode(1<<20, nodeCID(thousand), repeat(1024, 1024)...)
	bomb := [][]byte{million, thousand, thousand}
	nodes := slices.Clip(whole([]byte{statusOK}, two)) // what comes before the leaves
	huge := fileNode(1<<60, leaf, 1<<60)
	hugeNode := fileNode(1<<60, nodeCID(two), 1<<60)
	overflow := fileNode(1, nodeCID(two), math.MaxUint64, 2)

	for name, c := range map[string]struct {
		root   cid.Cid
		sends  []byte
		expect error
	}{
		"nothing":          {leaf, nil, ErrCut},
		"unknown status":   {leaf, []byte{99}, ErrProtocol},
		"refused":          {leaf, []byte{statusRefused}, ErrRefused},
		"not there":        {leaf, []byte{statusOK, statusNotHave}, ErrNotHave},
		"gave up":          {leaf, []byte{statusOK, statusOK, 0, endShort}, ErrNotHave},
		"ends too early":   {leaf, []byte{statusOK, statusOK, 0, endAll}, ErrProtocol},
		"unknown end":      {leaf, []byte{statusOK, statusOK, 0, 9}, ErrProtocol},
		"nodes end early":  {nodeCID(two), []byte{statusOK, statusOK, 0, endAll}, ErrProtocol},
		"leaves end early": {nodeCID(two), whole(nodes, one), ErrProtocol},
		"part of an ask":   {leaf, []byte{statusOK, statusPart}, ErrProtocol},
		"endless map":      {leaf, append([]byte{statusPart}, binary.AppendUvarint(nil, math.MaxUint64)...), ErrProtocol},
		"map overflows":    {leaf, append([]byte{statusPart, 1}, bytes.Repeat(binary.AppendUvarint(nil, math.MaxUint64), 2)...), ErrProtocol},
		"bad leaf":         {leaf, frames([]byte("y")), ErrBadBlock},
		"bad node":         {nodeCID(two), frames(thousand), ErrBadBlock},
		"bad second leaf":  {nodeCID(two), open(nodes, one, []byte("y")), ErrBadBlock},
		"short block":      {nodeCID(two), open(nodes, nil), ErrBadBlock},
		"long block":       {nodeCID(two), open(nodes, []byte("xx")), ErrBadBlock},
		"cut block":        {nodeCID(two), open(nodes, one), ErrCut},
		"length 2^63":      {leaf, append([]byte{0, 0}, binary.AppendUvarint(nil, 1<<63)...), ErrBadBlock},
		"length 2^64-1":    {nodeCID(two), append([]byte{0, 0}, binary.AppendUvarint(nil, math.MaxUint64)...), ErrBadBlock},
		"endless varint":   {leaf, append([]byte{0, 0}, bytes.Repeat([]byte{0xff}, 1000)...), ErrCut},
		"leaf too large":   {leaf, frames(make([]byte, maxLeaf+1)), ErrBadBlock},
		"node too large":   {nodeCID(two), frames(make([]byte, maxNode+1)), ErrBadBlock},
		"no node":          {leafAsNode(one), frames(one), ErrDAG},
		"too deep":         {nodeCID(deep[0]), frames(deep...), ErrDAG},
		"a million leaves": {nodeCID(million), frames(bomb...), ErrDAG},
		"2^60 in a leaf":   {nodeCID(huge), frames(huge), ErrDAG},
		"2^60 declared":    {nodeCID(hugeNode), frames(hugeNode), ErrTooBig},
		"sizes overflow":   {nodeCID(overflow), frames(overflow), ErrDAG},
		"sizes differ":     pair(fileNode(3, nodeCID(two), 3), two, ErrDAG),
		"empty leaves":     pair(fileNode(0, leaf, repeat(0, 1000)...), one, ErrDAG),
		"folder in file":   pair(fileNode(1, nodeCID(dirNode(leaf, "a")), 1), dirNode(leaf, "a"), ErrDAG),
		"unsorted folder":  pair(dirNode(leaf, "b", "a"), one, ErrDAG),
		"doubled name":     pair(dirNode(leaf, "a", "a"), one, ErrDAG),
		"name ..":          pair(dirNode(leaf, ".."), one, ErrName),
		"absolute name":    pair(dirNode(leaf, "/etc/passwd"), one, ErrName),
		"name with path":   pair(dirNode(leaf, "a/../../b"), one, ErrName),
		"backslash":        pair(dirNode(leaf, `..\b`), one, ErrName),
		"no UTF-8":         pair(dirNode(leaf, "a\xff"), one, ErrName),
		"long name":        pair(dirNode(leaf, strings.Repeat("a", 256)), one, ErrName),
		"empty name":       pair(dirNode(leaf, ""), one, ErrName),
		"control in name":  pair(dirNode(leaf, "a\x1b[2J"), one, ErrName),
		"inline data":      pair([]byte{0x0a, 5, 8, 2, 0x12, 1, 'x'}, one, ErrDAG),
		"sharded folder":   pair([]byte{0x0a, 2, 8, 5}, one, ErrDAG),
		"many entries":     pair(dirNode(leaf, manyNames(200)...), one, ErrTooBig),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newStore(t)
			lim := Limits{Bytes: 1 << 30, Entries: 100}
			_, err := to.Fetch(t.Context(), c.root.String(), lim, saying("mallory", c.sends...))
			var src *SourceError
			if !errors.Is(err, c.expect) || !errors.As(err, &src) || src.Source != "mallory" {
				t.Errorf("got %v, want %v", err, c.expect)
			}
			if to.Has(c.root.String()) {
				t.Error("visible")
			}
			if all, _ := to.List(); len(all) > 0 {
				t.Errorf("the store has %v", all)
			}
			swept(t, to)
		})
	}
}

func pair(root, next []byte, err error) (c struct {
	root   cid.Cid
	sends  []byte
	expect error
}) {
	c.root, c.sends, c.expect = nodeCID(root), frames(root, next), err
	return c
}

func leafAsNode(b []byte) cid.Cid { return nodeCID(b) }

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%04d", i))
	}
	return names
}

// swept checks that GC leaves nothing at all of an unfinished fetch.
func swept(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.GC(t.Context(), GCOptions{DryRun: false}); err != nil {
		t.Error(err)
	}
	clean(t, s)
	_ = s.index.View(func(r store.Reader) error {
		return r.Scan(nil, func(k, _ []byte) error {
			t.Errorf("the index still has %q", k)
			return nil
		})
	})
}

// A folder that lists one folder twice, and so on, has few blocks and more
// entries than atoms; what counts is what it would become.
func TestFolderBomb(t *testing.T) {
	t.Parallel()
	from := newStore(t)
	i := mustAdd(t, from, strings.NewReader("small"))
	c, _ := parseCID(i.CID)
	for range 40 {
		block := dirNode(c, "a", "b")
		n, err := decodeNode(block)
		if err != nil {
			t.Fatal(err)
		}
		c = nodeCID(block)
		rec, err := from.dirRecord(n)
		err = errors.Join(err, from.putNodes(c, [][]byte{block}, []cid.Cid{c}), from.commit(c, rec))
		if err != nil {
			t.Fatal(err)
		}
	}
	to := newStore(t)
	_, err := to.Fetch(t.Context(), c.String(), Limits{Depth: 100}, serving(t, from))
	if !errors.Is(err, ErrTooBig) || to.Has(c.String()) {
		t.Errorf("fetch: %v", err)
	}
	_, err = to.Fetch(t.Context(), c.String(), Limits{Depth: 10}, serving(t, from))
	if !errors.Is(err, ErrTooBig) {
		t.Errorf("fetch of a deep folder: %v", err)
	}
	if err := from.Export(t.Context(), c.String(), t.TempDir()+"/out", Limits{}); !errors.Is(err, ErrTooBig) {
		t.Errorf("export: %v", err)
	}
}

// A source that lies late must not cost what honest ones sent before.
func TestBadBlockKeepsTheGood(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(5, 12<<20))
	c, _ := parseCID(want.CID)
	root, err := from.node(c, c)
	if err != nil {
		t.Fatal(err)
	}
	var blocks [][]byte
	all, _ := io.ReadAll(noise(5, 12<<20))
	for i := range 8 {
		blocks = append(blocks, all[i<<20:(i+1)<<20])
	}
	// Asked for in fours, as the first requests of a source are.
	lies := whole([]byte{statusOK}, root)
	lies = whole(whole(lies, blocks[:4]...), blocks[4:]...)
	lies = open(lies, make([]byte, 1<<20))
	_, err = to.Fetch(t.Context(), want.CID, Limits{}, saying("liar", lies...))
	if !errors.Is(err, ErrBadBlock) {
		t.Fatal(err)
	}
	var read int64
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, cutting(serving(t, from), &read, math.MaxInt64)); err != nil {
		t.Fatal(err)
	}
	if read > 4<<20+100 {
		t.Errorf("%d bytes were fetched again", read-4<<20)
	}
	sameFile(t, to, want.CID, noise(5, 12<<20))
}

func FuzzFetch(f *testing.F) {
	two := fileNode(2, leafCID([]byte("x")), 1, 1)
	dir := dirNode(nodeCID(two), "a", "b")
	ok := []byte{statusOK}
	f.Add(whole(whole(ok, two), []byte("x"), []byte("x")), uint8(0))
	f.Add(whole(whole(whole(ok, dir), two), []byte("x"), []byte("x")), uint8(1))
	f.Add(whole(ok, []byte("x")), uint8(2))
	f.Add(append(appendMap([]byte{statusPart}, []Span{{1, 2}}), 0, statusPart, 1, 0, 1, 0), uint8(0))
	f.Add([]byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		to := newStore(t)
		to.cfg.IdleTimeout = 50 * time.Millisecond // what comes later than at once comes never
		root := []cid.Cid{nodeCID(two), nodeCID(dir), leafCID([]byte("x"))}[which%3]
		i, err := to.Fetch(t.Context(), root.String(), Limits{Bytes: 1 << 20}, saying("fuzz", data...))
		if err == nil {
			err = to.Verify(t.Context(), i.CID)
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzServe(f *testing.F) {
	from := newStore(f)
	file := mustAdd(f, from, noise(1, 3<<20))
	tree, err := from.AddTree(f.Context(), writeTree(f, map[string]string{"a": "1", "b/c": "2"}))
	if err != nil {
		f.Fatal(err)
	}
	for _, i := range []Info{file, tree} {
		c, _ := parseCID(i.CID)
		b := appendQuestion(appendHello(nil, c, 1<<30), question{cid: c, to: wholeRange})
		b = appendTrim(appendCredit(b, 1<<20), 0, 1<<20)
		b = appendQuestion(appendQuestion(b, question{cid: c, have: true}), question{cid: c, from: 5, to: math.MaxUint64, levels: 9, nodes: true})
		f.Add(append(b, frameDone))
	}
	f.Add([]byte{wireVersion})
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = from.ServeStream(t.Context(), struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), io.Discard}, nil)
		if len(from.uses) > 0 {
			t.Error("left in use")
		}
	})
}
