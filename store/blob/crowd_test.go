package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// spoiled is a source whose stream another function reads through.
func spoiled(src Source, name string, read func(r io.Reader, p []byte) (int, error)) Source {
	return Source{Name: name, Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := src.Open(ctx)
		return &spoiler{c, read}, err
	}}
}

type spoiler struct {
	io.ReadWriteCloser
	read func(r io.Reader, p []byte) (int, error)
}

func (s *spoiler) Read(p []byte) (int, error) { return s.read(s.ReadWriteCloser, p) }

// metered counts all that a source sends.
func metered(src Source, name string, n *atomic.Int64) Source {
	return spoiled(src, name, func(r io.Reader, p []byte) (int, error) {
		k, err := r.Read(p)
		n.Add(int64(k))
		return k, err
	})
}

// slow passes on so many bytes each millisecond.
func slow(src Source, name string, perMilli int) Source {
	return spoiled(src, name, func(r io.Reader, p []byte) (int, error) {
		n, err := r.Read(p[:min(len(p), 20*perMilli)])
		<-time.After(time.Duration(n) * time.Millisecond / time.Duration(perMilli))
		return n, err
	})
}

// lying turns a bit in every block after a while.
func lying(src Source, name string, after int) Source {
	return Source{Name: name, Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := src.Open(ctx)
		left := after
		return &spoiler{c, func(r io.Reader, p []byte) (int, error) {
			n, err := r.Read(p)
			// A byte in the middle of a large read is payload.
			if left -= n; left < 0 && n > 1000 {
				p[n/2] ^= 1
			}
			return n, err
		}}, err
	}}
}

// failures collects what OnFailure is told.
type failures struct {
	mu  sync.Mutex
	all map[string]error
}

func (f *failures) note(source string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string]error{}
	}
	f.all[source] = err
}

func TestManySources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 64<<20 + 5
		from, to := newStore(t), newStore(t)
		want := mustAdd(t, from, noise(6, size))
		var sent [4]atomic.Int64
		var sources []Source
		for i := range sent {
			name := fmt.Sprint("peer", i)
			sources = append(sources, metered(slow(serving(t, from), name, 40<<10), name, &sent[i]))
		}
		var last Progress
		if _, err := to.Fetch(t.Context(), want.CID, Limits{OnProgress: func(p Progress) { last = p }}, sources...); err != nil {
			t.Fatal(err)
		}
		sameFile(t, to, want.CID, noise(6, size))
		clean(t, to)
		var all int64
		for i := range sent {
			t.Logf("%s sent %d KiB", sources[i].Name, sent[i].Load()>>10)
			all += sent[i].Load()
			if sent[i].Load() < 4<<20 {
				t.Errorf("%s was hardly used", sources[i].Name)
			}
		}
		// The last blocks may be asked of more than one.
		if all > size+12<<20 {
			t.Errorf("%d bytes were sent for %d", all, size)
		}
		if len(last.Sources) != 4 || !last.Complete || last.Bytes != size || last.Fetched != size || last.Speed <= 0 {
			t.Errorf("progress %+v", last)
		}
	})
}

func TestLiarsInACrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 48 << 20
		from, to := newStore(t), newStore(t)
		want := mustAdd(t, from, noise(7, size))
		var told failures
		honest := []Source{slow(serving(t, from), "honest1", 30<<10), slow(serving(t, from), "honest2", 30<<10)}
		liars := []Source{lying(serving(t, from), "liar1", 1<<10), lying(serving(t, from), "liar2", 3<<20),
			spoiled(serving(t, from), "babbler", func(_ io.Reader, p []byte) (int, error) {
				for i := range p {
					p[i] = 0x55
				}
				return len(p), nil
			})}
		var last Progress
		_, err := to.Fetch(t.Context(), want.CID, Limits{OnFailure: told.note, OnProgress: func(p Progress) { last = p }},
			append(liars, honest...)...)
		if err != nil {
			t.Fatal(err)
		}
		sameFile(t, to, want.CID, noise(7, size))
		clean(t, to)
		for _, liar := range liars {
			if err := told.all[liar.Name]; !errors.Is(err, ErrBadBlock) && !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v", liar.Name, err)
			}
		}
		for _, p := range last.Sources {
			if lied := !strings.HasPrefix(p.Name, "honest"); lied != (p.State == StateBanned) {
				t.Errorf("%s is %s", p.Name, p.State)
			}
		}
		if len(told.all) != len(liars) {
			t.Errorf("told of %v", told.all)
		}
	})
}

// A source that stalls and one that trickles must not hold up the end.
func TestThievesOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 32 << 20
		from, to := newStore(t), newStore(t)
		file := mustAdd(t, from, noise(8, size))
		files := map[string]string{}
		for i := range 200 {
			files[fmt.Sprintf("%03d", i)] = fmt.Sprint(i, strings.Repeat("x", 2000))
		}
		tree, err := from.AddTree(t.Context(), writeTree(t, files))
		if err != nil {
			t.Fatal(err)
		}
		stall := func(after int) Source {
			src := serving(t, from)
			return Source{Name: "stalls", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
				c, err := src.Open(ctx)
				held := &holding{ReadWriteCloser: c, left: after, closed: make(chan struct{})}
				return held, err
			}}
		}
		for name, c := range map[string]string{"file": file.CID, "tree": tree.CID} {
			begun := time.Now()
			_, err = to.Fetch(t.Context(), c, Limits{}, stall(0), stall(5<<10), slow(serving(t, from), "trickles", 1),
				stall(5<<20), slow(serving(t, from), "fast", 20<<10))
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			if err := to.Verify(t.Context(), c); err != nil {
				t.Error(err)
			}
		}
		clean(t, to)
	})
}

// holding stops delivering after so many bytes, until it is closed.
type holding struct {
	io.ReadWriteCloser
	left   int
	closed chan struct{}
	once   sync.Once
}

func (h *holding) Read(p []byte) (int, error) {
	if h.left <= 0 {
		<-h.closed
		return 0, io.ErrClosedPipe
	}
	n, err := h.ReadWriteCloser.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

func (h *holding) Close() error {
	h.once.Do(func() { close(h.closed) })
	return h.ReadWriteCloser.Close()
}

// part makes a store that has a file in part: what an interrupted fetch left.
func partOf(t *testing.T, from *Store, c string, bytes int64) *Store {
	t.Helper()
	s := newStore(t)
	var read int64
	if _, err := s.Fetch(t.Context(), c, Limits{}, cutting(serving(t, from), &read, bytes)); !errors.Is(err, ErrCut) {
		t.Fatal(err)
	}
	return s
}

func TestPartsSeed(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(9, size))
	first := partOf(t, from, want.CID, 15<<20)
	spans, n, whole, err := first.Have(want.CID)
	if err != nil || whole || n != size || len(spans) == 0 || spans[0].From != 0 {
		t.Fatal(spans, n, whole, err)
	}
	// What the first has in part is not enough alone; it is waited for a while.
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, first))
		if took := time.Since(begun); !errors.Is(err, ErrNoSource) || to.Has(want.CID) || took < patience || took > 2*patience {
			t.Fatal(took, err)
		}
	})
	got, _, _, err := to.Have(want.CID)
	if err != nil || !slices.Equal(got, spans) {
		t.Errorf("%v came of %v: %v", got, spans, err)
	}
	// The rest from one that is whole, and nothing of what was here again.
	var sent atomic.Int64
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, metered(serving(t, from), "whole", &sent)); err != nil {
		t.Fatal(err)
	}
	sameFile(t, to, want.CID, noise(9, size))
	var had int64
	for _, sp := range spans {
		had += int64(sp.To - sp.From)
	}
	if sent.Load() > size-had+1<<10 {
		t.Errorf("%d bytes were sent, %d were missing", sent.Load(), size-had)
	}
	if _, _, whole, err := to.Have(want.CID); !whole || err != nil {
		t.Error(whole, err)
	}
	clean(t, to)
}

// Two that fetch from each other and from one slow source share what they get.
func TestFetchersFeedEachOther(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	from, a, b := newStore(t), newStore(t), newStore(t)
	want := mustAdd(t, from, noise(10, size))
	var wg sync.WaitGroup
	var fromOther atomic.Int64
	fetch := func(to, other *Store) {
		_, err := to.Fetch(t.Context(), want.CID, Limits{OnProgress: func(p Progress) {
			if p.Complete {
				for _, src := range p.Sources {
					if src.Name == "other" {
						fromOther.Add(int64(src.Bytes))
					}
				}
			}
		}, Discover: func(ctx context.Context, add func(Source)) {
			// The other has nothing at first, and is found once it has.
			for _, _, _, err := other.Have(want.CID); err != nil && ctx.Err() == nil; _, _, _, err = other.Have(want.CID) {
				<-time.After(20 * time.Millisecond)
			}
			src := serving(t, other)
			src.Name = "other"
			add(src)
			<-ctx.Done()
		}}, slow(serving(t, from), "origin", 4<<10))
		if err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() { fetch(a, b) })
	// The second begins when the first has something to give.
	for have := uint64(0); have < 3<<20; {
		<-time.After(20 * time.Millisecond)
		have = 0
		spans, _, _, _ := a.Have(want.CID)
		for _, sp := range spans {
			have += sp.To - sp.From
		}
	}
	wg.Go(func() { fetch(b, a) })
	wg.Wait()
	sameFile(t, a, want.CID, noise(10, size))
	sameFile(t, b, want.CID, noise(10, size))
	t.Logf("%d KiB came from each other", fromOther.Load()>>10)
	if fromOther.Load() < 1<<20 {
		t.Errorf("only %d bytes came from each other", fromOther.Load())
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, to := newStore(t), newStore(t)
		want := mustAdd(t, from, noise(11, 9<<20))
		var read int64
		var told failures
		_, err := to.Fetch(t.Context(), want.CID, Limits{OnFailure: told.note, Discover: func(ctx context.Context, add func(Source)) {
			<-time.After(100 * time.Millisecond)
			short := cutting(serving(t, from), &read, 3<<20)
			short.Name = "short"
			add(short)
			add(short)
			<-time.After(300 * time.Millisecond)
			good := serving(t, from)
			good.Name = "good"
			add(good)
			<-ctx.Done()
		}})
		if err != nil {
			t.Fatal(err)
		}
		if len(told.all) != 1 || !errors.Is(told.all["short"], ErrCut) {
			t.Errorf("told of %v", told.all)
		}
		sameFile(t, to, want.CID, noise(11, 9<<20))
		clean(t, to)
		missing := mustAdd(t, newStore(t), noise(12, 1<<20))
		if _, err := to.Fetch(t.Context(), missing.CID, Limits{Discover: func(context.Context, func(Source)) {}}); !errors.Is(err, ErrNoSource) {
			t.Errorf("nobody was found: %v", err)
		}
		clean(t, to)
	})
}

// A folder of small and large files comes from a crowd of which some leave.
func TestFolderFromACrowd(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 700 {
		files[fmt.Sprintf("small/%d/file-%05d", i%7, i)] = strings.Repeat(fmt.Sprint(i), i%500)
	}
	for i := range 6 {
		files[fmt.Sprintf("large/%d", i)] = strings.Repeat(fmt.Sprint("large", i), 600_000+i)
	}
	from, to := newStore(t), newStore(t)
	want, err := from.AddTree(t.Context(), writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	var reads [2]int64
	half := partOf(t, from, want.CID, 12<<20)
	var told failures
	got, err := to.Fetch(t.Context(), want.CID, Limits{OnFailure: told.note}, cutting(serving(t, from), &reads[0], 1<<20),
		serving(t, half), cutting(serving(t, from), &reads[1], 9<<20), lying(serving(t, from), "liar", 4<<20), serving(t, from))
	if err != nil || got.Size != want.Size || got.Entries != want.Entries || got.Blocks != want.Blocks {
		t.Fatalf("%+v, want %+v: %v", got, want, err)
	}
	for name, err := range told.all {
		if liar := errors.Is(err, ErrBadBlock) || errors.Is(err, ErrProtocol); liar != (name == "liar") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := to.Verify(t.Context(), want.CID); err != nil {
		t.Error(err)
	}
	clean(t, to)
}
