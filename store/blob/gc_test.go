package blob

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// A target removes no more than it takes, longest unused first, folders before
// what is in them; what was used last is known after the store was closed.
func TestGCTarget(t *testing.T) {
	t.Parallel()
	dir, index := t.TempDir(), store.NewMem()
	s := openIn(t, dir, index)
	var all []Info
	for i := range 6 {
		all = append(all, mustAdd(t, s, noise(uint64(i), 1<<20)))
	}
	tree, err := s.AddTree(t.Context(), writeTree(t, map[string]string{"a": strings.Repeat("a", 300<<10), "b": strings.Repeat("b", 300<<10)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{5, 0, 3, 1, 2, 4} {
		f, err := s.Open(all[i].CID)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir, index)
	i, err := s.Stat(all[4].CID)
	if err != nil || time.Since(i.Used) > time.Hour || !i.Used.After(all[4].Used) {
		t.Errorf("used at %v, added at %v, %v", i.Used, all[4].Used, err)
	}
	for _, dry := range []bool{true, false} {
		rep, err := s.GC(t.Context(), GCOptions{DryRun: dry, Target: 4<<20 + 10})
		if err != nil || rep.Bytes != 2*300<<10+2<<20 || rep.Kept != 4 || len(rep.Removed) != 5 ||
			rep.Removed[0].CID != tree.CID || rep.Removed[3].CID != all[5].CID || rep.Removed[4].CID != all[0].CID {
			t.Fatalf("dry %v: %+v, %v", dry, rep, err)
		}
	}
	for i, want := range []bool{false, true, true, true, true, false} {
		if s.Has(all[i].CID) != want {
			t.Errorf("file %d is there: %v", i, !want)
		}
	}
	if rep, err := s.GC(t.Context(), GCOptions{Target: 1 << 40}); err != nil || len(rep.Removed) > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// An unfinished fetch is removed in its turn, and never while it is continued.
func TestGCUnfinished(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(1, 8<<20))
	var read int64
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, cutting(serving(t, from), &read, 4<<20)); err == nil {
		t.Fatal("the cut went unnoticed")
	}
	young := mustAdd(t, to, noise(2, 1<<20))
	c := mustParse(want.CID)
	if !to.claim(c) {
		t.Fatal("still claimed")
	}
	rep, err := to.GC(t.Context(), GCOptions{DryRun: true, Target: 1 << 20})
	if err != nil || len(rep.Removed) != 1 || rep.Removed[0].CID != young.CID {
		t.Errorf("continued: %+v, %v", rep, err)
	}
	to.unclaim(c)
	rep, err = to.GC(t.Context(), GCOptions{Target: 1 << 20})
	if err != nil || len(rep.Removed) != 0 || rep.Bytes < 2<<20 || !to.Has(young.CID) {
		t.Errorf("left alone: %+v, %v", rep, err)
	}
	clean(t, to)
}

// A folder of many shards is collected, verified and exported as others are.
func TestShardedFolder(t *testing.T) {
	t.Parallel()
	s := openIn(t, ramDir(t), store.NewMem())
	files := map[string]string{}
	for i := range 2600 {
		files[fmt.Sprintf("a file with a name of some length, and more length still, number %d", i)] = fmt.Sprint(i % 50)
	}
	dir := writeTree(t, files)
	i, err := s.AddTree(t.Context(), dir)
	if err != nil || i.Entries != 2600 || i.Blocks < 2600+100 {
		t.Fatalf("%+v, %v", i, err)
	}
	c := mustParse(i.CID)
	inside := 0
	if err := s.entries(c, func(link) { inside++ }); err != nil || inside != 2600 {
		t.Errorf("%d entries, %v", inside, err)
	}
	if err := s.Verify(t.Context(), i.CID); err != nil {
		t.Error(err)
	}
	if err := s.Remove(must(s.List())(t)[0].CID); err != nil && !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := s.Pin(i.CID); err != nil {
		t.Fatal(err)
	}
	if rep, err := s.GC(t.Context(), GCOptions{}); err != nil || len(rep.Removed) > 0 || rep.Kept != 51 {
		t.Errorf("%d removed, %d kept, %v", len(rep.Removed), rep.Kept, err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := s.Export(t.Context(), i.CID, out, Limits{}); err != nil {
		t.Fatal(err)
	}
	if again, err := newStore(t).AddTree(t.Context(), out); err != nil || again.CID != i.CID {
		t.Errorf("%+v, %v", again, err)
	}
	if err := s.Unpin(i.CID); err != nil {
		t.Fatal(err)
	}
	swept(t, s)
}

// Additions, fetches and uses at once under one quota: it is held, and all
// that is held stays whole.
func TestQuotaConcurrent(t *testing.T) {
	t.Parallel()
	const quota = 8 << 20
	from := newStore(t)
	var wants []Info
	for i := range 6 {
		wants = append(wants, mustAdd(t, from, noise(uint64(100+i), 1<<20+int64(i))))
	}
	s := withQuota(t, ramDir(t), store.NewMem(), quota)
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for round := range 6 {
				i, err := s.Add(t.Context(), noise(uint64(w*10+round), 700<<10))
				if err == nil && round%2 == 0 {
					i, err = s.Fetch(t.Context(), wants[w].CID, Limits{}, serving(t, from))
				}
				if err != nil && !errors.Is(err, ErrQuota) {
					t.Error(err)
				}
				if err != nil {
					continue
				}
				release, err := s.Hold(i.CID)
				if errors.Is(err, ErrNotHave) {
					continue // somebody needed the room before it was held
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if err := s.Verify(t.Context(), i.CID); err != nil {
					t.Error(err)
				}
				release()
			}
		})
	}
	wg.Wait()
	disk, err := s.diskBytes()
	if err != nil || disk > quota || s.room.reserved != 0 {
		t.Errorf("%d bytes on the disk of %d, %d reserved, %v", disk, quota, s.room.reserved, err)
	}
}
