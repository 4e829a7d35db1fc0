package blob

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// referenced adds a file in place.
func referenced(t *testing.T, s *Store, size int64) (Info, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	b, _ := io.ReadAll(noise(1, size))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := s.AddFile(t.Context(), path, AddOptions{Reference: true})
	if err != nil || !i.InPlace {
		t.Fatalf("%+v, %v", i, err)
	}
	return i, path
}

// poke changes one byte of a file and sets its time back.
func poke(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("?"), st.Size()/2)
	return errors.Join(err, f.Close(), os.Chtimes(path, time.Time{}, st.ModTime()))
}

// A change is noticed though size and time are as before: by the inode's own
// time, or by the inode.
func TestReferenceChanged(t *testing.T) {
	t.Parallel()
	changes := map[string]func(path string) error{
		"a byte, time set back": poke,
		"another file of its time": func(path string) error {
			st, err := os.Stat(path)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				b[0]++
				err = os.WriteFile(path+"2", b, 0o600)
			}
			return errors.Join(err, os.Chtimes(path+"2", time.Time{}, st.ModTime()), os.Rename(path+"2", path))
		},
		"one byte more": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("!")
			return errors.Join(err, f.Close())
		},
		"gone": os.Remove,
		"a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o755))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			i, path := referenced(t, s, 3<<20)
			reading, err := s.Open(i.CID)
			if err != nil {
				t.Fatal(err)
			}
			defer reading.Close()
			buf := make([]byte, 1<<20)
			if _, err := io.ReadFull(reading, buf); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Open(i.CID); !errors.Is(err, ErrChanged) {
				t.Errorf("open: %v", err)
			}
			if name != "gone" && name != "another file of its time" && name != "a folder" {
				// What was open is another file then, and still the one that was added.
				if _, err := io.ReadFull(reading, buf); !errors.Is(err, ErrChanged) {
					t.Errorf("a reader that was in the middle: %v", err)
				}
			}
			if err := s.Verify(t.Context(), i.CID); !errors.Is(err, ErrChanged) {
				t.Errorf("verify: %v", err)
			}
			if s.Has(i.CID) {
				t.Error("has it")
			}
			if _, err := newStore(t).Fetch(t.Context(), i.CID, Limits{}, serving(t, s)); !errors.Is(err, ErrNotHave) {
				t.Errorf("fetch: %v", err)
			}
		})
	}
}

// A file that was only touched can be used again once Verify has read it.
func TestReferenceTouched(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i, path := referenced(t, s, 3<<20)
	if err := errors.Join(os.Chmod(path, 0o644), os.Chtimes(path, time.Time{}, time.Unix(1000, 0))); err != nil {
		t.Fatal(err)
	}
	if s.Has(i.CID) {
		t.Error("the touch was not noticed")
	}
	if err := s.Verify(t.Context(), i.CID); err != nil {
		t.Fatal(err)
	}
	sameFile(t, s, i.CID, noise(1, 3<<20))
}

// Verify compares bytes even where the file system says that nothing changed.
func TestVerifyReference(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i, path := referenced(t, s, 3<<20)
	if err := poke(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, _ := parseCID(i.CID)
	r, err := s.record(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.stamp, _, err = settled(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := s.index.Update(func(x store.Txn) error { return setJSON(x, key(recordPrefix, c), r) }); err != nil {
		t.Fatal(err)
	}
	if !s.Has(i.CID) {
		t.Error("the stamp was not forged well")
	}
	if err := s.Verify(t.Context(), i.CID); !errors.Is(err, ErrChanged) {
		t.Errorf("verify: %v", err)
	}
}

// A reference to what the store holds itself stays a copy; a copy of what is
// referenced stays a reference.
func TestReferenceTwice(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustAdd(t, s, noise(1, 2<<20))
	path := filepath.Join(t.TempDir(), "x")
	b, _ := io.ReadAll(noise(1, 2<<20))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if i, err := s.AddFile(t.Context(), path, AddOptions{Reference: true, Pin: true}); err != nil || i.InPlace || !i.Pinned {
		t.Errorf("%+v, %v", i, err)
	}
	i, path := referenced(t, s, 3<<20)
	if again, err := s.AddFile(t.Context(), path, AddOptions{}); err != nil || !again.InPlace {
		t.Errorf("%+v, %v", again, err)
	}
	if err := poke(path); err != nil {
		t.Fatal(err)
	}
	// Now the reference is of no use, and a copy takes its place.
	if again, err := s.Add(t.Context(), noise(1, 3<<20)); err != nil || again.InPlace || again.CID != i.CID {
		t.Errorf("%+v, %v", again, err)
	}
	sameFile(t, s, i.CID, noise(1, 3<<20))
}

func TestTreeByReference(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	big, _ := io.ReadAll(noise(1, 2<<20))
	dir := writeTree(t, map[string]string{"a": "1", "deep/b": "22", "deep/empty": "", "deep/er/big": string(big)})
	plain, err := newStore(t).AddTree(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.AddTreeWith(t.Context(), dir, AddOptions{Reference: true, Pin: true})
	if err != nil || i.CID != plain.CID || !i.Pinned || i.Blocks != plain.Blocks || i.Entries != plain.Entries {
		t.Fatalf("%+v, %v; not in place %+v", i, err, plain)
	}
	own, _ := os.ReadDir(s.filesDir())
	if packs, _ := packFiles(t, s); len(own)+len(packs) > 0 {
		t.Errorf("copies were made: %v %v", own, packs)
	}
	if err := s.Verify(t.Context(), i.CID); err != nil {
		t.Error(err)
	}
	dest := filepath.Join(t.TempDir(), "out")
	if err := s.Export(t.Context(), i.CID, dest, Limits{Link: true}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dest, "deep", "b")); err != nil || string(b) != "22" {
		t.Errorf("%q, %v", b, err)
	}
	if err := poke(filepath.Join(dir, "deep", "b")); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), i.CID); !errors.Is(err, ErrChanged) {
		t.Errorf("verify: %v", err)
	}
	if err := s.Export(t.Context(), i.CID, dest+"2", Limits{}); !errors.Is(err, ErrChanged) {
		t.Errorf("export: %v", err)
	}
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(dest + "2"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("half an export: %v", err)
		}
	}
}
