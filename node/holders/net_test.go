package holders_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/dht/dhttest"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

const (
	cidA = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	cidB = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
)

// shelf is what one node answers from: what everybody may have, and what one
// peer may have.
type shelf struct {
	mu      sync.Mutex
	public  map[string]holders.Answer
	private map[string]map[identity.PubKey]holders.Answer
}

func (s *shelf) Answer(peer identity.PubKey, ref string) holders.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.private[ref][peer]; ok {
		return a
	}
	return s.public[ref]
}

func (s *shelf) share(ref string, a holders.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Public = true
	if s.public == nil {
		s.public = map[string]holders.Answer{}
	}
	s.public[ref] = a
}

func (s *shelf) grant(ref string, peer identity.PubKey, a holders.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.private == nil {
		s.private = map[string]map[identity.PubKey]holders.Answer{}
	}
	s.private[ref] = map[identity.PubKey]holders.Answer{peer: a}
}

// member is a real host that asks and answers.
type member struct {
	*holders.Service
	host  *p2p.Host
	shelf *shelf
	table *dhttest.Router
}

func (m *member) id() identity.PubKey { return m.host.ID() }

// join starts a host that is connected to those named.
func join(t *testing.T, table *dhttest.Network, to ...*member) *member {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	cfg := p2p.Default("test")
	cfg.Listen, cfg.MDNS = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false
	h, err := p2p.New(cfg, key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{host: h, shelf: &shelf{}}
	d := holders.Deps{Host: h, Local: m.shelf}
	if table != nil {
		m.table = table.Router(h.ID())
		d.Table = m.table
	}
	m.Service = holders.New(d)
	h.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), m.Serve)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("host: %v", err)
		}
	})
	<-h.Ready()
	for _, other := range to {
		if err := h.Connect(t.Context(), other.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		until(t, "both know what the other speaks", func() bool {
			return h.Speaks(other.id(), p2p.ProtoHave) && other.host.Speaks(h.ID(), p2p.ProtoHave)
		})
	}
	return m
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

// find collects who has something to say, until want peers have.
func find(t *testing.T, m *member, q holders.Query, want int) map[identity.PubKey]holders.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := map[identity.PubKey]holders.Answer{}
	m.Find(ctx, q, func(p identity.PubKey, a holders.Answer) bool {
		out[p] = a
		return want == 0 || len(out) < want
	})
	return out
}

func TestAskMany(t *testing.T) {
	t.Parallel()
	a := join(t, nil)
	b := join(t, nil, a)
	name, digest := holders.NameRef(a.id(), wire.WhatImage, "team/app:v1"), "sha256:"+fmt.Sprintf("%064x", 7)
	doc, err := wire.Seal(a.host.Key(), wire.ContentName{Name: "team/app:v1", What: wire.WhatImage, Digest: digest, CID: cidA, Size: 9, Created: 5}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a.shelf.share(cidA, holders.Answer{Held: 3, Size: 9, Price: 4})
	a.shelf.share(name, holders.Answer{CID: cidA, Names: []wire.Event{doc}})
	a.shelf.share(digest, holders.Answer{CID: cidA, Whole: true, Held: 9, Size: 9})
	refs := []string{cidA, cidB, name, digest}
	for range 300 { // more than one question takes
		refs = append(refs, cidB)
	}
	got, err := b.Ask(t.Context(), a.id(), refs)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(refs) {
		t.Fatalf("%d answers to %d refs", len(got), len(refs))
	}
	if x := got[0]; x.Held != 3 || x.Size != 9 || x.Whole || x.Price != 4 || !x.Public || !x.Has() {
		t.Errorf("in part: %+v", x)
	}
	if !got[1].IsZero() || !got[303].IsZero() {
		t.Errorf("what is not there: %+v", got[1])
	}
	if x := got[2]; len(x.Names) != 1 || x.Names[0].ID != doc.ID || x.CID != cidA {
		t.Errorf("name: %+v", x)
	}
	if x := got[3]; !x.Whole || x.CID != cidA {
		t.Errorf("digest: %+v", x)
	}
	if _, err := b.Ask(t.Context(), a.id(), []string{"../etc"}); !errors.Is(err, holders.ErrRef) {
		t.Errorf("no ref: %v", err)
	}
}

// C knows B alone. B says that A has it too, for A told B so in public.
func TestHintsOfOthers(t *testing.T) {
	t.Parallel()
	a := join(t, nil)
	b := join(t, nil, a)
	c := join(t, nil, b)
	whole := holders.Answer{Whole: true, Held: 9, Size: 9}
	a.shelf.share(cidA, whole)
	b.shelf.share(cidA, whole)
	if got := find(t, b, holders.Query{Ref: cidA, Anyone: true, Once: true}, 0); len(got) != 1 || !got[a.id()].Whole {
		t.Fatalf("b finds %v", got)
	}
	got := find(t, c, holders.Query{Ref: cidA, Anyone: true}, 2)
	if !got[a.id()].Whole || !got[b.id()].Whole {
		t.Errorf("c finds %v", got)
	}
	// Who may ask named peers alone asks nobody else.
	if got := find(t, c, holders.Query{Ref: cidA, Ask: []identity.PubKey{b.id()}}, 0); len(got) != 1 {
		t.Errorf("named alone: %v", got)
	}
}

// Nothing shows that B has what only A may have, or from whom.
func TestPrivateIsNotTold(t *testing.T) {
	t.Parallel()
	holder := join(t, nil)
	friend := join(t, nil, holder)
	stranger := join(t, nil, friend)
	until(t, "stranger is connected", func() bool {
		return stranger.host.Connect(t.Context(), holder.host.Addrs()[0]) == nil && stranger.host.Speaks(holder.id(), p2p.ProtoHave)
	})
	holder.shelf.grant(cidA, friend.id(), holders.Answer{Whole: true, Held: 9, Size: 9})
	if got := find(t, friend, holders.Query{Ref: cidA, Anyone: true, Once: true, Seeding: true}, 0); len(got) != 1 {
		t.Fatalf("friend finds %v", got)
	}
	friend.shelf.grant(cidA, holder.id(), holders.Answer{Whole: true, Held: 9, Size: 9})
	for _, m := range []*member{holder, friend} {
		got, err := stranger.Ask(t.Context(), m.id(), []string{cidA, cidB})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", got[1]) {
			t.Errorf("what is private is told from what is not there: %+v", got[0])
		}
	}
	// Even when the friend gives it to everybody, it does not tell who told it
	// in private.
	friend.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	got, err := stranger.Ask(t.Context(), friend.id(), []string{cidA})
	if err != nil || !got[0].Whole || len(got[0].Others) != 0 {
		t.Errorf("answer %+v, %v", got, err)
	}
}

// Two that fetch at the same time find each other through the one that has it.
func TestSeedersFindEachOther(t *testing.T) {
	t.Parallel()
	a := join(t, nil)
	b, c := join(t, nil, a), join(t, nil, a)
	a.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	b.shelf.share(cidA, holders.Answer{Held: 1, Size: 9})
	if got := find(t, b, holders.Query{Ref: cidA, Anyone: true, Seeding: true}, 1); len(got) != 1 {
		t.Fatalf("b finds %v", got)
	}
	if got := find(t, c, holders.Query{Ref: cidA, Anyone: true}, 2); got[b.id()].Held != 1 || !got[a.id()].Whole {
		t.Errorf("c finds %v", got)
	}
}

// The table is asked too, and again, and newcomers are asked when they come.
func TestFindGoesOn(t *testing.T) {
	t.Parallel()
	table := dhttest.NewNetwork()
	a := join(t, table)
	b := join(t, table)
	b.host.AddAddrs(a.id(), a.host.Addrs())
	a.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	if err := a.table.ProvideContent([]string{cidA}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var late *member
	found := map[identity.PubKey]bool{}
	first := make(chan struct{})
	one := sync.OnceFunc(func() { close(first) }) // who was found is asked again after a while
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Find(ctx, holders.Query{Ref: cidA, Anyone: true}, func(p identity.PubKey, _ holders.Answer) bool {
			found[p] = true
			one()
			return len(found) < 2
		})
	}()
	<-first
	late = join(t, nil)
	late.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	if err := late.host.Connect(t.Context(), b.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	<-done
	if !found[a.id()] || !found[late.id()] {
		t.Errorf("found %v", found)
	}
}

// What was shared while somebody looks for it is found soon: the table is asked
// again before the search is given up.
func TestFindSharedMeanwhile(t *testing.T) {
	t.Parallel()
	table := dhttest.NewNetwork()
	a := join(t, table)
	b := join(t, table)
	b.host.AddAddrs(a.id(), a.host.Addrs())
	a.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	share := time.AfterFunc(time.Second, func() {
		if err := a.table.ProvideContent([]string{cidA}); err != nil {
			t.Error(err)
		}
	})
	defer share.Stop()
	if got := find(t, b, holders.Query{Ref: cidA, Anyone: true}, 1); !got[a.id()].Whole {
		t.Errorf("found %v", got)
	}
}

// Many searches at once ask a peer few questions, and none is lost; one that is
// given up takes nothing from the others.
func TestManySearchesAtOnce(t *testing.T) {
	t.Parallel()
	a := join(t, nil)
	b := join(t, nil, a)
	a.shelf.share(cidA, holders.Answer{Whole: true, Held: 9, Size: 9})
	streams := make(chan struct{}, 1000)
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	a.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), func(ctx context.Context, s *p2p.Stream) {
		streams <- struct{}{}
		<-hold
		a.Serve(ctx, s)
	})
	gone, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	search := func(i int) {
		if i%3 == 0 {
			b.Find(gone, holders.Query{Ref: cidB, Ask: []identity.PubKey{a.id()}}, func(identity.PubKey, holders.Answer) bool { return true })
			return
		}
		if got := find(t, b, holders.Query{Ref: cidA, Ask: []identity.PubKey{a.id()}}, 0); !got[a.id()].Whole {
			t.Errorf("search %d finds %v", i, got)
		}
	}
	// As many questions as may be under way, each alone, and all others behind
	// them.
	const first, rest = 4, 296
	for i := range first {
		all.Go(func() { search(3 * i) })
		until(t, "a question is under way", func() bool { return len(streams) == i+1 })
	}
	for i := range rest {
		all.Go(func() { search(i) })
	}
	until(t, "the others are in line", func() bool { return b.InLine(a.id()) == rest })
	cancel()
	release()
	all.Wait()
	if n := len(streams); n > 20 {
		t.Errorf("%d questions for 300 searches", n)
	}
	for _, p := range a.host.Peers() {
		if p.Penalty > 0 {
			t.Errorf("penalty of %f", p.Penalty)
		}
	}
}

var _ holders.Table = (*dht.DHT)(nil)
