package blob

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"infernet.tech/infernet/store"
)

func withQuota(t testing.TB, dir string, index store.Store, quota uint64) *Store {
	t.Helper()
	s, err := Open(dir, index, Config{Workers: 2, Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestQuotaRemovesTheLongestUnused(t *testing.T) {
	t.Parallel()
	s := withQuota(t, t.TempDir(), store.NewMem(), 10<<20)
	var all []Info
	for i := range 5 {
		all = append(all, mustAdd(t, s, noise(uint64(i), 2<<20)))
	}
	if err := s.Pin(all[1].CID); err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(all[0].CID) // used now
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	all = append(all, mustAdd(t, s, noise(10, 3<<20)))
	for i, want := range []bool{true, true, false, false, true, true} {
		if s.Has(all[i].CID) != want {
			t.Errorf("file %d is there: %v", i, !want)
		}
	}
	// In use and pinned leave 2 MiB.
	hold, err := s.Hold(all[5].CID)
	if err != nil {
		t.Fatal(err)
	}
	defer hold()
	before, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), noise(11, 6<<20)); !errors.Is(err, ErrQuota) || !errors.Is(err, ErrNoSpace) {
		t.Errorf("more than can be made room for: %v", err)
	} else if !strings.Contains(err.Error(), "wanted of 10.0 MiB;") || strings.Contains(err.Error(), "device") {
		t.Errorf("in words: %v", err)
	}
	if _, err := s.Add(t.Context(), noise(11, 11<<20)); !errors.Is(err, ErrQuota) {
		t.Errorf("more than the quota: %v", err)
	}
	path := filepath.Join(t.TempDir(), "x")
	b, _ := io.ReadAll(noise(12, 6<<20))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddFile(t.Context(), path, AddOptions{}); !errors.Is(err, ErrQuota) {
		t.Errorf("a file of known size: %v", err)
	}
	if after, err := s.List(); err != nil || len(after) > len(before) {
		t.Errorf("%d before, %d after, %v", len(before), len(after), err)
	}
	if _, err := s.AddFile(t.Context(), path, AddOptions{Reference: true}); err != nil {
		t.Errorf("in place it needs no room: %v", err)
	}
	left, err := os.ReadDir(s.tmpDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What the caller says is in use stays, without being held here.
func TestQuotaInUse(t *testing.T) {
	t.Parallel()
	var working []string
	s, err := Open(t.TempDir(), store.NewMem(), Config{Quota: 4 << 20, InUse: func() []string { return working }})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.AddTree(t.Context(), writeTree(t, map[string]string{"a": "1", "b": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	working = []string{"not a CID", tree.CID}
	other := mustAdd(t, s, noise(1, 2<<20))
	mustAdd(t, s, noise(2, 3<<20))
	if err := s.Verify(t.Context(), tree.CID); err != nil || s.Has(other.CID) {
		t.Errorf("%v, and what is not in use is there: %v", err, s.Has(other.CID))
	}
}

// A fetch that finds the quota full tells so, keeps what it has, and goes on
// from there under a larger one.
func TestQuotaFetch(t *testing.T) {
	t.Parallel()
	from := newStore(t)
	want := mustAdd(t, from, noise(1, 12<<20))
	files := map[string]string{}
	for i := range 40 {
		b, _ := io.ReadAll(noise(uint64(i+100), 50_000))
		files[string(rune('a'+i%26))+string(rune('a'+i/26))] = string(b)
	}
	tree, err := from.AddTree(t.Context(), writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	dir, index := t.TempDir(), store.NewMem()
	to := withQuota(t, dir, index, 8<<20)
	old := mustAdd(t, to, noise(2, 7<<20))
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, from)); !errors.Is(err, ErrQuota) {
		t.Errorf("fetch: %v", err)
	}
	if !to.Has(old.CID) {
		t.Error("something was removed in vain")
	}
	if _, err := to.Fetch(t.Context(), tree.CID, Limits{}, serving(t, from)); err != nil {
		t.Errorf("fetch of small files: %v", err)
	}
	if to.Has(old.CID) {
		t.Error("the quota is not held")
	}
	to = withQuota(t, dir, index, 1<<20)
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, from)); !errors.Is(err, ErrQuota) {
		t.Errorf("fetch: %v", err)
	}
	to = withQuota(t, dir, index, 16<<20)
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, from)); err != nil {
		t.Error(err)
	}
	sameFile(t, to, want.CID, noise(1, 12<<20))
}

// model is what a test believes of a store.
type model struct {
	size   map[cid.Cid]int64
	pinned map[cid.Cid]bool
	held   map[cid.Cid]func()
	kids   map[cid.Cid][]cid.Cid
}

// kept is everything that must not go, with what is below it.
func (m *model) kept() map[cid.Cid]bool {
	out := map[cid.Cid]bool{}
	var mark func(c cid.Cid)
	mark = func(c cid.Cid) {
		out[c] = true
		for _, k := range m.kids[c] {
			mark(k)
		}
	}
	for c := range m.pinned {
		mark(c)
	}
	for c := range m.held {
		mark(c)
	}
	return out
}

// Random sequences of everything that adds, uses and removes, on a store with
// a small quota: nothing that is pinned, held or below such ever goes, nothing
// visible is not whole, and the quota is held.
func TestQuotaSequences(t *testing.T) {
	t.Parallel()
	const quota = 600 << 10
	base := ramDir(t)
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		index := store.NewMem()
		open := func() *Store {
			s, err := Open(dir, index, Config{Workers: 2, Quota: quota})
			if err != nil {
				r.Fatal(err)
			}
			return s
		}
		s := open()
		m := &model{size: map[cid.Cid]int64{}, pinned: map[cid.Cid]bool{}, held: map[cid.Cid]func(){}, kids: map[cid.Cid][]cid.Cid{}}
		bytesOf := func(n int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 3), 7}, 2000+n*700) }
		some := func() (cid.Cid, bool) {
			all, err := s.List()
			if err != nil {
				r.Fatal(err)
			}
			if len(all) == 0 {
				return cid.Undef, false
			}
			c, _ := parseCID(rapid.SampledFrom(all).Draw(r, "which").CID)
			return c, true
		}
		fits := func(err error) {
			if err != nil && !errors.Is(err, ErrQuota) {
				r.Fatal(err)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				_, err := s.Add(r.Context(), bytes.NewReader(bytesOf(rapid.IntRange(0, 40).Draw(r, "n"))))
				fits(err)
			},
			"pack": func(r *rapid.T) {
				p := s.newPacker()
				var err error
				for range rapid.IntRange(1, 5).Draw(r, "files") {
					b := bytesOf(rapid.IntRange(0, 20).Draw(r, "n"))
					if err == nil {
						err = p.put(makeCID(cid.Raw, sha256.Sum256(b)), b)
					}
				}
				if err == nil {
					err = p.flush()
				}
				fits(errors.Join(err, p.close()))
			},
			"tree": func(r *rapid.T) {
				tree := filepath.Join(dir, "tree")
				defer os.RemoveAll(tree)
				for i := range rapid.IntRange(1, 3).Draw(r, "files") {
					sub := filepath.Join(tree, string(rune('a'+i%2)))
					b := bytesOf(rapid.IntRange(0, 20).Draw(r, "n"))
					if err := errors.Join(os.MkdirAll(sub, 0o755), os.WriteFile(filepath.Join(sub, string(rune('a'+i))), b, 0o600)); err != nil {
						r.Fatal(err)
					}
				}
				_, err := s.AddTree(r.Context(), tree)
				fits(err)
			},
			"read": func(r *rapid.T) {
				if c, ok := some(); ok {
					f, err := s.Open(c.String())
					if errors.Is(err, ErrIsDir) {
						return
					}
					if err != nil {
						r.Fatal(err)
					}
					if err := f.Close(); err != nil {
						r.Fatal(err)
					}
				}
			},
			"path": func(r *rapid.T) {
				if c, ok := some(); ok {
					if _, err := s.Path(c.String()); err != nil && !errors.Is(err, ErrIsDir) {
						fits(err)
					}
				}
			},
			"pin": func(r *rapid.T) {
				if c, ok := some(); ok {
					if err := s.Pin(c.String()); err != nil {
						r.Fatal(err)
					}
					m.pinned[c] = true
				}
			},
			"unpin": func(r *rapid.T) {
				if c, ok := some(); ok {
					if err := s.Unpin(c.String()); err != nil {
						r.Fatal(err)
					}
					delete(m.pinned, c)
				}
			},
			"hold": func(r *rapid.T) {
				if c, ok := some(); ok && m.held[c] == nil {
					release, err := s.Hold(c.String())
					if err != nil {
						r.Fatal(err)
					}
					m.held[c] = release
				}
			},
			"release": func(r *rapid.T) {
				for c, release := range m.held {
					release()
					delete(m.held, c)
				}
			},
			"collect": func(r *rapid.T) {
				target := uint64(rapid.IntRange(0, quota).Draw(r, "target"))
				if _, err := s.GC(r.Context(), GCOptions{Target: target}); err != nil {
					r.Fatal(err)
				}
			},
			"open again": func(r *rapid.T) {
				if len(m.held) == 0 {
					s = open()
				}
			},
			"": func(r *rapid.T) {
				all, err := s.List()
				if err != nil {
					r.Fatal(err)
				}
				here := map[cid.Cid]bool{}
				for _, i := range all {
					c, _ := parseCID(i.CID)
					here[c] = true
					if err := s.Verify(r.Context(), i.CID); err != nil {
						r.Fatal(err)
					}
					if i.Dir && m.kids[c] == nil {
						if err := s.entries(c, func(l link) { m.kids[c] = append(m.kids[c], l.cid) }); err != nil {
							r.Fatal(err)
						}
					}
				}
				for c := range m.kept() {
					if !here[c] {
						r.Fatalf("%s is pinned, held or below such, and gone", c)
					}
				}
				disk, err := s.diskBytes()
				if err != nil {
					r.Fatal(err)
				}
				// Packs waste a header for each file, and an empty one has its own.
				if disk > quota+64 {
					r.Fatalf("%d bytes on the disk, the quota is %d", disk, quota)
				}
				s.room.mu.Lock()
				defer s.room.mu.Unlock()
				if s.room.reserved != 0 || (s.room.known && s.room.stored != disk) {
					r.Fatalf("the account says %d and %d reserved, the disk %d", s.room.stored, s.room.reserved, disk)
				}
			},
		})
	})
}
