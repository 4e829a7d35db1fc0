package blob

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// TestManySmallFiles adds many files of 10 KiB and one file of the same bytes.
// How long each takes is held to a bound only in the long tests, on a machine
// that does nothing else.
func TestManySmallFiles(t *testing.T) {
	const size = 10 << 10
	files, rounds := 1000, 1
	long := os.Getenv("INFERNET_LONG") != ""
	if long {
		files, rounds = 10_000, 5
	}
	dir := t.TempDir()
	block := make([]byte, size)
	for i := range files {
		_, _ = noise(uint64(i), size).Read(block)
		sub := filepath.Join(dir, fmt.Sprint(i%10))
		if i < 10 {
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), block, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	one := filepath.Join(t.TempDir(), "one")
	f, err := os.Create(one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(noise(1, int64(files*size))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	index, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	best := 100.0
	for round := range rounds {
		s := openIn(t, t.TempDir(), store.Prefix(index, fmt.Sprint(round)))
		begun := time.Now()
		// Copied, as the small ones are; AddFile might only share the place.
		if f, err = os.Open(one); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		single := time.Since(begun)
		begun = time.Now()
		i, err := s.AddTree(t.Context(), dir)
		if err != nil || i.Entries != files+10 || i.Size != uint64(files*size) {
			t.Fatalf("%+v, %v", i, err)
		}
		many := time.Since(begun)
		begun = time.Now()
		if _, err := s.AddTree(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		t.Logf("one file %v, many %v (%.2f times), again %v", single, many, many.Seconds()/single.Seconds(), time.Since(begun))
		best = min(best, many.Seconds()/single.Seconds())
	}
	if long && best > 2 {
		t.Errorf("many small files take %.1f times as long as one", best)
	}
}
