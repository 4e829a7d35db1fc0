package content

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// book is a Delivery that writes down what it is told.
type book struct {
	mu      sync.Mutex
	served  []string // "free" or "paid", by stream
	ended   int
	prices  map[identity.PubKey]uint64
	good    map[identity.PubKey]uint64
	refuses error
}

func (b *book) Serve(_ context.Context, _ identity.PubKey, _ string, free bool, s io.ReadWriter) (io.ReadWriter, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != nil {
		return nil, nil, b.refuses
	}
	how := "paid"
	if free {
		how = "free"
	}
	b.served = append(b.served, how)
	return s, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ended++
	}, nil
}

type bought struct {
	io.ReadWriteCloser
	b    *book
	peer identity.PubKey
}

func (g bought) Verified(n uint64) {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	g.b.good[g.peer] = n
}

func (b *book) Fetch(peer identity.PubKey, _ string, price uint64, s io.ReadWriteCloser) io.ReadWriteCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prices == nil {
		b.prices, b.good = map[identity.PubKey]uint64{}, map[identity.PubKey]uint64{}
	}
	b.prices[peer] = price
	return bought{s, b, peer}
}

// Who is too dear is not used, and the error says so; who is not is told of to
// the delivery, with what was verified.
func TestPrices(t *testing.T) {
	t.Parallel()
	var sells, buys book
	a := start(t, memberOptions{network: func(n *Network) { n.Price, n.Delivery = 7, &sells }})
	b := start(t, memberOptions{network: func(n *Network) { n.Delivery = &buys }}, a)
	data := noise(4, 5<<20)
	cid := a.share(data)
	o := anyone
	o.MaxPrice = 6
	err := b.refusal(cid, o, ErrPrice)
	if !errors.Is(err, ErrPrice) || !errors.Is(err, blob.ErrNoSource) || !strings.Contains(err.Error(), "7 credits per GiB") {
		t.Errorf("too dear: %v", err)
	}
	if o.From = []identity.PubKey{a.id()}; len(buys.prices) != 0 {
		t.Errorf("a stream was opened all the same: %v", buys.prices)
	}
	o.Anyone = false
	if _, err = b.FetchWith(t.Context(), cid, o); !errors.Is(err, ErrPrice) {
		t.Errorf("too dear, by name: %v", err)
	}
	o.MaxPrice = 7
	b.get(cid, data, o)
	if buys.prices[a.id()] != 7 || buys.good[a.id()] != uint64(len(data)) {
		t.Errorf("bought at %v, verified %v of %d", buys.prices, buys.good, len(data))
	}
	// Within a job it is free.
	c := start(t, memberOptions{}, a)
	a.Grant(cid, c.id())
	c.get(cid, data, FetchOptions{From: []identity.PubKey{a.id()}})
	until(t, "accounts ended", func() bool {
		sells.mu.Lock()
		defer sells.mu.Unlock()
		return sells.ended == len(sells.served)
	})
	if !slices.Contains(sells.served, "paid") || !slices.Contains(sells.served, "free") {
		t.Errorf("served %v", sells.served)
	}
	// A refusal of the delivery ends the stream, not the node.
	sells.mu.Lock()
	sells.refuses = errors.New("enough for today")
	sells.mu.Unlock()
	d := start(t, memberOptions{}, a)
	o.MaxPrice = 9
	if _, err := d.FetchWith(t.Context(), cid, o); !errors.Is(err, blob.ErrRefused) {
		t.Errorf("refused by the delivery: %v", err)
	}
}

// lying turns over one byte of what it serves.
type lying struct {
	*p2p.Stream
	sent int
}

func (l *lying) Write(p []byte) (int, error) {
	q := append([]byte(nil), p...)
	if l.sent += len(q); l.sent > 1<<20 && len(q) > 1000 {
		q[len(q)/2] ^= 1
	}
	return l.Stream.Write(q)
}

func (l *lying) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{l}, r) }

// What a liar sends is not taken, the liar is told of, and the honest one gives
// the rest.
func TestLiar(t *testing.T) {
	t.Parallel()
	var liar, honest, c *member
	liar = start(t, memberOptions{serve: func(ctx context.Context, s *p2p.Stream) {
		_ = liar.serve(ctx, s.Peer(), &lying{Stream: s})
	}})
	// The honest one leaves something to the liar until that was found.
	honest = start(t, memberOptions{hold: func(identity.PubKey) bool {
		_, found := c.blamed.Load(liar.id())
		return !found && honest.served.Load() >= 4<<20
	}})
	c = start(t, memberOptions{}, liar, honest)
	data := noise(5, 24<<20)
	cid := liar.share(data)
	honest.share(data)
	c.get(cid, data, anyone)
	if points, ok := c.blamed.Load(liar.id()); !ok || points.(int) != pointsLie {
		t.Errorf("the liar was penalised with %v", points)
	}
	if points, ok := c.blamed.Load(honest.id()); ok {
		t.Errorf("the honest one was penalised with %v", points)
	}
	alone := start(t, memberOptions{}, liar)
	// The liar tells of others by now; here nobody else is asked.
	o := FetchOptions{From: []identity.PubKey{liar.id()}}
	if _, err := alone.FetchWith(t.Context(), cid, o); !errors.Is(err, blob.ErrBadBlock) || alone.Has(cid) {
		t.Errorf("from the liar alone: %v", err)
	}
}

// Who has it only in part gives what it has, while it fetches.
func TestUnfinishedSeeds(t *testing.T) {
	t.Parallel()
	// The first gives B no more than half before C has asked B, and C nothing
	// before B gave its part.
	var first, b, c *member
	first = start(t, memberOptions{hold: func(to identity.PubKey) bool {
		return to == c.id() && b.served.Load() < 4<<20
	}})
	b = start(t, memberOptions{}, first)
	c = start(t, memberOptions{}, b)
	data := noise(6, 40<<20)
	cid := first.share(data)
	first.brake.Store(int64(len(data) / 2))
	half := make(chan struct{})
	once := sync.OnceFunc(func() { close(half) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		o := anyone
		o.Progress = func(p blob.Progress) {
			if p.Bytes > uint64(len(data)/8) {
				once()
			}
		}
		_, err := b.FetchWith(ctx, cid, o)
		done <- err
	}()
	<-half
	got, err := c.asks.Ask(t.Context(), b.id(), []string{cid})
	if err != nil || !got[0].Has() || got[0].Whole || !got[0].Public || got[0].Size != uint64(len(data)) {
		t.Fatalf("the unfinished is told as %+v, %v", got, err)
	}
	first.brake.Store(0)
	c.get(cid, data, anyone)
	if got := b.served.Load(); got < 4<<20 {
		t.Errorf("%d bytes from who had it in part", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// All who wait share one transfer and hear of it; it ends with the last.
func TestWaitersShare(t *testing.T) {
	t.Parallel()
	// Nothing comes before all wait, and not all before one has left.
	const waiters = 7
	var a, b *member
	var cid string
	var came atomic.Bool
	gone, cancel := context.WithCancel(t.Context())
	a = start(t, memberOptions{hold: func(identity.PubKey) bool {
		if !came.Load() && b.waiters(cid) == waiters {
			came.Store(true)
		}
		return !came.Load() || a.served.Load() >= 8<<20 && gone.Err() == nil
	}})
	b = start(t, memberOptions{}, a)
	data := noise(7, 16<<20)
	cid = a.share(data)
	var all sync.WaitGroup
	heard := make([]blob.Progress, waiters-2)
	for i := range heard {
		all.Go(func() {
			o := anyone
			o.Progress = func(p blob.Progress) { heard[i] = p }
			if _, err := b.FetchWith(t.Context(), cid, o); err != nil {
				t.Error(err)
			}
		})
	}
	// One who waits no longer takes nothing from the others; one who wants less
	// hears at once that it is more.
	all.Go(func() {
		o := anyone
		o.Progress = func(p blob.Progress) {
			if p.Bytes > 0 {
				cancel()
			}
		}
		if _, err := b.FetchWith(gone, cid, o); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
	})
	all.Go(func() {
		o := anyone
		o.Max = 1 << 20
		if _, err := b.FetchWith(t.Context(), cid, o); !errors.Is(err, blob.ErrTooBig) {
			t.Errorf("who wants less: %v", err)
		}
	})
	all.Wait()
	cancel()
	for i, p := range heard {
		if p.Bytes == 0 || p.Total != uint64(len(data)) {
			t.Errorf("waiter %d heard last of %d of %d bytes", i, p.Bytes, p.Total)
		}
	}
	if got := a.served.Load(); got > int64(len(data))*5/4 {
		t.Errorf("%d bytes were served for %d", got, len(data))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fetches) != 0 {
		t.Errorf("%d transfers are left", len(b.fetches))
	}
}

// waiters is how many wait for a transfer.
func (m *member) waiters(cid string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.fetches[cid]
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// A search that finds nobody ends, and says so; its context ends it sooner; a
// holder that comes while it runs is found.
func TestSearchForNobody(t *testing.T) {
	t.Parallel()
	a := start(t, memberOptions{})
	b := start(t, memberOptions{}, a)
	data := noise(8, 1<<20)
	cid := b.add(data)
	if err := b.blobs.Remove(cid); err != nil {
		t.Fatal(err)
	}
	o := anyone
	o.Patience = 300 * time.Millisecond
	if _, err := b.FetchWith(t.Context(), cid, o); !errors.Is(err, blob.ErrNoSource) {
		t.Errorf("nobody has it: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.FetchWith(ctx, cid, anyone); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: %v", err)
	}
	// Who has nothing when it is asked is not asked again so soon.
	late := start(t, memberOptions{})
	late.share(data)
	done := make(chan error, 1)
	go func() {
		_, err := b.FetchWith(t.Context(), cid, anyone)
		done <- err
	}()
	until(t, "it is looked for", func() bool { return b.waiters(cid) == 1 })
	if err := late.host.Connect(t.Context(), b.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("a holder came while it was looked for: %v", err)
	}
}

var _ Holders = (*holders.Service)(nil)
