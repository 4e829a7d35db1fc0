package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// carOf writes the CAR of a stream, made in a store that is gone afterwards.
func carOf(t testing.TB, r io.Reader) (path, root string) {
	t.Helper()
	s := newStore(t)
	i := mustAdd(t, s, r)
	return carFrom(t, s, i.CID), i.CID
}

func carFrom(t testing.TB, s *Store, c string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.car")
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(s.ExportCAR(t.Context(), c, f), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCARMemory takes in and writes a large file and watches the memory.
func TestCARMemory(t *testing.T) {
	size := int64(128<<20 + 1)
	if os.Getenv("INFERNET_LONG") != "" {
		size = 1<<30 + 1
	}
	path, root := carOf(t, noise(1, size))
	debug.FreeOSMemory()
	before, peak := inUse(), uint64(0)
	to := newStore(t)
	begun := time.Now()
	_, err := to.ImportCAR(t.Context(), path, Limits{OnProgress: func(Progress) { peak = max(peak, inUse()) }})
	if err != nil {
		t.Fatal(err)
	}
	taken := time.Since(begun)
	begun = time.Now()
	if err := to.ExportCAR(t.Context(), root, every(16<<20, func() { peak = max(peak, inUse()) })); err != nil {
		t.Fatal(err)
	}
	t.Logf("taken in at %.0f MB/s, written at %.0f MB/s; %d KiB before, %d KiB at most",
		float64(size)/taken.Seconds()/1e6, float64(size)/time.Since(begun).Seconds()/1e6, before>>10, peak>>10)
	if peak > before+64<<20 {
		t.Errorf("grew from %d to %d KiB", before>>10, peak>>10)
	}
}

// wideFiles are a sharded folder of small files, few of them different.
func wideFiles() map[string]string {
	files := map[string]string{"sub/x": "y"}
	for i := range 950 {
		files[fmt.Sprintf("%0240d", i)] = fmt.Sprint(i % 7)
	}
	return files
}

// TestCARSmallFiles takes in many small files in a sharded folder.
func TestCARSmallFiles(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	pack := from.newPacker()
	n := 4000
	if os.Getenv("INFERNET_LONG") != "" {
		n = 10_000
	}
	entries := someEntries(n, 60)
	text := make([]byte, 10<<10)
	for i := range entries {
		copy(text, entries[i].name)
		entries[i].cid, entries[i].tsize = leafCID(text), uint64(len(text))
		if err := pack.put(entries[i].cid, text); err != nil {
			t.Fatal(err)
		}
	}
	root, blocks, cids, err := folderBlocks(&node{dir: true, links: entries})
	err = errors.Join(err, pack.flush(), pack.close(), from.putNodes(root.cid, blocks, cids))
	m := &carImport{s: from, lim: Limits{}.withDefaults()}
	if err = errors.Join(err, m.finishFolder(root.cid)); err != nil {
		t.Fatal(err)
	}
	path := carFrom(t, from, root.cid.String())
	begun := time.Now()
	got, err := to.ImportCAR(t.Context(), path, Limits{})
	if err != nil || len(got) != 1 || got[0].CID != root.cid.String() || got[0].Entries != len(entries) {
		t.Fatalf("%v, %v", got, err)
	}
	t.Logf("%d files of 10 KiB in %v", len(entries), time.Since(begun))
	if err := to.Verify(t.Context(), root.cid.String()); err != nil {
		t.Error(err)
	}
}

// TestCARAtOnce lets several take in the same.
func TestCARAtOnce(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	tree, err := from.AddTree(t.Context(), someTree(t))
	if err != nil {
		t.Fatal(err)
	}
	path := carFrom(t, from, tree.CID)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			got, err := to.ImportCAR(t.Context(), path, Limits{})
			if err != nil || len(got) != 1 || got[0].CID != tree.CID {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	group.Wait()
	if err := to.Verify(t.Context(), tree.CID); err != nil {
		t.Error(err)
	}
	clean(t, to)
}

func TestCARPastQuota(t *testing.T) {
	t.Parallel()
	path, root := carOf(t, noise(1, 5<<20))
	to, err := Open(t.TempDir(), store.NewMem(), Config{Workers: 2, Quota: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.ImportCAR(t.Context(), path, Limits{}); !errors.Is(err, ErrQuota) || !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if to.Has(root) {
		t.Error("visible")
	}
	swept(t, to)
	if _, err := to.ImportCAR(t.Context(), path, Limits{Bytes: 4 << 20}); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v", err)
	}
}

// TestShardsTravel fetches, verifies, exports, keeps and drops a sharded folder.
func TestShardsTravel(t *testing.T) {
	t.Parallel()
	files := wideFiles()
	from, to := newStore(t), newStore(t)
	tree, err := from.AddTree(t.Context(), writeTree(t, files))
	if err != nil || tree.CID != golden(t)["folder wide"] {
		t.Fatalf("added: %+v, %v", tree, err)
	}
	i, err := to.Fetch(t.Context(), tree.CID, Limits{}, serving(t, from))
	if err != nil || i.Size != tree.Size || i.Entries != tree.Entries || i.Blocks != tree.Blocks || i.Blocks < 1000 {
		t.Fatalf("%+v, %v, want %+v", i, err, tree)
	}
	if err := to.Verify(t.Context(), tree.CID); err != nil {
		t.Error(err)
	}
	sameTree(t, to, tree.CID, files)
	if err := to.Remove(leafCID([]byte("3")).String()); !errors.Is(err, ErrInUse) {
		t.Errorf("an entry was removed: %v", err)
	}
	if err := to.Pin(tree.CID); err != nil {
		t.Fatal(err)
	}
	if rep, err := to.GC(context.Background(), GCOptions{}); err != nil || len(rep.Removed) > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := to.Unpin(tree.CID); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Fetch(t.Context(), tree.CID, Limits{Entries: 900}); !errors.Is(err, ErrTooBig) {
		t.Errorf("past the limit: %v", err)
	}
	third := newStore(t)
	if _, err := third.Fetch(t.Context(), tree.CID, Limits{Entries: 900}, serving(t, from)); !errors.Is(err, ErrTooBig) {
		t.Errorf("past the limit: %v", err)
	}
	swept(t, third)
	swept(t, to)
}
