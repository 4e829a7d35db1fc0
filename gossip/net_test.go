package gossip_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	gosync "sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// network is real hosts whose packets and clock are simulated, in a synctest
// bubble.
type network struct {
	sim    *simnet.Simnet
	nodes  []*node
	rng    *rand.Rand
	parted atomic.Bool // what crosses between even and odd nodes is lost
}

type node struct {
	*gossip.Gossip
	host *p2p.Host
	key  *identity.Key
	set  *gossiptest.Set
	used *usage
	n    int
	stop func() // of the gossip
	quit func() // of all
}

// manyRounds of sync reach everybody, whoever is drawn for them.
const manyRounds = 24

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

func newNetwork() *network {
	w := &network{rng: rand.New(rand.NewPCG(7, 7))}
	w.sim = &simnet.Simnet{LatencyFunc: func(p *simnet.Packet) time.Duration {
		from, to := last(p.From), last(p.To)
		if w.parted.Load() && from&1 != to&1 || (from == hiddenAt || to == hiddenAt) && from != relayAt && to != relayAt {
			return 1000 * time.Hour // beyond the end of any test
		}
		return 30 * time.Millisecond
	}}
	w.sim.Start()
	return w
}

// Nothing but the relay reaches the hidden node.
const hiddenAt, relayAt = 91, 90

// last is the number of the node at an address, or near it.
func last(a net.Addr) byte {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.IP.To4()[3] - simnet.IntToPublicIPv4(0).To4()[3]
	}
	return 0
}

// startHost runs a host and returns what stops it.
func (w *network) startHost(t *testing.T, n int, change func(*p2p.Config), opts ...libp2p.Option) (*p2p.Host, *identity.Key, func()) {
	t.Helper()
	cfg := p2p.Default("test")
	cfg.MDNS, cfg.NAT = false, false
	cfg.Listen = []string{fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(n))}
	if change != nil {
		change(&cfg)
	}
	link := simnet.LinkSettings{BitsPerSecond: 50 * simlibp2p.OneMbps}
	opts = append(opts, libp2p.DisableIdentifyAddressDiscovery(),
		simlibp2p.QUICSimnet(w.sim, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}))
	key := gossiptest.Key(t, 1_000_000+n)
	h, err := p2p.New(cfg, key, nil, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h, key, runs(t, h.Run, h.Ready())
}

// runs starts f and waits until it is ready; the returned function stops it.
func runs(t *testing.T, f func(context.Context) error, ready <-chan struct{}) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil {
			t.Error(err)
		}
	}()
	<-ready
	return gosync.OnceFunc(func() { cancel(); <-done })
}

// add starts a node and connects it to some of those that are there.
func (w *network) add(t *testing.T, cfg gossip.Config, docs ...wire.Event) *node {
	t.Helper()
	n := &node{n: len(w.nodes), set: &gossiptest.Set{}, used: &usage{}}
	var stopHost func()
	n.host, n.key, stopHost = w.startHost(t, n.n, nil, libp2p.BandwidthReporter(n.used))
	for _, d := range docs {
		if _, err := n.set.Add(d.Bytes(), n.host.ID()); err != nil {
			t.Fatal(err)
		}
	}
	n.start(t, cfg)
	n.quit = func() { n.stop(); stopHost() }
	w.nodes = append(w.nodes, n)
	w.link(t, n, 6)
	return n
}

func (n *node) start(t *testing.T, cfg gossip.Config) {
	t.Helper()
	var err error
	if n.Gossip, err = gossip.New(cfg, n.host, n.set, nil); err != nil {
		t.Fatal(err)
	}
	n.stop = runs(t, n.Run, n.Ready())
}

// link connects a node to so many others.
func (w *network) link(t *testing.T, n *node, most int) {
	t.Helper()
	for i, j := range w.rng.Perm(len(w.nodes)) {
		if other := w.nodes[j]; i < most && other != n {
			if err := n.host.Connect(t.Context(), other.host.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (w *network) stop() {
	for _, n := range w.nodes {
		n.quit()
	}
	w.sim.Close()
	synctest.Wait()
}

func (n *node) digest(t *testing.T) wire.Event {
	t.Helper()
	return gossiptest.Document(t, n.key, gossiptest.Replaced, time.Now(), 1200)
}

// publish sends a node's digest out.
func (n *node) publish(t *testing.T) wire.Event {
	t.Helper()
	d := n.digest(t)
	if err := n.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *network) holding(d wire.Event) (n int) {
	for _, node := range w.nodes {
		if node.set.Has(d) {
			n++
		}
	}
	return n
}

func TestDocumentsReachEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		cfg := gossip.Default()
		cfg.Every = 2 * time.Minute
		for range 12 {
			w.add(t, cfg)
		}
		pass(40 * time.Second) // the sessions of the start are over
		var docs []wire.Event
		for _, n := range w.nodes {
			docs = append(docs, n.publish(t))
		}
		docs = append(docs, gossiptest.Document(t, w.nodes[0].key, gossiptest.Kept, time.Now(), gossip.MaxDocument-200))
		if err := w.nodes[0].Publish(t.Context(), docs[len(docs)-1]); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		for _, d := range docs {
			if n := w.holding(d); n != len(w.nodes) {
				t.Errorf("%d of %d nodes hold a document of %d bytes", n, len(w.nodes), len(d.Bytes()))
			}
		}
		if s := w.nodes[3].Stats(); s.Accepted < 12 || s.Refused > 0 || s.Published != 1 || s.Peers < 5 || s.Synced > 0 {
			t.Errorf("%+v", s)
		}
		// A second digest of the day is kept from gossip, and sync brings it.
		pass(2 * time.Second)
		again := w.nodes[5].publish(t)
		pass(5 * time.Second)
		if n := w.holding(again); n != 1 {
			t.Errorf("%d nodes hold a second digest at once", n)
		}
		// Who syncs with whom is drawn by lot: four rounds reach all nearly always,
		// and nearly all always.
		for round := range manyRounds {
			pass(cfg.Every)
			n := w.holding(again)
			if n == len(w.nodes) {
				break
			}
			if round == 3 && 10*n < 9*len(w.nodes) {
				t.Errorf("%d nodes hold a second digest after 4 rounds of sync", n)
			}
		}
		if n := w.holding(again); n != len(w.nodes) {
			t.Errorf("%d nodes hold a second digest after %d rounds of sync", n, manyRounds)
		}
	})
}

// A node that was off finds what it missed, and tells what it alone has; when
// it is back, only that travels.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		for range 5 {
			w.add(t, gossip.Default())
		}
		pass(10 * time.Second)
		for _, n := range w.nodes {
			n.publish(t)
		}
		pass(5 * time.Second)
		off := w.nodes[4]
		off.stop()
		if err := off.Publish(t.Context(), off.digest(t)); err == nil {
			t.Error("published after the end")
		}
		if _, err := off.SyncWith(t.Context(), w.nodes[0].host.ID()); err == nil {
			t.Error("synced after the end")
		}
		missed := gossiptest.Document(t, gossiptest.Key(t, 1), gossiptest.Kept, time.Now(), 600)
		if err := w.nodes[0].Publish(t.Context(), missed); err != nil {
			t.Fatal(err)
		}
		alone := gossiptest.Document(t, gossiptest.Key(t, 2), gossiptest.Kept, time.Now(), 600)
		if _, err := off.set.Add(alone.Bytes(), off.host.ID()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if off.set.Has(missed) || w.holding(alone) != 1 {
			t.Error("a stopped node takes part")
		}
		off.start(t, gossip.Default())
		pass(30 * time.Second)
		if !off.set.Has(missed) || w.holding(alone) != 5 {
			t.Errorf("back: missed %v, %d hold what it had", off.set.Has(missed), w.holding(alone))
		}
		if s := off.Stats(); s.Synced != 1 || s.Sent+s.Received > 20_000 {
			t.Errorf("back with %+v", s)
		}
	})
}

// Two halves that lost each other agree soon after they meet again.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		yesterday := digests(t, 0, 100, time.Now().Add(-time.Hour), 1500)
		for range 12 {
			w.add(t, gossip.Default(), yesterday...)
		}
		pass(time.Minute)
		w.parted.Store(true)
		pass(5 * time.Minute)
		var docs []wire.Event
		for _, n := range w.nodes {
			docs = append(docs, n.publish(t))
		}
		pass(15 * time.Minute)
		for i, d := range docs {
			if n := w.holding(d); n != 6 {
				t.Errorf("%d nodes hold document %d of one half", n, i)
			}
		}
		w.parted.Store(false)
		for _, n := range w.nodes {
			w.link(t, n, 5)
		}
		before := make([]gossip.Stats, len(w.nodes))
		for i, n := range w.nodes {
			before[i] = n.Stats()
		}
		healed := time.Now()
		for {
			pass(time.Second)
			agreed := 0
			for _, d := range docs {
				agreed += w.holding(d)
			}
			if agreed == len(docs)*len(w.nodes) {
				break
			}
			// Whoever is back is synced with at once: no draw is in it.
			if time.Since(healed) > 3*gossip.Default().Every {
				t.Fatalf("%d of %d after three rounds", agreed, len(docs)*len(w.nodes))
			}
		}
		var bytes, sessions uint64
		for i, n := range w.nodes {
			s := n.Stats()
			bytes += s.Sent + s.Received - before[i].Sent - before[i].Received
			sessions += s.Sessions - before[i].Sessions
		}
		share := float64(bytes) / float64(len(w.nodes)) / float64(w.nodes[0].set.Size())
		t.Logf("agreed %s after they met; %d sessions, %.1f%% of a copy a node", time.Since(healed), sessions, 100*share)
	})
}

// A peer whose fraud is proven is not listened to, whatever it delivers; one
// that is trusted is synced with although nobody is connected to it.
func TestStandings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		fraud, trusted := gossiptest.Key(t, 1_000_000).PubKey(), gossiptest.Key(t, 1_000_003).PubKey()
		cfg := gossip.Default()
		cfg.Every = time.Minute
		cfg.Standing = func(p identity.PubKey) (float64, bool) { return 0.5, p == fraud }
		for range 3 {
			w.add(t, cfg)
		}
		w.add(t, gossip.Default())
		pass(3 * time.Minute)
		for n, want := range map[int]bool{1: true, 2: true, 3: false} {
			if got := w.nodes[n].Score(fraud) < gossip.Graylist; got != want {
				t.Errorf("node %d: the fraud is graylisted: %v", n, got)
			}
		}
		if s := w.nodes[1].Score(w.nodes[2].host.ID()); s < 50 {
			t.Errorf("a good peer's score is %.0f", s)
		}
		if s := w.nodes[1].Stats(); s.Graylisted != 1 {
			t.Errorf("%+v", s)
		}
		cfg.Trusted = func() []identity.PubKey { return []identity.PubKey{trusted} }
		lone := w.nodes[3]
		last := &node{n: 4, set: &gossiptest.Set{}, used: &usage{}}
		var stopHost func()
		last.host, last.key, stopHost = w.startHost(t, last.n, nil)
		last.host.AddAddrs(trusted, lone.host.Addrs())
		last.start(t, cfg)
		last.quit = func() { last.stop(); stopHost() }
		w.nodes = append(w.nodes, last)
		d := gossiptest.Document(t, lone.key, gossiptest.Kept, time.Now(), 500)
		if _, err := lone.set.Add(d.Bytes(), trusted); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Minute)
		if !last.set.Has(d) {
			t.Error("no sync with a trusted peer")
		}
	})
}
