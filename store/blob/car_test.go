package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	car "github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/blockstore"
	mh "github.com/multiformats/go-multihash"
)

// someTree has what a folder can have, repeated files included.
func someTree(t testing.TB) string {
	t.Helper()
	dir := writeTree(t, map[string]string{"b": "text", "again/b": "text", "a/deep/x": "more", "a!": "", "ü": "umlaut"})
	big, err := io.ReadAll(noise(3, 3<<20+5))
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "a", "big"), big, 0o644), os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// addShards stores a sharded folder of n names for ten files.
func addShards(t testing.TB, s *Store, n int) cid.Cid {
	t.Helper()
	var files []cid.Cid
	for i := range 10 {
		mustAdd(t, s, strings.NewReader(fmt.Sprint(i)))
		files = append(files, leafCID(fmt.Append(nil, i)))
	}
	entries := someEntries(n, 100)
	for i := range entries {
		entries[i].cid = files[i%len(files)]
	}
	root, blocks, cids, err := folderBlocks(&node{dir: true, links: entries})
	if err == nil {
		err = s.putNodes(root.cid, blocks, cids)
	}
	if err != nil || len(blocks) == 1 {
		t.Fatal(len(blocks), err)
	}
	m := &carImport{s: s, lim: Limits{}.withDefaults()}
	if err = errors.Join(err, m.finishFolder(root.cid)); err != nil {
		t.Fatal(err)
	}
	return root.cid
}

func exportCAR(t testing.TB, s *Store, c string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.ExportCAR(t.Context(), c, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func importCAR(t testing.TB, s *Store, b []byte, lim Limits) ([]Info, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.car")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.ImportCAR(t.Context(), path, lim)
}

// carContents makes a store with some of everything, and its CIDs.
func carContents(t testing.TB) (*Store, map[string]string) {
	t.Helper()
	s := newStore(t)
	tree, err := s.AddTree(t.Context(), someTree(t))
	if err != nil {
		t.Fatal(err)
	}
	return s, map[string]string{
		"empty file": mustAdd(t, s, strings.NewReader("")).CID,
		"small file": mustAdd(t, s, strings.NewReader("hello")).CID,
		"one chunk":  mustAdd(t, s, noise(1, 1<<20)).CID,
		"two chunks": mustAdd(t, s, noise(2, 1<<20+1)).CID,
		"big file":   mustAdd(t, s, noise(4, 20<<20+7)).CID,
		"repeats":    mustAdd(t, s, io.LimitReader(zeros{}, 5<<20)).CID,
		"folder":     tree.CID,
		"shards":     addShards(t, s, 2600).String(),
	}
}

func TestCARThereAndBack(t *testing.T) {
	t.Parallel()
	from, contents := carContents(t)
	for name, c := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := exportCAR(t, from, c)
			order := readByGoCAR(t, data, c)
			to := newStore(t)
			told := Progress{}
			got, err := importCAR(t, to, data, Limits{OnProgress: func(p Progress) { told = p }})
			want, _ := from.Stat(c)
			if err != nil || len(got) != 1 || got[0].CID != c || got[0].Size != want.Size ||
				got[0].Blocks != want.Blocks || got[0].Entries != want.Entries || got[0].Dir != want.Dir {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
			if !told.Complete || told.Bytes != told.Total || len(order) > want.Blocks {
				t.Errorf("%+v, %d blocks", told, len(order))
			}
			if err := to.Verify(t.Context(), c); err != nil {
				t.Error(err)
			}
			clean(t, to)
			if again := exportCAR(t, to, c); !bytes.Equal(again, data) {
				t.Error("the second CAR differs")
			}
			if got, err := importCAR(t, to, data, Limits{}); err != nil || got[0].CID != c {
				t.Errorf("again: %v, %v", got, err)
			}
		})
	}
}

// readByGoCAR checks a CAR with the reference reader, which verifies every
// hash, and returns the CIDs in order.
func readByGoCAR(t testing.TB, data []byte, root string) (order []cid.Cid) {
	t.Helper()
	r, err := car.NewBlockReader(bytes.NewReader(data), car.WithTrustedCAR(false))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Roots) != 1 || r.Roots[0].String() != root {
		t.Errorf("version %d, roots %v", r.Version, r.Roots)
	}
	seen := map[cid.Cid]bool{}
	for b, err := r.Next(); !errors.Is(err, io.EOF); b, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		if seen[b.Cid()] {
			t.Errorf("%s twice", b.Cid())
		}
		seen[b.Cid()] = true
		order = append(order, b.Cid())
	}
	return order
}

// blocksOf takes the blocks out of a CAR.
func blocksOf(t testing.TB, data []byte) (out [][]byte, cids []cid.Cid) {
	t.Helper()
	r, err := car.NewBlockReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for b, err := r.Next(); err == nil; b, err = r.Next() {
		out, cids = append(out, b.RawData()), append(cids, b.Cid())
	}
	return out, cids
}

// makeCAR makes a CAR of any roots and blocks with the reference encoder's
// header.
func makeCAR(t testing.TB, roots []cid.Cid, blocks ...[]byte) []byte {
	t.Helper()
	b := bytes.NewBuffer(goCARHeader(t, roots))
	for _, block := range blocks {
		c := leafCID(block)
		if _, err := decodeBlock(block); err == nil {
			c = nodeCID(block)
		}
		b.Write(appendCARSection(nil, c, uint64(len(block))))
		b.Write(block)
	}
	return b.Bytes()
}

// goCARHeader lets go-car write a header.
func goCARHeader(t testing.TB, roots []cid.Cid) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "header.car")
	rw, err := blockstore.OpenReadWrite(path, roots, blockstore.WriteAsCarV1(true))
	if err == nil {
		err = rw.Finalize()
	}
	b, e := os.ReadFile(path)
	if err = errors.Join(err, e); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCARHeader(t *testing.T) {
	t.Parallel()
	root := leafCID([]byte("x"))
	if got, want := appendCARHeader(nil, root), goCARHeader(t, []cid.Cid{root}); !bytes.Equal(got, want) {
		t.Errorf("got %x, go-car writes %x", got, want)
	}
}

func TestCARv2(t *testing.T) {
	t.Parallel()
	from, contents := carContents(t)
	for _, name := range []string{"small file", "folder", "shards"} {
		root, _ := parseCID(contents[name])
		v1, v2 := filepath.Join(t.TempDir(), "1.car"), filepath.Join(t.TempDir(), "2.car")
		if err := os.WriteFile(v1, exportCAR(t, from, root.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := car.WrapV1File(v1, v2); err != nil {
			t.Fatal(err)
		}
		got, err := newStore(t).ImportCAR(t.Context(), v2, Limits{})
		if err != nil || len(got) != 1 || got[0].CID != root.String() {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestCARAnyOrder gives the blocks backwards, with strangers among them and
// with every block twice.
func TestCARAnyOrder(t *testing.T) {
	t.Parallel()
	from, contents := carContents(t)
	blocks, cids := blocksOf(t, exportCAR(t, from, contents["folder"]))
	file, _ := parseCID(contents["small file"])
	root, _ := parseCID(contents["folder"])
	b := bytes.NewBuffer(goCARHeader(t, []cid.Cid{root, file, root}))
	put := func(c cid.Cid, block []byte) {
		b.Write(appendCARSection(nil, c, uint64(len(block))))
		b.Write(block)
	}
	identity, _ := mh.Sum([]byte("inline"), mh.IDENTITY, -1)
	put(cid.NewCidV1(cid.Raw, identity), []byte("inline"))
	v0, _ := mh.Sum([]byte("old"), mh.SHA2_256, -1)
	put(cid.NewCidV0(v0), []byte("old"))
	put(leafCID([]byte("huge")), make([]byte, 3*maxLeaf)) // nobody refers to it
	for i := len(blocks) - 1; i >= 0; i-- {
		put(cids[i], blocks[i])
		put(cids[i], blocks[i])
	}
	put(file, []byte("hello"))
	to := newStore(t)
	got, err := importCAR(t, to, b.Bytes(), Limits{})
	if err != nil || len(got) != 2 || got[0].CID != root.String() || got[1].CID != file.String() {
		t.Fatalf("%v, %v", got, err)
	}
	if err := to.Verify(t.Context(), root.String()); err != nil {
		t.Error(err)
	}
}

func TestCARCancelled(t *testing.T) {
	t.Parallel()
	from := newStore(t)
	c := mustAdd(t, from, noise(1, 30<<20)).CID
	path := filepath.Join(t.TempDir(), "x.car")
	if err := os.WriteFile(path, exportCAR(t, from, c), 0o600); err != nil {
		t.Fatal(err)
	}
	to := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := to.ImportCAR(ctx, path, Limits{OnProgress: func(Progress) { cancel() }})
	if !errors.Is(err, context.Canceled) || to.Has(c) {
		t.Errorf("import: %v", err)
	}
	swept(t, to)
	if err := from.ExportCAR(ctx, c, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("export: %v", err)
	}
}

func TestExportCARFails(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i := mustAdd(t, s, noise(1, 3<<20))
	if err := s.ExportCAR(t.Context(), leafCID([]byte("x")).String(), io.Discard); !errors.Is(err, ErrNotHave) {
		t.Error(err)
	}
	if err := s.ExportCAR(t.Context(), "x", io.Discard); !errors.Is(err, ErrCID) {
		t.Error(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "full"))
	if err == nil {
		err = f.Close()
	}
	if e := s.ExportCAR(t.Context(), i.CID, f); err != nil || !errors.Is(e, os.ErrClosed) {
		t.Error(err, e)
	}
	if err := errors.Join(os.Chmod(i.Path, 0o600), damage(i.Path, 2<<20)); err != nil {
		t.Fatal(err)
	}
	if err := s.ExportCAR(t.Context(), i.CID, io.Discard); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func damage(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := []byte{0}
	_, err = f.ReadAt(b, at)
	b[0] ^= 1
	_, e := f.WriteAt(b, at)
	return errors.Join(err, e, f.Close())
}
