package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// member is a library on a real host, with a real table.
type member struct {
	*Library
	t      *testing.T
	host   *p2p.Host
	dht    *dht.DHT
	asks   *holders.Service
	served atomic.Int64 // bytes of content written
	brake  atomic.Int64 // no more is written than so many; 0: all
	waited atomic.Bool  // something was awaited in vain: nothing is any more
	blamed sync.Map     // by peer: points
	stop   func()
}

func (m *member) id() identity.PubKey { return m.host.ID() }

// counted is a stream whose writes are counted, and slowed or held on demand.
type counted struct {
	*p2p.Stream
	m    *member
	wait time.Duration
	hold func(to identity.PubKey) bool
}

func (c counted) Write(p []byte) (int, error) {
	if c.wait > 0 {
		<-time.After(c.wait)
	}
	c.m.awaits(func() bool {
		brake := c.m.brake.Load()
		return (brake == 0 || c.m.served.Load() < brake) && (c.hold == nil || !c.hold(c.Peer()))
	})
	n, err := c.Stream.Write(p)
	c.m.served.Add(int64(n))
	return n, err
}

func (c counted) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// awaits waits until ok, or the end of the test, and no longer than three
// minutes.
func (m *member) awaits(ok func() bool) {
	deadline := time.Now().Add(3 * time.Minute)
	for !m.waited.Load() && !ok() {
		select {
		case <-m.t.Context().Done():
			return
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) && m.t.Context().Err() == nil && !m.waited.Swap(true) {
			m.t.Errorf("%s was held for three minutes", m.id().Short())
		}
	}
}

type memberOptions struct {
	network func(*Network) // changes what the library is told
	serve   func(context.Context, *p2p.Stream)
	wait    time.Duration                 // before each write
	hold    func(to identity.PubKey) bool // each write waits as long as it says
	tables  bool                          // takes part in the table
}

// start makes a member that dials those named.
func start(t *testing.T, o memberOptions, to ...*member) *member {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	cfg := p2p.Default("test")
	cfg.Listen, cfg.MDNS = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false
	for _, other := range to {
		cfg.Bootstrap = append(cfg.Bootstrap, other.host.Addrs()...)
	}
	h, err := p2p.New(cfg, key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{t: t, host: h}
	dir, db := t.TempDir(), store.NewMem()
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), store.Prefix(db, "blob/"), blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "layouts"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.Library = New(blobs, store.Prefix(db, "content/"), h, filepath.Join(dir, "layouts"), slog.New(slog.DiscardHandler))
	deps := holders.Deps{Host: h, Local: m.Library}
	net := Network{Key: key, Penalise: func(p identity.PubKey, points int, _ string) { m.blamed.Store(p, points) }}
	if m.dht, err = dht.New(dht.Default(), h, nil); err != nil {
		t.Fatal(err)
	}
	if o.tables {
		deps.Table, net.Announce = m.dht, m.dht.ProvideContent
	}
	m.asks = holders.New(deps)
	net.Holders = m.asks
	if o.network != nil {
		o.network(&net)
	}
	m.SetNetwork(net)
	if o.serve == nil {
		o.serve = func(ctx context.Context, s *p2p.Stream) {
			_ = m.serve(ctx, s.Peer(), counted{s, m, o.wait, o.hold})
		}
	}
	h.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), m.asks.Serve)
	h.Handle(p2p.ProtoBlob, p2p.StreamLimits{Total: 64, PerPeer: 32}, o.serve)
	m.run(o.tables)
	for _, other := range to {
		until(t, "connected", func() bool {
			return h.Speaks(other.id(), p2p.ProtoHave) && other.host.Speaks(h.ID(), p2p.ProtoHave)
		})
	}
	return m
}

// run starts what has a Run, until the test's end.
func (m *member) run(tables bool) {
	ctx, cancel := context.WithCancel(context.Background())
	outer, end := context.WithCancel(context.Background())
	var inner, host sync.WaitGroup
	host.Go(func() {
		if err := m.host.Run(outer); err != nil {
			m.t.Errorf("host: %v", err)
		}
	})
	<-m.host.Ready()
	if tables {
		inner.Go(func() {
			if err := m.dht.Run(ctx); err != nil {
				m.t.Errorf("dht: %v", err)
			}
		})
		<-m.dht.Ready()
	}
	inner.Go(func() {
		if err := m.Run(ctx); err != nil {
			m.t.Errorf("library: %v", err)
		}
	})
	m.stop = sync.OnceFunc(func() { cancel(); inner.Wait(); end(); host.Wait() })
	m.t.Cleanup(m.stop)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// noise is so many bytes, always the same of one seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return b
}

func (m *member) add(b []byte) string {
	m.t.Helper()
	info, err := m.blobs.Add(m.t.Context(), bytes.NewReader(b))
	if err != nil {
		m.t.Fatal(err)
	}
	return info.CID
}

func (m *member) share(b []byte) string {
	m.t.Helper()
	cid := m.add(b)
	if err := m.Share(cid); err != nil {
		m.t.Fatal(err)
	}
	return cid
}

// get fetches and holds what came against what it should be.
func (m *member) get(cid string, want []byte, o FetchOptions) {
	m.t.Helper()
	info, err := m.FetchWith(m.t.Context(), cid, o)
	if err != nil {
		m.t.Fatalf("fetch: %v", err)
	}
	r, err := m.blobs.Open(info.CID)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		m.t.Errorf("%d bytes that differ, %v", len(got), err)
	}
}

var anyone = FetchOptions{Anyone: true, Patience: 3 * time.Minute}

// refusal fetches in vain, with ever more patience until the error is the one
// wanted: a search may end before anybody had the time to answer.
func (m *member) refusal(cid string, o FetchOptions, want error) error {
	for o.Patience = time.Second / 2; ; o.Patience *= 2 {
		if _, err := m.FetchWith(m.t.Context(), cid, o); errors.Is(err, want) || o.Patience > time.Minute {
			return err
		}
	}
}

// What is added at A is found by C, who knows B alone, and comes from both.
func TestFromTwoThroughHints(t *testing.T) {
	t.Parallel()
	// Of the last transfer either gives no more than 8 MiB before the other has.
	// So neither can give all of it; that both are asked at the same time, rather
	// than one after the other was given up, is not told by that.
	const share = 8 << 20
	var a, b *member
	var before atomic.Int64
	a = start(t, memberOptions{hold: func(identity.PubKey) bool {
		at := before.Load()
		return at > 0 && a.served.Load()-at >= share && b.served.Load() < share
	}})
	b = start(t, memberOptions{hold: func(identity.PubKey) bool {
		return b.served.Load() >= share && a.served.Load()-before.Load() < share
	}}, a)
	c := start(t, memberOptions{}, b)
	data := noise(1, 48<<20)
	cid := a.share(data)
	b.get(cid, data, anyone)
	if !b.Shared(cid) {
		t.Error("what came from the public is not given to it again")
	}
	before.Store(a.served.Load())
	var sources sync.Map
	o := anyone
	o.Progress = func(p blob.Progress) {
		for _, s := range p.Sources {
			sources.Store(s.Name, s.Bytes)
		}
	}
	c.get(cid, data, o)
	fromA, fromB := a.served.Load()-before.Load(), b.served.Load()
	t.Logf("%d bytes from A, %d from B", fromA, fromB)
	if fromA < 4<<20 || fromB < 4<<20 {
		t.Errorf("%d bytes from A, %d from B: not from both", fromA, fromB)
	}
	for _, m := range []*member{a, b} {
		if got, ok := sources.Load(m.id().String()); !ok || got.(uint64) == 0 {
			t.Errorf("progress does not tell of %s", m.id().Short())
		}
	}
}

// Through the table, without a connection before.
func TestThroughTheTable(t *testing.T) {
	t.Parallel()
	boot := start(t, memberOptions{tables: true})
	a := start(t, memberOptions{tables: true}, boot)
	c := start(t, memberOptions{tables: true}, boot)
	data := noise(2, 3<<20)
	cid := a.share(data)
	until(t, "announced", func() bool {
		got, err := boot.dht.FindHolders(t.Context(), cid, 4)
		return err == nil && slices.Contains(got, a.id())
	})
	c.get(cid, data, anyone)
}

// Nobody finds what was not shared, not even that it is there.
func TestPrivateStaysPrivate(t *testing.T) {
	t.Parallel()
	a := start(t, memberOptions{tables: true})
	friend := start(t, memberOptions{tables: true}, a)
	stranger := start(t, memberOptions{tables: true}, a, friend)
	data := noise(3, 1<<20)
	cid := a.add(data)
	a.Grant(cid, friend.id())
	friend.get(cid, data, FetchOptions{From: []identity.PubKey{a.id()}})
	if friend.Shared(cid) {
		t.Error("what was granted to one is given to everybody")
	}
	for _, m := range []*member{a, friend} {
		got, err := stranger.asks.Ask(t.Context(), m.id(), []string{cid})
		if err != nil || !got[0].IsZero() {
			t.Errorf("the stranger is told %+v, %v", got, err)
		}
		if refs, err := m.Announced(); err != nil || len(refs) != 0 {
			t.Errorf("announced: %v, %v", refs, err)
		}
	}
	o := FetchOptions{Anyone: true}
	if err := stranger.refusal(cid, o, blob.ErrNoSource); !errors.Is(err, blob.ErrNoSource) {
		t.Errorf("fetch by a stranger: %v", err)
	}
	// Not even who asks for the bytes outright.
	o.From = []identity.PubKey{a.id(), friend.id()}
	if err := stranger.refusal(cid, o, blob.ErrRefused); !errors.Is(err, blob.ErrRefused) {
		t.Errorf("fetch by a stranger who knows whom to ask: %v", err)
	}
}
