package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"infernet.tech/infernet/store"
)

// TestCARKilled has another process take a CAR in and be killed at its nth
// read; what is visible then must be whole, and the next time it goes through.
func TestCARKilled(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_CAR_KILLED"); dir != "" {
		importUntilKilled(dir)
	}
	t.Parallel()
	from := newStore(t)
	tree, err := from.AddTree(t.Context(), someTree(t))
	if err != nil {
		t.Fatal(err)
	}
	path, dir, kills := carFrom(t, from, tree.CID), t.TempDir(), 0
	for reads, done := 3, false; !done; reads += reads/2 + 1 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCARKilled$")
		cmd.Env = append(os.Environ(), "BLOB_TEST_CAR_KILLED="+dir, "BLOB_TEST_CAR="+path, "BLOB_TEST_READS="+strconv.Itoa(reads))
		out, err := cmd.CombinedOutput()
		if done = err == nil; !done && len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
		kills++
		afterKill(t, dir, tree.CID, done)
	}
	if kills < 5 {
		t.Errorf("killed %d times", kills-1)
	}
}

// afterKill opens the store and looks at everything that is visible.
func afterKill(t *testing.T, dir, root string, done bool) {
	t.Helper()
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := openIn(t, filepath.Join(dir, "blobs"), b)
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if err := s.Verify(t.Context(), i.CID); err != nil {
			t.Errorf("%s: %v", i.CID, err)
		}
	}
	if s.Has(root) != done {
		t.Errorf("the root is visible: %v", !done)
	}
	if !done {
		swept(t, s)
	}
}

func importUntilKilled(dir string) {
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err == nil {
		var s *Store
		if s, err = Open(filepath.Join(dir, "blobs"), b, Config{}); err == nil {
			err = importKilling(s, os.Getenv("BLOB_TEST_CAR"))
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = b.Close()
	os.Exit(0)
}

func importKilling(s *Store, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(os.Getenv("BLOB_TEST_READS"), 10, 64)
	if err != nil {
		return err
	}
	r := &deadly{r: bytes.NewReader(data)}
	r.left.Store(n)
	_, err = s.importCAR(context.Background(), r, int64(len(data)), Limits{}.withDefaults())
	return err
}

// deadly kills its own process at a read.
type deadly struct {
	r    io.ReaderAt
	left atomic.Int64
}

func (d *deadly) ReadAt(p []byte, at int64) (int, error) {
	if d.left.Add(-1) < 0 {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err == nil {
			select {} // until it is dead
		}
		return 0, err
	}
	return d.r.ReadAt(p, at)
}
