package blob

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// watching tells the most that the process holds while it runs, both ends
// together.
func watching() (stop func() (before, peak uint64)) {
	debug.FreeOSMemory()
	before := inUse()
	var peak atomic.Uint64
	peak.Store(before)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				peak.Store(max(peak.Load(), inUse()))
			}
		}
	}()
	return func() (uint64, uint64) {
		close(done)
		<-ended
		return before, peak.Load()
	}
}

// TestSixtyFourAtOnce fetches many files at the same time into one store.
func TestSixtyFourAtOnce(t *testing.T) {
	const at = 64
	size := int64(6 << 20)
	if os.Getenv("INFERNET_LONG") != "" {
		size = 64 << 20
	}
	from, to := newStore(t), newStore(t)
	to.cfg = Config{}.withDefaults()
	var want [at]Info
	for i := range want {
		want[i] = mustAdd(t, from, noise(uint64(100+i), size))
	}
	src := overTCP(t, from)
	stop := watching()
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range want {
		wg.Go(func() {
			if _, err := to.Fetch(t.Context(), want[i].CID, Limits{}, src); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	before, peak := stop()
	t.Logf("%d MiB in %v; %d KiB before, %d KiB at most", at*size>>20, took, before>>10, peak>>10)
	if peak > before+256<<20 {
		t.Errorf("grew from %d to %d KiB", before>>10, peak>>10)
	}
	for i := range want {
		sameFile(t, to, want[i].CID, noise(uint64(100+i), size))
	}
	clean(t, to)
	if to.streams != 0 || to.pool.left != int64(to.cfg.Memory) {
		t.Errorf("%d streams and %d bytes were not given back", to.streams, int64(to.cfg.Memory)-to.pool.left)
	}
}

// TestTenGigabytes moves 10 GiB and holds little of it.
func TestTenGigabytes(t *testing.T) {
	size := int64(10 << 30)
	if os.Getenv("INFERNET_LONG") == "" {
		size = 256 << 20
	}
	index, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	from := openIn(t, t.TempDir(), store.Prefix(index, "from/"))
	to := openIn(t, t.TempDir(), store.Prefix(index, "to/"))
	want := mustAdd(t, from, noise(3, size))
	stop := watching()
	begun := time.Now()
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, overTCP(t, from)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	before, peak := stop()
	t.Logf("%d MiB at %.0f MB/s; %d KiB before, %d KiB at most", size>>20, float64(size)/took.Seconds()/1e6, before>>10, peak>>10)
	if peak > before+64<<20 {
		t.Errorf("grew from %d to %d KiB", before>>10, peak>>10)
	}
	sameFile(t, to, want.CID, noise(3, size))
}

// BenchmarkFetchSmall fetches a folder of 10,000 files of 10 KiB.
func BenchmarkFetchSmall(b *testing.B) {
	files := map[string]string{}
	for i := range 10_000 {
		files[fmt.Sprintf("%05d", i)] = fmt.Sprintf("%05d", i) + strings.Repeat("x", 10<<10-5)
	}
	from := newStore(b)
	want, err := from.AddTree(b.Context(), writeTree(b, files))
	if err != nil {
		b.Fatal(err)
	}
	src := overTCP(b, from)
	b.SetBytes(10_000 * 10 << 10)
	for b.Loop() {
		if _, err := newStore(b).Fetch(b.Context(), want.CID, Limits{}, src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetchOne fetches one file of as many bytes.
func BenchmarkFetchOne(b *testing.B) {
	from := newStore(b)
	want := mustAdd(b, from, io.LimitReader(noise(1, 1<<40), 10_000*10<<10))
	src := overTCP(b, from)
	b.SetBytes(10_000 * 10 << 10)
	for b.Loop() {
		if _, err := newStore(b).Fetch(b.Context(), want.CID, Limits{}, src); err != nil {
			b.Fatal(err)
		}
	}
}
