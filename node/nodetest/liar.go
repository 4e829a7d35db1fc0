package nodetest

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// Script is what a liar does at each step. A nil step is done honestly.
type Script struct {
	// Accept answers an Accept with Progress, a Commit, or whatever else.
	Accept func(ctx context.Context, l *Liar, s *p2p.Stream, w *Work) error
	// Reveal answers a RevealRequest.
	Reveal func(l *Liar, s *p2p.Stream, w *Work) error
	// Blob answers a stream that asks for the result's bytes.
	Blob func(ctx context.Context, l *Liar, s *p2p.Stream) error
	// Lie makes the result instead of Do: an honest life but for that. It sets
	// the root and the size of the work.
	Lie func(ctx context.Context, l *Liar, w *Work) error

	// Unsigned, while it is set, signs no receipt of what it was paid.
	Unsigned *atomic.Bool

	// Deaf, while it is set, hears no disclosure.
	Deaf *atomic.Bool

	Role  string    // "" is a provider
	Price wire.Rate // zero is one credit for each unit
	Slots uint32    // offered of each quote; 0 is 64
}

// role is what the liar says it is.
func (s Script) role() string {
	if s.Role != "" {
		return s.Role
	}
	return string(node.RoleProvider)
}

// price is what the liar takes.
func (s Script) price() wire.Rate {
	if s.Price != (wire.Rate{}) {
		return s.Price
	}
	return wire.Rate{PerUnit: 1}
}

// Liar is a provider made of the wire alone: a key, an offer, documents. Where
// its script says nothing it is honest: it does the work of Upper, commits,
// reveals, serves the result, takes the payment and signs the receipt.
type Liar struct {
	*Peer
	script Script
	table  *dht.DHT
	blobs  *blob.Store
	rail   *credit.Rail
	dir    string

	mu    sync.Mutex
	works map[slot]*Work
	shown []wire.Disclosure
	asked chan struct{} // closed at the first Accept
	once  sync.Once
}

type slot struct {
	job            wire.ID
	shard, attempt uint32
}

// Work is one attempt as a liar sees it.
type Work struct {
	Accept wire.Accept
	From   identity.PubKey
	Root   string // of the right result, after Do
	Size   uint64
	Nonce  wire.ID
	Commit wire.Event // as it was sent
	Raw    wire.Event // the Accept as it came first
	Asked  wire.Event // the request to reveal, as it came first
	Said   []string   // verdicts on it
}

// Liar makes a provider that keeps to the script.
func (c *Cluster) Liar(script Script) *Liar {
	c.t.Helper()
	l := &Liar{Peer: c.Peer(), script: script, works: map[slot]*Work{}, asked: make(chan struct{})}
	l.parts()
	limits := p2p.StreamLimits{Total: 256, PerPeer: 64, Life: time.Hour, Idle: time.Hour}
	l.Host.Handle(p2p.ProtoQuote, limits, l.must(l.quote))
	l.Host.Handle(p2p.ProtoJob, limits, l.must(l.job))
	l.Host.Handle(p2p.ProtoBlob, limits, l.must(l.blob))
	l.Host.Handle(p2p.ProtoPay, limits, l.must(l.pay))
	price := script.price()
	offer := wire.ProviderOffer{
		Network: devnet, Class: Class(""), Version: version, Hardware: hardware(),
		Isolation: []string{"runc"}, Rails: []string{credit.Name}, Roles: []string{script.role()},
		Rates: []wire.UnitRate{{Unit: string(payments.Credits), Base: price.Base, PerUnit: price.PerUnit}}, Slots: 8,
	}
	if err := l.table.SetOffer(offer); err != nil {
		c.t.Fatal(err)
	}
	keys := []dht.Key{dht.RoleKey(script.role())}
	if script.role() == string(node.RoleProvider) {
		keys = append(keys, dht.OfferKeys(offer)...)
	}
	if err := l.table.SetKeys(keys); err != nil {
		c.t.Fatal(err)
	}
	c.background(l.table.Run)
	c.await("liar", l.table.Ready())
	return l
}

// parts makes what the liar is honest with.
func (l *Liar) parts() {
	t := l.c.t
	l.dir = t.TempDir()
	var err error
	if l.table, err = dht.New(dht.Default(), l.Host, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if l.blobs, err = blob.Open(filepath.Join(l.dir, "blobs"), store.NewMem(), blob.Config{}); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, p identity.PubKey) (credit.Conn, error) {
		return l.Host.Open(ctx, p, p2p.ProtoPay)
	}
	l.rail, err = credit.New(credit.Default(), l.Key, store.NewMem(), dial, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
}

// must closes the stream when its handler has returned. What goes wrong there
// is the other side's to notice.
func (l *Liar) must(fn func(ctx context.Context, s *p2p.Stream) error) func(context.Context, *p2p.Stream) {
	return func(ctx context.Context, s *p2p.Stream) {
		if err := fn(ctx, s); err != nil {
			_ = s.Reset()
			return
		}
		_ = s.Close()
	}
}

// Asked is closed at the first Accept.
func (l *Liar) Asked() <-chan struct{} { return l.asked }

// Works lists the attempts it was given.
func (l *Liar) Works() []*Work {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*Work
	for _, w := range l.works {
		out = append(out, w)
	}
	return out
}

// Shown lists the disclosures that came.
func (l *Liar) Shown() []wire.Disclosure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.shown)
}

// Say signs a document with the liar's key and sends it.
func (l *Liar) Say(s io.Writer, m wire.Message) (wire.Event, error) {
	ev, err := wire.Seal(l.Key, m, time.Now())
	if err != nil {
		return ev, err
	}
	return ev, wire.WriteEvent(s, ev)
}

func (l *Liar) work(from identity.PubKey, ev wire.Event, a wire.Accept) *Work {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := slot{a.Job, a.Shard, a.Attempt}
	if l.works[k] == nil {
		l.works[k] = &Work{Accept: a, From: from, Nonce: wire.RandomID(), Raw: ev}
	}
	l.once.Do(func() { close(l.asked) })
	return l.works[k]
}

func (l *Liar) known(job wire.ID, shard, attempt uint32) *Work {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.works[slot{job, shard, attempt}]
}
