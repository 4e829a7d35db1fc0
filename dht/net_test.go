package dht_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/dht/dhttest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"

	"github.com/libp2p/go-libp2p"
)

// node is a host and its part in the table, running.
type node struct {
	host *p2p.Host
	dht  *dht.DHT
	stop func()
}

func start(t *testing.T, cfg p2p.Config, dcfg dht.Config, opts ...libp2p.Option) *node {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	h, err := p2p.New(cfg, key, nil, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dht.New(dcfg, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	dctx, dcancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	hostDone := make(chan struct{})
	wg.Go(func() {
		defer close(hostDone)
		if err := h.Run(ctx); err != nil {
			t.Errorf("host: %v", err)
		}
	})
	dhtDone := make(chan struct{})
	wg.Go(func() {
		defer close(dhtDone)
		if err := d.Run(dctx); err != nil {
			t.Errorf("dht: %v", err)
		}
	})
	select {
	case <-d.Ready():
	case <-hostDone:
		t.Fatal("host did not start")
	}
	stop := sync.OnceFunc(func() { dcancel(); <-dhtDone; cancel(); wg.Wait() })
	return &node{h, d, stop}
}

// provide makes the node a provider with one card of so many bytes.
func (n *node) provide(t *testing.T, vram uint64, keys ...dht.Key) {
	t.Helper()
	o := offer(vram)
	if err := n.dht.SetOffer(o); err != nil {
		t.Fatal(err)
	}
	if len(keys) == 0 {
		keys = dht.OfferKeys(o)
	}
	if err := n.dht.SetKeys(keys); err != nil {
		t.Fatal(err)
	}
}

func offer(vram uint64) wire.ProviderOffer {
	o := wire.ProviderOffer{
		Network: "test", Isolation: []string{"runc"}, Rails: []string{"credit"}, Slots: 2,
		Hardware: wire.Hardware{OS: "linux", Arch: "amd64", Cores: 4, MemoryBytes: 8 << 30, DiskBytes: 1 << 40},
	}
	if vram > 0 {
		o.Hardware.GPUs = []wire.GPU{{Name: "card", VRAMBytes: vram}}
	}
	return o
}

// settings of a node on loopback; boot is where it joins.
func loopback(boot ...string) p2p.Config {
	c := p2p.Default("test")
	c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	c.MDNS = false
	c.Bootstrap = boot
	return c
}

// patience is how long something may take that must happen.
const patience = 5 * time.Minute

// patient are the settings of a node on a machine that has much else to do: it
// gives nothing up that a test asks for once.
func patient() dht.Config {
	c := dht.Default()
	c.FindTimeout, c.FetchTimeout, c.JoinWait = patience, patience, patience
	return c
}

// eventually waits for a condition of the real network.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-tick.C:
		}
	}
}

func (n *node) search(ctx context.Context, want int, keys ...dht.Key) error {
	got, err := n.dht.Search(ctx, dht.Query{Keys: keys})
	if err != nil {
		return err
	}
	if len(got) != want {
		return fmt.Errorf("found %d providers of %v, want %d", len(got), keys, want)
	}
	return nil
}

// Five nodes that know nobody but the first find each other at once.
func TestSmallNetwork(t *testing.T) {
	boot := start(t, loopback(), patient())
	defer boot.stop()
	var nodes []*node
	for i := range 4 {
		n := start(t, loopback(boot.host.Addrs()...), patient())
		defer n.stop()
		if i < 3 {
			n.provide(t, uint64(i)*12e9)
		}
		nodes = append(nodes, n)
	}
	begun := time.Now()
	client := nodes[3]
	eventually(t, "client finds everybody", func() error { return client.search(t.Context(), 3) })
	t.Logf("everybody found after %s", time.Since(begun))
	eventually(t, "everybody in the table", func() error {
		got, err := client.dht.Find(t.Context(), dht.Any, 10)
		if err == nil && len(got) != 3 {
			err = fmt.Errorf("%d of 3 records", len(got))
		}
		return err
	})
	t.Logf("everybody in the table after %s", time.Since(begun))
	if err := client.search(t.Context(), 1, "vram>=24"); err != nil {
		t.Error(err)
	}
	var dropped sync.Map
	_, err := client.dht.Search(t.Context(), dht.Query{Keys: []dht.Key{"vram>=40"}, OnDrop: func(p identity.PubKey, _ dht.Via, why error) { dropped.Store(p, why) }})
	if err != nil {
		t.Fatal(err)
	}
	if why, _ := dropped.Load(nodes[2].host.ID()); why == nil || !errors.Is(why.(error), dht.ErrNoMatch) {
		t.Errorf("the 24 GB provider was dropped for %v", why)
	}
	// A program that starts, asks once and ends.
	cfg := patient()
	cfg.Client = true
	short := start(t, loopback(boot.host.Addrs()...), cfg)
	defer short.stop()
	if err := short.search(t.Context(), 3); err != nil {
		t.Errorf("first search of a new node: %v", err)
	}
}

func TestFetchOfferRefusesLies(t *testing.T) {
	boot := start(t, loopback(), patient())
	defer boot.stop()
	liar := start(t, loopback(boot.host.Addrs()...), patient())
	defer liar.stop()
	other, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	send := make(chan []byte, 1)
	liar.host.Handle(p2p.ProtoOffer, p2p.StreamLimits{}, func(_ context.Context, s *p2p.Stream) { _, _ = s.Write(<-send) })
	sealed := func(k *identity.Key, network string, at time.Time) []byte {
		o := offer(0)
		o.Network = network
		ev, err := wire.Seal(k, o, at)
		if err != nil {
			t.Fatal(err)
		}
		return frame(t, ev)
	}
	own, now := liar.host.Key(), time.Now()
	eventually(t, "connection", func() error {
		if len(boot.host.Peers()) == 0 {
			return errors.New("no peer")
		}
		return nil
	})
	for name, raw := range map[string][]byte{
		"another author":  sealed(other, "test", now),
		"another network": sealed(own, "main", now),
		"an hour old":     sealed(own, "test", now.Add(-time.Hour)),
		"tomorrow's":      sealed(own, "test", now.Add(24*time.Hour)),
	} {
		send <- raw
		if _, _, err := boot.dht.FetchOffer(t.Context(), liar.host.ID()); !errors.Is(err, dht.ErrBadOffer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	send <- sealed(own, "test", now)
	if ps := boot.host.Peers(); len(ps) != 1 || ps[0].Penalty < 70 {
		t.Errorf("penalty: %+v", ps)
	}
	if _, _, err := boot.dht.FetchOffer(t.Context(), liar.host.ID()); err != nil {
		t.Errorf("an honest offer: %v", err)
	}
	for range 2 {
		send <- []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x7f") // a length of 2^63
		if _, _, err := boot.dht.FetchOffer(t.Context(), liar.host.ID()); !errors.Is(err, dht.ErrBadOffer) {
			t.Errorf("endless length: %v", err)
		}
	}
	eventually(t, "the liar is barred", func() error {
		if n := len(boot.host.Peers()); n != 0 {
			return fmt.Errorf("%d peers", n)
		}
		return nil
	})
}

func frame(t *testing.T, ev wire.Event) []byte {
	t.Helper()
	var b writer
	if err := wire.WriteEvent(&b, ev); err != nil {
		t.Fatal(err)
	}
	return b
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		dhttest.Conformance(t, func(_ *testing.T, n int) []dhttest.Node {
			table := dhttest.NewNetwork()
			var out []dhttest.Node
			for i := range n {
				id := identity.PubKey{byte(i + 1)}
				out = append(out, dhttest.Node{ID: id, Router: table.Router(id)})
			}
			return out
		})
	})
	t.Run("kademlia", func(t *testing.T) {
		dhttest.Conformance(t, func(t *testing.T, n int) []dhttest.Node {
			var out []dhttest.Node
			for _, x := range together(t, n) {
				out = append(out, dhttest.Node{ID: x.host.ID(), Router: x.dht})
			}
			return out
		})
	})
}

// together starts n nodes that know each other.
func together(t *testing.T, n int) []*node {
	t.Helper()
	var nodes []*node
	for range n {
		var boot []string
		if len(nodes) > 0 {
			boot = nodes[0].host.Addrs()
		}
		x := start(t, loopback(boot...), patient())
		t.Cleanup(x.stop)
		nodes = append(nodes, x)
	}
	eventually(t, "everybody knows everybody", func() error {
		for i, x := range nodes {
			if x.dht.Size() != n-1 {
				return fmt.Errorf("node %d knows %d", i, x.dht.Size())
			}
		}
		return nil
	})
	return nodes
}
