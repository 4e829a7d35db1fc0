package dht_test

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

// simulation is a network of real hosts whose packets and clock are simulated.
// It runs inside a synctest bubble.
type simulation struct {
	net   *simnet.Simnet
	nodes []*node
	// parted drops what crosses between the lower half and the rest.
	parted atomic.Bool
}

const simLatency = 20 * time.Millisecond

func simulate(t *testing.T, n int) *simulation {
	t.Helper()
	s := &simulation{}
	s.net = &simnet.Simnet{LatencyFunc: func(p *simnet.Packet) time.Duration {
		if s.parted.Load() && s.side(p.From) != s.side(p.To) {
			return 1000 * time.Hour // beyond the end of any test
		}
		return simLatency
	}}
	s.net.Start()
	for range n {
		s.add(t)
	}
	return s
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

func (s *simulation) side(a net.Addr) bool {
	udp, ok := a.(*net.UDPAddr)
	return ok && udp.IP.To4()[3] < 7
}

func (s *simulation) add(t *testing.T) *node {
	t.Helper()
	return s.addAs(t, dht.Default())
}

func (s *simulation) addAs(t *testing.T, dcfg dht.Config) *node {
	t.Helper()
	ip := simnet.IntToPublicIPv4(len(s.nodes))
	cfg := p2p.Default("test")
	cfg.MDNS, cfg.NAT = false, false
	cfg.Listen = []string{fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", ip)}
	if len(s.nodes) > 0 {
		cfg.Bootstrap = s.nodes[0].host.Addrs()
	}
	dcfg.MaxPerIPGroup = 0 // the simulated addresses are neighbours
	link := simnet.NodeBiDiLinkSettings{
		Downlink: simnet.LinkSettings{BitsPerSecond: 50 * simlibp2p.OneMbps},
		Uplink:   simnet.LinkSettings{BitsPerSecond: 50 * simlibp2p.OneMbps},
	}
	n := start(t, cfg, dcfg, libp2p.DisableIdentifyAddressDiscovery(), simlibp2p.QUICSimnet(s.net, link))
	s.nodes = append(s.nodes, n)
	return n
}

func (s *simulation) stop() {
	for _, n := range s.nodes {
		n.stop()
	}
	s.net.Close()
	synctest.Wait()
}

// records is how many the table itself has, without offers being asked for.
func (n *node) records(t *testing.T, k dht.Key, of identity.PubKey) int {
	t.Helper()
	got, err := n.dht.Find(t.Context(), k, 50)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, p := range got {
		if p == of {
			count++
		}
	}
	return count
}

func TestSimulatedNetwork(t *testing.T) {
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, 15)
		defer s.stop()
		big, small, client := s.nodes[5], s.nodes[6], s.nodes[12]
		big.provide(t, 24e9, dht.Any, "vram>=16", "vram>=24")
		small.provide(t, 8e9, dht.Any)
		pass(10 * time.Second)

		for _, c := range []struct {
			key  dht.Key
			want int
		}{{dht.Any, 2}, {"vram>=16", 1}, {"vram>=24", 1}, {"vram>=40", 0}} {
			if err := client.search(t.Context(), c.want, c.key); err != nil {
				t.Error(err)
			}
		}
		if got := client.records(t, "vram>=16", big.host.ID()); got != 1 {
			t.Errorf("%d records of the 24 GB provider", got)
		}
		if got := client.records(t, "vram>=40", big.host.ID()); got != 0 {
			t.Errorf("%d records at a rung it does not reach", got)
		}

		// Killed: gone from searches at once, from the table within its time.
		big.stop()
		pass(2 * time.Minute) // cached offers end
		if err := client.search(t.Context(), 0, "vram>=16"); err != nil {
			t.Errorf("killed provider: %v", err)
		}
		pass(dht.ProvideValidity)
		if got := client.records(t, "vram>=16", big.host.ID()); got != 0 {
			t.Error("a record outlives its time")
		}
		if got := client.records(t, dht.Any, small.host.ID()); got != 1 {
			t.Error("the living provider's record was not renewed")
		}
	})
	t.Logf("took %s", time.Since(begun))
}

// What a provider changes is seen at once by who does not rely on what is
// remembered, and by a program that starts, asks once and ends.
func TestChangedOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, 5)
		defer s.stop()
		provider, client := s.nodes[2], s.nodes[4]
		provider.provide(t, 24e9)
		pass(10 * time.Second)
		if err := client.search(t.Context(), 1, "vram>=24"); err != nil {
			t.Fatal(err)
		}
		changed := offer(24e9)
		changed.Slots = 7
		if err := provider.dht.SetOffer(changed); err != nil {
			t.Fatal(err)
		}
		slots := func(n *node, newer time.Duration, want uint32) {
			t.Helper()
			got, err := n.dht.Search(t.Context(), dht.Query{Keys: []dht.Key{"vram>=24"}, Newer: newer})
			if err != nil || len(got) != 1 || got[0].Offer.Slots != want {
				t.Errorf("newer than %v: %+v, %v", newer, got, err)
			}
		}
		slots(client, 0, 2)
		slots(client, time.Nanosecond, 7)

		cfg := dht.Default()
		cfg.Client = true
		short := s.addAs(t, cfg)
		begun := time.Now()
		slots(short, 0, 7)
		if took := time.Since(begun); took > cfg.JoinWait {
			t.Errorf("the first search of a new node took %s", took)
		} else {
			t.Logf("first search after %s", took)
		}
	})
}

func TestPartitionHeals(t *testing.T) {
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, 12)
		defer s.stop()
		left, right := s.nodes[2], s.nodes[9]
		left.provide(t, 0, dht.Any)
		pass(10 * time.Second)
		if err := right.search(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		s.parted.Store(true)
		pass(10 * time.Minute)
		for _, p := range right.host.Peers() {
			if p.Peer == left.host.ID() || p.Peer == s.nodes[0].host.ID() {
				t.Error("a connection outlives the partition")
			}
		}
		if err := right.search(t.Context(), 0); err != nil && !errors.Is(err, dht.ErrAlone) {
			t.Errorf("parted: %v", err)
		}
		s.parted.Store(false)
		// The bootstrap peer is dialled at least every five minutes and a half.
		pass(8 * time.Minute)
		if err := right.search(t.Context(), 1); err != nil {
			t.Errorf("healed: %v", err)
		}
		if got := right.records(t, dht.Any, left.host.ID()); got != 1 {
			t.Error("healed, but the record is not found")
		}
	})
	t.Logf("took %s", time.Since(begun))
}
