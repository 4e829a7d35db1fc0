package gossip_test

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p"
)

// Over a relay there is sync and no gossip: what a hidden node hears and says
// goes by sessions, and is gossiped on from there.
func TestHiddenNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		relay, _, stopRelay := w.startHost(t, relayAt, func(c *p2p.Config) { c.RelayService = true })
		defer stopRelay()
		cfg := gossip.Default()
		cfg.Every = 2 * time.Minute
		client, third := w.add(t, cfg), w.add(t, cfg)

		hidden := &node{set: &gossiptest.Set{}}
		var stopHost func()
		hidden.host, hidden.key, stopHost = w.startHost(t, hiddenAt, func(c *p2p.Config) {
			c.NAT, c.Relays, c.Bootstrap = true, relay.Addrs(), relay.Addrs()
		}, libp2p.ForceReachabilityPrivate())
		defer stopHost()
		hidden.start(t, cfg)
		defer func() { hidden.stop() }()
		pass(time.Minute)
		at := slices.IndexFunc(hidden.host.Addrs(), func(a string) bool { return strings.Contains(a, "/p2p-circuit") })
		if at < 0 {
			t.Fatalf("no address through the relay: %v", hidden.host.Addrs())
		}
		early := third.publish(t)
		pass(10 * time.Second)
		if err := client.host.Connect(t.Context(), hidden.host.Addrs()[at]); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		late := client.publish(t)
		own := hidden.publish(t)
		pass(5 * time.Second)
		if hidden.set.Has(late) || client.set.Has(own) {
			t.Error("gossip went over a relay")
		}
		pass(2 * cfg.Every)
		if !hidden.set.Has(early) || !hidden.set.Has(late) {
			t.Error("the hidden node did not hear")
		}
		if !client.set.Has(own) || !third.set.Has(own) {
			t.Errorf("the hidden node was not heard: by its peer %v, by others %v", client.set.Has(own), third.set.Has(own))
		}
		if s := hidden.Stats(); s.Peers != 0 || s.Accepted != 0 || s.Synced != 2 {
			t.Errorf("hidden: %+v", s)
		}
		if s := third.Stats(); s.Accepted != 2 || s.Synced != 0 {
			t.Errorf("third, which has no session of its own with it: %+v", s)
		}
	})
}

// Run leaves no goroutine of gossipsub behind while its host, and its peers',
// go on; and the node can take part again.
func TestStopLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		for range 4 {
			w.add(t, gossip.Default())
		}
		pass(20 * time.Second)
		w.nodes[0].publish(t)
		for _, n := range w.nodes {
			n.stop()
		}
		synctest.Wait()
		buf := make([]byte, 16<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for _, g := range bytes.Split(buf, []byte("\n\n")) {
			if bytes.Contains(g, []byte("go-libp2p-pubsub.")) || bytes.Contains(g, []byte("gossip.(*Gossip)")) {
				t.Errorf("left behind:\n%s", g)
			}
		}
		for _, n := range w.nodes {
			n.start(t, gossip.Default())
		}
		pass(40 * time.Second)
		if s := w.nodes[1].Stats(); s.Peers != 3 {
			t.Errorf("again: %+v", s)
		}
	})
}
