package blob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"infernet.tech/infernet/store"
)

var errCrash = errors.New("crash")

// crashing is a store on a machine that fails before one step of all, and
// knows what the disk would have after a power cut then: of a file what was
// synced, under the names that its folder had when that was synced.
type crashing struct {
	*Store
	index store.Store

	mu    sync.Mutex
	left  int // steps before the crash
	dead  bool
	steps []string
	bytes map[uint64][]byte            // by inode
	names map[string]map[string]uint64 // by folder
}

// View and Update implement store.Store. What is committed is durable.
func (k *crashing) View(fn func(store.Reader) error) error { return k.index.View(fn) }
func (k *crashing) Close() error                           { return nil }
func (k *crashing) Update(fn func(store.Txn) error) error {
	if err := k.step("index", ""); err != nil {
		return err
	}
	return k.index.Update(fn)
}

func newCrashing(t *testing.T, dir string, steps int) *crashing {
	t.Helper()
	k := &crashing{index: store.NewMem(), left: steps, bytes: map[uint64][]byte{}, names: map[string]map[string]uint64{}}
	s, err := Open(dir, k, Config{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	k.Store = s
	s.fault = k.step
	return k
}

// step crashes when its time has come, and otherwise takes note of what is
// about to become durable: no later step changes that.
func (k *crashing) step(name, path string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.steps = append(k.steps, name+" "+filepath.Base(path))
	if k.left--; k.left < 0 || k.dead {
		k.dead = true
		return errCrash
	}
	switch name {
	case "sync":
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		k.bytes[inode(path)] = b
	case "syncdir":
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		k.names[path] = map[string]uint64{}
		for _, e := range entries {
			k.names[path][e.Name()] = inode(filepath.Join(path, e.Name()))
		}
	}
	return nil
}

func inode(path string) uint64 {
	var st syscall.Stat_t
	_ = syscall.Stat(path, &st) // 0 for none
	return st.Ino
}

// afterPowerCut makes a folder of what the disk has.
func (k *crashing) afterPowerCut(t *testing.T) string {
	t.Helper()
	dir := ramDir(t)
	for from, names := range k.names {
		to := filepath.Join(dir, filepath.Base(from))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, ino := range names {
			if err := os.WriteFile(filepath.Join(to, name), k.bytes[ino], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// workload does all that writes, and tells what must be there after each step
// that came to its end.
func workload(t *testing.T, k *crashing, from *Store, remote string, trees []string) (promised []string) {
	t.Helper()
	ctx := t.Context()
	ok := func(i Info, err error) bool {
		if err == nil && k.Pin(i.CID) == nil {
			promised = append(promised, i.CID)
			return true
		}
		return false
	}
	if !ok(k.Add(ctx, noise(1, 2<<20+5))) || !ok(k.Add(ctx, strings.NewReader("small"))) || !ok(k.AddTree(ctx, trees[0])) {
		return promised
	}
	i, err := k.AddTree(ctx, trees[1])
	if err != nil {
		return promised
	}
	folder := must(k.folder(mustParse(i.CID)))(t).links()[0].cid
	if _, err := k.Path(must(k.folder(folder))(t).links()[0].cid.String()); err != nil {
		return promised
	}
	if _, err := k.GC(ctx, GCOptions{}); err != nil || !ok(k.AddTree(ctx, trees[2])) {
		return promised
	}
	if !ok(k.Fetch(ctx, remote, Limits{}, serving(t, from))) {
		return promised
	}
	last, err := k.Add(ctx, strings.NewReader("to be removed"))
	if err != nil || k.Remove(last.CID) != nil {
		return promised
	}
	return append(promised, "done")
}

// TestCrash crashes before each step of a workload in turn, or every other in
// the short tests: the program alone, and the machine. What is visible then is whole, what was promised is there,
// and a collection leaves nothing behind.
func TestCrash(t *testing.T) {
	t.Parallel()
	var trees []string
	for n := range 3 {
		files := map[string]string{"large": strings.Repeat(fmt.Sprint("large ", n), 50_000)}
		for i := range 30 + n%2*90 { // what goes later is more than half of a pack
			files[fmt.Sprintf("d%d/%d", i%3, i)] = fmt.Sprint("file ", i*(n+1))
		}
		trees = append(trees, writeTree(t, files))
	}
	from := newStore(t)
	remote, err := from.AddTree(t.Context(), writeTree(t, map[string]string{"a": "A", "b": strings.Repeat("B", 300<<10), "c/d": strings.Repeat("D", 2<<20)}))
	if err != nil {
		t.Fatal(err)
	}
	k := newCrashing(t, ramDir(t), 1<<30)
	if all := workload(t, k, from, remote.CID, trees); len(all) == 0 || all[len(all)-1] != "done" {
		t.Fatalf("the workload does not come to its end: %q", k.steps)
	}
	steps, stride := 0, 2
	if os.Getenv("INFERNET_LONG") != "" {
		stride = 1
	}
	for done := false; !done; steps += stride {
		dir := ramDir(t)
		k := newCrashing(t, dir, steps)
		promised := workload(t, k, from, remote.CID, trees)
		if n := len(promised); n > 0 && promised[n-1] == "done" {
			done, promised = true, promised[:n-1]
		}
		for _, died := range []string{"machine", "program"} {
			at := dir
			if died == "machine" {
				at = k.afterPowerCut(t)
			}
			copied := copyIndex(t, k.index)
			s := openIn(t, at, copied)
			sound(t, s, promised)
			if t.Failed() {
				k.mu.Lock()
				defer k.mu.Unlock()
				t.Fatalf("the %s crashed before step %d of %q", died, steps, k.steps)
			}
			if _, err := s.Fetch(t.Context(), remote.CID, Limits{}, serving(t, from)); err != nil {
				t.Fatalf("the %s crashed before step %d: fetch goes on: %v", died, steps, err)
			}
			for _, i := range must(s.List())(t) {
				if err := s.Unpin(i.CID); err != nil {
					t.Fatal(err)
				}
			}
			swept(t, s)
			if names, _ := packFiles(t, s); len(names) > 0 || t.Failed() {
				t.Fatalf("the %s crashed before step %d: left %v", died, steps, names)
			}
			_ = os.RemoveAll(at)
		}
	}
	t.Logf("%d steps", steps)
	all := strings.Join(k.steps, " ")
	for _, want := range []string{"create ", "append ", "sync ", "rename ", "syncdir ", "commit ", "forget ", "remove "} {
		if !strings.Contains(all, want) {
			t.Errorf("the workload has no step %q", want)
		}
	}
}

// sound checks that all that is visible is whole and all that was promised is
// visible.
func sound(t *testing.T, s *Store, promised []string) {
	t.Helper()
	for _, i := range must(s.List())(t) {
		if err := s.Verify(t.Context(), i.CID); err != nil {
			t.Errorf("visible and not whole: %v", err)
		}
	}
	for _, c := range promised {
		if i, err := s.Stat(c); err != nil || !i.Pinned {
			t.Errorf("promised: %+v, %v", i, err)
		}
	}
}

// copyIndex copies all keys.
func copyIndex(t *testing.T, from store.Store) store.Store {
	t.Helper()
	to := store.NewMem()
	err := from.View(func(r store.Reader) error {
		return to.Update(func(x store.Txn) error {
			return r.Scan(nil, func(k, v []byte) error { return x.Set(k, v) })
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
