package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

func TestHostileCARs(t *testing.T) {
	t.Parallel()
	one := []byte("x")
	leaf := leafCID(one)
	two := fileNode(2, leaf, 1, 1)
	dir := dirNode(nodeCID(two), "a", "b")
	good := makeCAR(t, []cid.Cid{nodeCID(dir)}, dir, two, one)
	head := goCARHeader(t, []cid.Cid{leaf})
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	uv := func(x uint64) []byte { return binary.AppendUvarint(nil, x) }
	section := func(c cid.Cid, b []byte) []byte { return cat(appendCARSection(nil, c, uint64(len(b))), b) }
	v2 := func(at, size uint64, rest []byte) []byte {
		b := append([]byte{0x0a, 0xa1, 0x67}, "version\x02"...)
		b = binary.LittleEndian.AppendUint64(append(b, make([]byte, 16)...), at)
		b = binary.LittleEndian.AppendUint64(b, size)
		return append(binary.LittleEndian.AppendUint64(b, 0), rest...)
	}
	shardRoot := shardNode(256, []int{placed("x", 256)[0] ^ 1}, link{name: "x", cid: leaf, tsize: 1})
	up := dirNode(leaf, "../../b")
	wrapped := []byte{0x0a, 7, 8, 2, 0x12, 1, 'x', 0x18, 1}
	symlink := []byte{0x0a, 5, 8, 4, 0x12, 1, 'x'}
	timed := []byte{0x0a, 5, 8, 1, 0x38, 0xed, 3}
	v0root := cid.NewCidV0(nodeCID(dir).Hash())
	blake, _ := mh.Sum(one, mh.BLAKE3, -1)

	for name, c := range map[string]struct {
		data   []byte
		expect error
	}{
		"good":                {good, nil},
		"nothing":             {nil, ErrCAR},
		"no CAR":              {[]byte("PK\x03\x04 and so on, for more than a header"), ErrCAR},
		"header of 2^60":      {cat(uv(1<<60), good), ErrCAR},
		"header of 2^64-1":    {cat(uv(math.MaxUint64), good), ErrCAR},
		"endless varint":      {bytes.Repeat([]byte{0xff}, 100), ErrCAR},
		"header cut":          {good[:20], ErrCAR},
		"2^60 roots":          {cborCAR("\xa2\x65roots\x9b\x10\x00\x00\x00\x00\x00\x00\x00\x67version\x01"), ErrCAR},
		"2^60 keys":           {cborCAR("\xbb\x10\x00\x00\x00\x00\x00\x00\x00"), ErrCAR},
		"endless map":         {cborCAR("\xbf\x67version\x01\xff"), ErrCAR},
		"root of 2^60 bytes":  {cborCAR("\xa2\x65roots\x81\xd8\x2a\x5b\x10\x00\x00\x00\x00\x00\x00\x00"), ErrCAR},
		"root no CID":         {cborCAR("\xa2\x65roots\x81\xd8\x2a\x43\x00\x01\x02\x67version\x01"), ErrCAR},
		"no roots":            {cborCAR("\xa2\x65roots\x80\x67version\x01"), ErrCAR},
		"version 3":           {cborCAR("\xa1\x67version\x03"), ErrCAR},
		"more in the header":  {cborCAR("\xa1\x67version\x01\x00"), ErrCAR},
		"too many roots":      {makeCAR(t, manyRoots(maxCARRoots+1), one), ErrCAR},
		"roots not there":     {makeCAR(t, manyRoots(maxCARRoots), one), ErrCAR},
		"v2 of nothing":       {v2(51, 0, nil), ErrCAR},
		"v2 cut":              {v2(51, 0, nil)[:40], ErrCAR},
		"v2 data at 2^63":     {v2(1<<63, 10, good), ErrCAR},
		"v2 data of 2^64-1":   {v2(51, math.MaxUint64, good), ErrCAR},
		"v2 in itself":        {v2(0, 51, good), ErrCAR},
		"v2 in v2":            {v2(51, uint64(51+len(good)), v2(51, uint64(len(good)), good)), ErrCAR},
		"v2 good":             {v2(51, uint64(len(good)), good), nil},
		"block of 2^60":       {cat(head, uv(1<<60), leaf.Bytes(), one), ErrCAR},
		"block of 2^64-1":     {cat(head, uv(math.MaxUint64), leaf.Bytes(), one), ErrCAR},
		"block of nothing":    {cat(head, []byte{0}), ErrCAR},
		"huge varint":         {cat(head, bytes.Repeat([]byte{0x80}, 11)), ErrCAR},
		"block cut":           {good[:len(good)-1], ErrCAR},
		"block without bytes": {cat(head, section(leaf, nil)), ErrBadBlock},
		"CID cut":             {cat(head, uv(10), leaf.Bytes()[:10]), ErrCAR},
		"wrong hash":          {cat(head, section(leaf, []byte("y"))), ErrBadBlock},
		"wrong hash below":    {cat(makeCAR(t, []cid.Cid{nodeCID(two)}, two), section(leaf, []byte("y"))), ErrBadBlock},
		"wrong node":          {cat(goCARHeader(t, []cid.Cid{nodeCID(two)}), section(nodeCID(two), dir)), ErrBadBlock},
		"leaf too long":       {cat(makeCAR(t, []cid.Cid{nodeCID(two)}, two), section(leaf, []byte("xx"))), ErrBadBlock},
		"leaf missing":        {makeCAR(t, []cid.Cid{nodeCID(dir)}, dir, two), ErrCAR},
		"node missing":        {makeCAR(t, []cid.Cid{nodeCID(dir)}, dir, one), ErrCAR},
		"2^60 declared":       {makeCAR(t, []cid.Cid{nodeCID(fileNode(1<<60, nodeCID(two), 1<<60))}, fileNode(1<<60, nodeCID(two), 1<<60), two), ErrTooBig},
		"name with path":      {cat(goCARHeader(t, []cid.Cid{nodeCID(up)}), section(nodeCID(up), up), section(leaf, one)), ErrName},
		"wrong shard":         {makeCAR(t, []cid.Cid{nodeCID(shardRoot)}, shardRoot, one), ErrDAG},
		"many entries":        {makeCAR(t, []cid.Cid{nodeCID(dirNode(leaf, manyNames(200)...))}, dirNode(leaf, manyNames(200)...), one), ErrTooBig},
		"leaves in nodes":     {cat(goCARHeader(t, []cid.Cid{nodeCID(wrapped)}), section(nodeCID(wrapped), wrapped)), ErrProfile},
		"symbolic link":       {cat(goCARHeader(t, []cid.Cid{nodeCID(symlink)}), section(nodeCID(symlink), symlink)), ErrProfile},
		"modes":               {cat(goCARHeader(t, []cid.Cid{nodeCID(timed)}), section(nodeCID(timed), timed)), ErrProfile},
		"raw block of 3 MiB":  {cat(goCARHeader(t, []cid.Cid{leafCID(make([]byte, 3<<20))}), section(leafCID(make([]byte, 3<<20)), make([]byte, 3<<20))), ErrProfile},
		"version 0":           {makeCAR(t, []cid.Cid{v0root}, dir, two, one), ErrProfile},
		"another hash":        {makeCAR(t, []cid.Cid{cid.NewCidV1(cid.Raw, blake)}, one), ErrProfile},
		"dag-cbor":            {makeCAR(t, []cid.Cid{cid.NewCidV1(cid.DagCBOR, leaf.Hash())}, one), ErrProfile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newStore(t)
			got, err := importCAR(t, to, c.data, Limits{Bytes: 1 << 30, Entries: 100})
			if !errors.Is(err, c.expect) || (err == nil) != (len(got) == 1) {
				t.Errorf("got %v, %v, want %v", got, err, c.expect)
			}
			if errors.Is(c.expect, ErrProfile) && !strings.Contains(err.Error(), "--raw-leaves") {
				t.Errorf("it does not say what to do: %v", err)
			}
			if len(to.uses) > 0 || len(to.claims) > 0 {
				t.Error("left in use")
			}
			if err != nil {
				swept(t, to)
			}
		})
	}
}

func cborCAR(header string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(header))), header...)
}

func manyRoots(n int) (out []cid.Cid) {
	for i := range n {
		out = append(out, leafCID(fmt.Append(nil, i)))
	}
	return out
}

// TestCARFolderBomb: few blocks, more entries than atoms.
func TestCARFolderBomb(t *testing.T) {
	t.Parallel()
	blocks := [][]byte{[]byte("x")}
	c := leafCID(blocks[0])
	for range 40 {
		b := dirNode(c, "a", "b")
		blocks, c = append(blocks, b), nodeCID(b)
	}
	data := makeCAR(t, []cid.Cid{c}, blocks...)
	for _, lim := range []Limits{{Depth: 100}, {Depth: 10}} {
		to := newStore(t)
		if _, err := importCAR(t, to, data, lim); !errors.Is(err, ErrTooBig) || to.Has(c.String()) {
			t.Errorf("%+v: %v", lim, err)
		}
		swept(t, to)
	}
}

// TestCARSecondRootBad: what is whole stays, and is told.
func TestCARSecondRootBad(t *testing.T) {
	t.Parallel()
	a, b := []byte("a"), []byte("b")
	to := newStore(t)
	got, err := importCAR(t, to, makeCAR(t, []cid.Cid{leafCID(a), leafCID(b)}, a), Limits{})
	if !errors.Is(err, ErrCAR) || len(got) != 1 || !to.Has(leafCID(a).String()) || to.Has(leafCID(b).String()) {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzImportCAR(f *testing.F) {
	one := []byte("x")
	two := fileNode(2, leafCID(one), 1, 1)
	dir := dirNode(nodeCID(two), "a", "b")
	f.Add(makeCAR(f, []cid.Cid{nodeCID(dir)}, dir, two, one))
	f.Add(makeCAR(f, []cid.Cid{leafCID(one), nodeCID(two)}, one, two))
	sub := chain("name", 256, 2)
	f.Add(makeCAR(f, []cid.Cid{nodeCID(sub[0])}, sub[0], sub[1], one))
	to := newStore(f) // one for all: making it is what takes long
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := to.importCAR(t.Context(), bytes.NewReader(data), int64(len(data)), Limits{Bytes: 1 << 20, Entries: 100}.withDefaults())
		for _, i := range got {
			if err := to.ExportCAR(t.Context(), i.CID, io.Discard); err != nil {
				t.Error(err)
			}
		}
		if err == nil && len(got) == 0 {
			t.Error("neither content nor an error")
		}
		swept(t, to)
	})
}

func FuzzCARHeader(f *testing.F) {
	f.Add([]byte("\xa2\x65roots\x80\x67version\x01"))
	f.Add(appendCARHeader(nil, leafCID(nil))[1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, roots, err := decodeCARHeader(data)
		if err != nil && !errors.Is(err, ErrCAR) || len(roots) > len(data)/2 {
			t.Errorf("%d roots, %v", len(roots), err)
		}
	})
}
