package blob

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// small makes a file that belongs into a pack.
func small(seed, n int) (cid.Cid, []byte) {
	b, _ := io.ReadAll(noise(uint64(seed), int64(n)))
	return makeCID(cid.Raw, sha256.Sum256(b)), b
}

// pack puts files into a pack and makes them visible.
func putSmall(t testing.TB, s *Store, from, to, size int) (all []cid.Cid) {
	t.Helper()
	p := s.newPacker()
	for i := from; i < to; i++ {
		c, b := small(i, size)
		if err := p.put(c, b); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := errors.Join(p.flush(), p.close()); err != nil {
		t.Fatal(err)
	}
	return all
}

func packFiles(t testing.TB, s *Store) (names []string, bytes int64) {
	t.Helper()
	entries, err := os.ReadDir(s.packsDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names, bytes = append(names, e.Name()), bytes+st.Size()
	}
	return names, bytes
}

func TestPack(t *testing.T) {
	t.Parallel()
	dir, index := t.TempDir(), store.NewMem()
	s := openIn(t, dir, index)
	p := s.newPacker()
	var all []cid.Cid
	for i, size := range []int{0, 1, 10 << 10, packLimit, 5, 300, packLimit - 1, 1} {
		c, b := small(i, size)
		all = append(all, c)
		for range 2 { // the second costs nothing
			if err := p.put(c, b); err != nil {
				t.Fatal(err)
			}
		}
		if s.Has(c.String()) {
			t.Errorf("file %d is visible too early", i)
		}
	}
	if err := errors.Join(p.flush(), p.flush(), p.close()); err != nil {
		t.Fatal(err)
	}
	if names, n := packFiles(t, s); len(names) != 1 || n != int64(len(packMagic)+8*packHeader+10<<10+2*packLimit+306) {
		t.Errorf("%d packs of %d bytes", len(names), n)
	}
	for _, again := range []bool{false, true} {
		if again {
			s = openIn(t, dir, index)
		}
		for i, size := range []int64{0, 1, 10 << 10, packLimit, 5, 300, packLimit - 1, 1} {
			sameFile(t, s, all[i].String(), noise(uint64(i), size))
			if err := s.Verify(t.Context(), all[i].String()); err != nil {
				t.Error(err)
			}
		}
		if s.packs.cur == nil {
			t.Error("the pack takes no more")
		}
	}
	if i, err := s.Stat(all[2].String()); err != nil || !i.Packed || i.Path != "" || i.Used.IsZero() {
		t.Errorf("%+v, %v", i, err)
	}
	big, b := small(9, packLimit+1)
	node := makeCID(cid.DagProtobuf, sha256.Sum256(b))
	if err := p.put(big, b); !errors.Is(err, ErrDAG) {
		t.Errorf("too big: %v", err)
	}
	if err := p.put(node, b[:5]); !errors.Is(err, ErrDAG) {
		t.Errorf("no raw block: %v", err)
	}
}

func TestPackedFileBecomesPlain(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := putSmall(t, s, 0, 3, 1000)
	f, err := s.Open(all[1].String())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path, err := s.Path(all[1].String())
	if err != nil {
		t.Fatal(err)
	}
	_, want := small(1, 1000)
	if b, err := os.ReadFile(path); err != nil || string(b) != string(want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if b, err := io.ReadAll(f); err != nil || string(b) != string(want) {
		t.Errorf("who had it open reads %d bytes, %v", len(b), err)
	}
	if i, err := s.Stat(all[1].String()); err != nil || i.Packed || i.Path != path {
		t.Errorf("%+v, %v", i, err)
	}
	if again, err := s.Path(all[1].String()); err != nil || again != path {
		t.Errorf("%s, %v", again, err)
	}
}

// What a packer has written and not flushed is found by the next Open, as far
// as it is whole, and nothing that was removed comes back.
func TestPackRecovery(t *testing.T) {
	t.Parallel()
	dir, index := t.TempDir(), store.NewMem()
	s := openIn(t, dir, index)
	gone := putSmall(t, s, 0, 10, 5000)
	for _, c := range gone[:5] {
		if err := s.Remove(c.String()); err != nil {
			t.Fatal(err)
		}
	}
	p := s.newPacker()
	var all []cid.Cid
	for i := 100; i < 400; i++ {
		c, b := small(i, 5000)
		if err := p.put(c, b); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	spilled := p.spilled
	names, size := packFiles(t, s)
	if spilled < 100 || spilled == 300 || len(names) != 1 {
		t.Fatalf("%d written, %v", spilled, names)
	}
	// The last file on the disk is torn, as after a power cut.
	if err := os.Truncate(s.packsDir()+"/"+names[0], size-1); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir, index)
	for i, c := range all {
		if want := i < spilled-1; s.Has(c.String()) != want {
			t.Errorf("file %d of %d written is there: %v", i, spilled, !want)
		}
		if i < spilled-1 {
			sameFile(t, s, c.String(), noise(uint64(100+i), 5000))
		}
	}
	for i, c := range gone {
		if s.Has(c.String()) != (i >= 5) {
			t.Errorf("removed file %d of 5: %v", i, s.Has(c.String()))
		}
	}
	if s.packs.cur != nil {
		t.Error("a torn pack takes more")
	}
	putSmall(t, s, 1000, 1010, 100)
	if names, _ := packFiles(t, s); len(names) != 2 {
		t.Errorf("packs: %v", names)
	}
	if _, err := s.GC(t.Context(), GCOptions{}); err != nil {
		t.Error(err)
	}
	swept(t, s)
	if names, n := packFiles(t, s); n != 0 {
		t.Errorf("left: %v", names)
	}
}

func TestPackCompaction(t *testing.T) {
	t.Parallel()
	dir, index := t.TempDir(), store.NewMem()
	s := openIn(t, dir, index)
	all := putSmall(t, s, 0, 100, 10<<10)
	for i, c := range all {
		if i%10 == 0 {
			if err := s.Pin(c.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	reading, err := s.Open(all[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	before, _ := packFiles(t, s)
	rep, err := s.GC(t.Context(), GCOptions{})
	if err != nil || len(rep.Removed) != 90 || rep.Bytes != 90*(packHeader+10<<10) || rep.Kept != 10 {
		t.Errorf("%d removed, %+v, %v", len(rep.Removed), rep.Bytes, err)
	}
	after, n := packFiles(t, s)
	if len(after) != 1 || after[0] == before[0] || n != int64(len(packMagic)+10*(packHeader+10<<10)) {
		t.Errorf("%v before, %v after, of %d bytes", before, after, n)
	}
	for range 2 {
		for i := 0; i < 100; i += 10 {
			sameFile(t, s, all[i].String(), noise(uint64(i), 10<<10))
			if i, _ := s.Stat(all[i].String()); !i.Pinned {
				t.Error("a pin is lost")
			}
		}
		s = openIn(t, dir, index)
	}
	if b, err := io.ReadAll(reading); err != nil || len(b) != 10<<10 {
		t.Errorf("who was reading meanwhile: %d bytes, %v", len(b), err)
	}
}

// A damaged file keeps its pack from being rewritten, and is told by Verify.
func TestPackDamaged(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := putSmall(t, s, 0, 4, 1000)
	for _, c := range all[:2] {
		if err := s.Pin(c.String()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.record(all[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(s.packPath(r.Pack), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("!!"), r.Off+500); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), all[0].String()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("verify: %v", err)
	}
	if _, err := s.Path(all[0].String()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("path: %v", err)
	}
	if err := s.Verify(t.Context(), all[1].String()); err != nil {
		t.Error(err)
	}
}

// Many put, read, remove and collect at once; what is held stays readable.
func TestPackConcurrent(t *testing.T) {
	t.Parallel()
	s := openIn(t, ramDir(t), store.NewMem())
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for round := range 8 {
				p := s.newPacker()
				var held []cid.Cid
				var release []func()
				for i := range 20 {
					n := w*1000 + round*20 + i
					c, b := small(n, 3000)
					release = append(release, s.use(c))
					if err := p.put(c, b); err != nil {
						t.Error(err)
					}
					held = append(held, c)
				}
				if err := p.flush(); err != nil {
					t.Error(err)
				}
				if err := p.close(); err != nil {
					t.Error(err)
				}
				if _, err := s.GC(t.Context(), GCOptions{}); err != nil {
					t.Error(err)
				}
				for i, c := range held {
					if i%5 == 0 {
						if _, err := s.Path(c.String()); err != nil {
							t.Error(err)
						}
					}
					if err := s.Verify(t.Context(), c.String()); err != nil {
						t.Error(err)
					}
				}
				for _, r := range release {
					r()
				}
			}
		})
	}
	wg.Wait()
	swept(t, s)
	if names, _ := packFiles(t, s); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

func BenchmarkPacker(b *testing.B) {
	index, err := store.Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer index.Close()
	s := openIn(b, b.TempDir(), index)
	block := []byte(strings.Repeat("x", 10<<10))
	n := 0
	b.SetBytes(1000 * 10 << 10)
	for b.Loop() {
		p := s.newPacker()
		for range 1000 {
			n++
			copy(block, fmt.Sprint(n))
			if err := p.put(makeCID(cid.Raw, sha256.Sum256(block)), block); err != nil {
				b.Fatal(err)
			}
		}
		if err := errors.Join(p.flush(), p.close()); err != nil {
			b.Fatal(err)
		}
	}
}

func mustParse(c string) cid.Cid {
	id, err := parseCID(c)
	if err != nil {
		panic(err)
	}
	return id
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
