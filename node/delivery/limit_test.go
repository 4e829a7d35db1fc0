package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// sink takes bytes at once and keeps the sizes of the pieces.
type sink struct {
	mu     sync.Mutex
	n      int
	pieces []int
	from   bool // ReadFrom was used
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *sink) Read([]byte) (int, error) { return 0, io.EOF }

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += len(p)
	s.pieces = append(s.pieces, len(p))
	return len(p), nil
}

// from is a sink with a ReadFrom of its own.
type from struct{ sink }

func (f *from) ReadFrom(r io.Reader) (int64, error) {
	f.sink.from = true
	return io.Copy(&f.sink, r)
}

// serve begins a stream of a service to a new peer.
func serve(t testing.TB, s *Service, peer identity.PubKey, free bool, to io.ReadWriter) io.ReadWriter {
	t.Helper()
	rw, end, err := s.Serve(context.Background(), peer, testCID, free, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return rw
}

func somebody(t testing.TB) identity.PubKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k.PubKey()
}

// TestRates holds two peers to a rate each and all to a common one, whatever
// the size of the pieces.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Rate, cfg.PeerRate = 10*mib, 4*mib
		p := newNetwork(t).join(cfg)
		s, _ := p.now()
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		peer := func(id identity.PubKey, piece int) *sink {
			to := &sink{}
			rw, end, err := s.Serve(ctx, id, testCID, true, to)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer end()
				buf := make([]byte, piece)
				for {
					if _, err := rw.Write(buf); err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						return
					}
				}
			})
			return to
		}
		one := somebody(t)
		a, b := peer(one, 100), peer(one, 8*mib) // the same peer twice
		<-time.After(60 * time.Second)
		if sum := a.count() + b.count(); sum < 239*mib || sum > 242*mib {
			t.Errorf("%d bytes to one peer in a minute, want 240 MiB", sum/mib)
		}
		others := []*sink{peer(somebody(t), mib), peer(somebody(t), 3*mib), peer(somebody(t), 256<<10)}
		was := a.count() + b.count()
		<-time.After(60 * time.Second)
		sum := a.count() + b.count() - was
		for _, o := range others {
			n := o.count()
			if sum += n; n > 242*mib || n < 100*mib {
				t.Errorf("%d MiB to one of four", n/mib)
			}
		}
		if sum < 590*mib || sum > 605*mib {
			t.Errorf("%d MiB to all in a minute, want 600", sum/mib)
		}
		cancel()
		all.Wait()
	})
}

// TestCap ends what strangers get of a day at the byte, over a restart too;
// jobs go on.
func TestCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Cap = 10 * mib
		p := newNetwork(t).join(cfg)
		s, _ := p.now()
		to := &sink{}
		rw := serve(t, s, somebody(t), false, to)
		if n, err := rw.Write(make([]byte, 7*mib)); n != 7*mib || err != nil {
			t.Fatal(n, err)
		}
		if err := s.WriteDown(); err != nil {
			t.Fatal(err)
		}
		p.start(p.disk)
		s, _ = p.now()
		if err := s.Recover(); err != nil || s.Today() != 7*mib {
			t.Fatalf("%d bytes after a restart: %v", s.Today(), err)
		}
		other := serve(t, s, somebody(t), false, to)
		if n, err := other.Write(make([]byte, 5*mib)); n != 3*mib || !errors.Is(err, ErrCap) || to.n != 10*mib {
			t.Errorf("%d bytes, %d in all: %v", n, to.n, err)
		}
		if _, _, err := s.Serve(t.Context(), somebody(t), testCID, false, to); !errors.Is(err, ErrCap) {
			t.Errorf("another stream: %v", err)
		}
		job := serve(t, s, somebody(t), true, to)
		if n, err := job.Write(make([]byte, 20*mib)); n != 20*mib || err != nil || s.Today() != 10*mib {
			t.Errorf("a job got %d: %v", n, err)
		}
		p.net.pass(24 * time.Hour)
		if n, err := other.Write(make([]byte, 5*mib)); n != 5*mib || err != nil || s.Today() != 5*mib {
			t.Errorf("the next day %d bytes: %v", n, err)
		}
	})
}

// TestEnds has a stream that waits end with its context, its end and nothing
// else.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small(1000)
		cfg.Rate = 1 << 20
		p := newNetwork(t).join(cfg)
		s, _ := p.now()
		for name, by := range map[string]func(cancel, end func()){
			"context": func(cancel, _ func()) { cancel() },
			"end":     func(_, end func()) { end() },
			"close":   nil,
		} {
			for _, free := range []bool{true, false} { // waits for the rate, for the window
				ctx, cancel := context.WithCancel(t.Context())
				rw, end, err := s.Serve(ctx, somebody(t), testCID, free, &sink{})
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan error)
				go func() { _, err := rw.Write(make([]byte, 64*mib)); done <- err }()
				<-time.After(13 * time.Second)
				began, stop := time.Now(), by
				if stop == nil {
					stop = func(func(), func()) { _ = rw.(io.Closer).Close() }
				}
				stop(cancel, end)
				if err := <-done; err == nil || errors.Is(err, ErrUnpaid) || time.Since(began) > 0 {
					t.Errorf("%s, free %v: after %v: %v", name, free, time.Since(began), err)
				}
				end()
				end() // twice is once
				cancel()
			}
		}
	})
}

// TestWhole passes large writes and files on as they are where no limit is near.
func TestWhole(t *testing.T) {
	t.Parallel()
	p := newNetwork(t).join(Default())
	s, _ := p.now()
	to := &sink{}
	rw := serve(t, s, somebody(t), false, to)
	if _, ok := rw.(io.ReaderFrom); ok {
		t.Error("a ReadFrom that the stream has not")
	}
	if n, err := rw.Write(make([]byte, 32*mib)); n != 32*mib || err != nil || len(to.pieces) != 1 {
		t.Errorf("%d bytes in %d pieces: %v", n, len(to.pieces), err)
	}
	f := &from{}
	rw = serve(t, s, somebody(t), false, f)
	src := bytes.NewReader(make([]byte, 5*mib+3))
	if n, err := rw.(io.ReaderFrom).ReadFrom(src); n != 5*mib+3 || err != nil || f.n != int(n) || !f.sink.from {
		t.Errorf("%d of %d bytes: %v", n, f.n, err)
	}
	src = bytes.NewReader(make([]byte, 2*mib)) // ends where a piece ends
	if n, err := rw.(io.ReaderFrom).ReadFrom(src); n != 2*mib || err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
	in := s.Fetch(somebody(t), testCID, 0, struct {
		io.ReadWriteCloser
		io.WriterTo
	}{nil, bytes.NewBuffer(make([]byte, 3*mib))})
	out := &sink{}
	if n, err := in.(io.WriterTo).WriteTo(out); n != 3*mib || err != nil || out.n != 3*mib {
		t.Errorf("WriteTo: %d bytes: %v", n, err)
	}
}

// TestManyPeers serves 10,000 peers and keeps few of them in memory, not all of
// them in the store, and the meters of those that are.
func TestManyPeers(t *testing.T) { // not beside others: it measures memory
	cfg := Default()
	cfg.Price, cfg.Peers = 1000, 4000
	p := newNetwork(t).join(cfg)
	disk, err := store.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	p.start(disk)
	s, _ := p.now()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	buf, refused := make([]byte, 1000), 0
	many := 10_000
	if raceOn {
		many = 5000
	}
	for i := range many {
		var id identity.PubKey
		for id = range peers(t, 1) {
		}
		rw, end, err := s.Serve(t.Context(), id, testCID, i%2 == 0, &sink{})
		if errors.Is(err, ErrBusy) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rw.Write(buf); err != nil {
			t.Fatal(err)
		}
		end()
		if i%1000 == 999 {
			if err := s.Sweep(); err != nil {
				t.Fatal(err)
			}
			p.net.pass(time.Second)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	customers, _ := s.Held()
	list, err := s.Traffic()
	if err != nil || customers > 0 || len(list) > cfg.Peers || len(list) < cfg.Peers/2 || grown > 32*mib || refused > 2000 {
		t.Errorf("%d held, %d remembered, %d refused, %d KiB: %v", customers, len(list), refused, grown>>10, err)
	}
	for _, l := range list {
		if l.Served != 1000 {
			t.Fatalf("%+v", l)
		}
	}
}

// peers draws keys.
func peers(t testing.TB, n int) map[identity.PubKey]bool {
	t.Helper()
	out := map[identity.PubKey]bool{}
	for range n {
		out[somebody(t)] = true
	}
	return out
}

// TestTogether serves and fetches on many streams at once, while it is looked
// at and written down.
func TestTogether(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cfg := small(1000)
	cfg.Rest, cfg.Pause, cfg.PayTime = 50*time.Millisecond, 20*time.Millisecond, 5*time.Minute
	seller, buyer := n.join(cfg), n.join(cfg)
	seller.run()
	buyer.run()
	var all sync.WaitGroup
	for i := range 8 {
		to, of := buyer, seller
		if i%2 == 0 {
			to, of = of, to
		}
		all.Go(func() {
			for j := range 3 {
				price := uint64(1000)
				if j == 1 {
					price = 0
				}
				move(t, to, of, 3*mib+j, price, price == 0)
			}
		})
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				traffic(t, seller, buyer)
			}
		}
	})
	all.Wait()
	close(stop)
	watch.Wait()
	want := priceOf(t, 1000, 4*(6*mib+2))
	settled(func() bool {
		l, m := traffic(t, seller, buyer), traffic(t, buyer, seller)
		return l.Owed+l.Unpaid+m.Owed+m.Unpaid == 0 && l.Earned == want && l.Paid == want && m.Earned == want && m.Paid == want
	})
	for _, p := range [][2]*party{{seller, buyer}, {buyer, seller}} {
		if l := traffic(t, p[0], p[1]); l.Unpaid+l.Owed != 0 || l.Earned != want || l.Paid != want || l.Served != 4*(9*mib+3) {
			t.Errorf("%+v, want %d", l, want)
		}
	}
}
