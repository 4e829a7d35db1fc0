package blob

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

func TestReference(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "model.gguf")
	data, _ := io.ReadAll(noise(1, 3<<20))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := s.AddFile(t.Context(), path, AddOptions{Reference: true, Pin: true})
	if err != nil || !i.InPlace || !i.Pinned || i.Path != path {
		t.Fatalf("%+v, %v", i, err)
	}
	sameFile(t, s, i.CID, noise(1, 3<<20))
	if files, _ := os.ReadDir(s.filesDir()); len(files) > 0 {
		t.Error("a second copy was made")
	}
	// The same size, another time.
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(i.CID); !errors.Is(err, ErrChanged) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Path(i.CID); !errors.Is(err, ErrChanged) {
		t.Errorf("path: %v", err)
	}
	if err := s.Export(t.Context(), i.CID, filepath.Join(t.TempDir(), "x"), Limits{}); !errors.Is(err, ErrChanged) {
		t.Errorf("export: %v", err)
	}
	if _, err := newStore(t).Fetch(t.Context(), i.CID, Limits{}, serving(t, s)); !errors.Is(err, ErrNotHave) {
		t.Errorf("fetch from it: %v", err)
	}
	if s.Has(i.CID) {
		t.Error("still has it")
	}
	if err := s.Remove(i.CID); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("remove took the user's file: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	dir := writeTree(t, map[string]string{"file": "x"})
	if _, err := s.AddFile(t.Context(), dir, AddOptions{}); !errors.Is(err, ErrFileType) {
		t.Errorf("folder as a file: %v", err)
	}
	if _, err := s.AddFile(t.Context(), filepath.Join(dir, "none"), AddOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if _, err := s.AddTree(t.Context(), dir); !errors.Is(err, ErrFileType) {
		t.Errorf("link: %v", err)
	}
	sock := writeTree(t, nil)
	l, err := net.Listen("unix", filepath.Join(sock, "s"))
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	if _, err := s.AddTree(t.Context(), sock); !errors.Is(err, ErrFileType) {
		t.Errorf("socket: %v", err)
	}
	for _, lim := range []Limits{{Entries: 2}, {Depth: 1}, {Bytes: 5}} {
		small, err := Open(t.TempDir(), store.NewMem(), Config{Tree: lim})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := small.AddTree(t.Context(), writeTree(t, map[string]string{"a/b/c": "123456"})); !errors.Is(err, ErrTooBig) {
			t.Errorf("%+v: %v", lim, err)
		}
		clean(t, small)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i := mustAdd(t, s, noise(1, 3<<20))
	if err := s.Verify(t.Context(), i.CID); err != nil {
		t.Fatal(err)
	}
	damage := func(fn func(path string) error) {
		t.Helper()
		if err := errors.Join(os.Chmod(i.Path, 0o600), fn(i.Path)); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), i.CID); !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	}
	damage(func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("!"), 2<<20)
		return errors.Join(err, f.Close())
	})
	damage(func(path string) error { return os.Truncate(path, 100) })
	damage(os.Remove)
	// Adding again mends it.
	mustAdd(t, s, noise(1, 3<<20))
	if err := s.Verify(t.Context(), i.CID); err != nil {
		t.Error(err)
	}
}

func TestRemoveAndGC(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tree, err := s.AddTree(t.Context(), writeTree(t, map[string]string{"a": "1", "b/c": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	inTree := mustAdd(t, s, strings.NewReader("2"))
	loose := mustAdd(t, s, noise(1, 2<<20))
	open := mustAdd(t, s, noise(2, 2<<20))
	r, err := s.Open(open.CID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{inTree.CID, open.CID} {
		if err := s.Remove(c); !errors.Is(err, ErrInUse) {
			t.Errorf("remove of what is in use: %v", err)
		}
	}
	if err := s.Pin(tree.CID); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		rep, err := s.GC(t.Context(), GCOptions{DryRun: dry})
		if err != nil || len(rep.Removed) != 1 || rep.Removed[0].CID != loose.CID || rep.Bytes != loose.Size || rep.Kept != 5 {
			t.Errorf("dry %v: %+v, %v", dry, rep, err)
		}
		if s.Has(loose.CID) != dry {
			t.Errorf("dry %v: has it: %v", dry, s.Has(loose.CID))
		}
	}
	if err := errors.Join(r.Close(), s.Remove(open.CID), s.Unpin(tree.CID)); err != nil {
		t.Error(err)
	}
	release, err := s.Hold(tree.CID)
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := s.GC(t.Context(), GCOptions{DryRun: false}); err != nil || len(rep.Removed) > 0 {
		t.Errorf("collected what is held: %+v, %v", rep, err)
	}
	release()
	if _, err := s.GC(t.Context(), GCOptions{DryRun: false}); err != nil {
		t.Error(err)
	}
	if all, _ := s.List(); len(all) > 0 {
		t.Errorf("left: %v", all)
	}
	swept(t, s)
	if files, _ := os.ReadDir(s.filesDir()); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
	for _, err := range []error{s.Remove(tree.CID), s.Pin(tree.CID), s.Verify(t.Context(), tree.CID)} {
		if !errors.Is(err, ErrNotHave) {
			t.Errorf("of what is gone: %v", err)
		}
	}
}

func TestAddFails(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	broken := errors.New("broken")
	if _, err := s.Add(t.Context(), io.MultiReader(noise(1, 3<<20), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Add(ctx, noise(1, 30<<20)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	swept(t, s)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
