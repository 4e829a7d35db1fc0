package dht_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/dht/dhttest"
	"infernet.tech/infernet/p2p/identity"
)

func TestContentConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		dhttest.ContentConformance(t, func(_ *testing.T, n int) []dhttest.Holder {
			table := dhttest.NewNetwork()
			var out []dhttest.Holder
			for i := range n {
				id := identity.PubKey{byte(i + 1)}
				out = append(out, dhttest.Holder{ID: id, Contents: table.Router(id)})
			}
			return out
		})
	})
	t.Run("kademlia", func(t *testing.T) {
		dhttest.ContentConformance(t, func(t *testing.T, n int) []dhttest.Holder {
			var out []dhttest.Holder
			for _, x := range together(t, n) {
				out = append(out, dhttest.Holder{ID: x.host.ID(), Contents: x.dht})
			}
			return out
		})
	})
}

func things(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("root %d", i)
	}
	return out
}

// Content announced before anybody is there, found by newcomers, kept alive
// beyond the validity of its records, and forgotten when it is given no more.
func TestContentOverTime(t *testing.T) {
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, 1)
		defer s.stop()
		holder := s.nodes[0]
		if err := holder.dht.ProvideContent(things(50)); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			s.add(t)
		}
		pass(30 * time.Second)
		missing := func(n *node) (out int) {
			for _, ref := range things(50) {
				if got, err := n.dht.FindHolders(t.Context(), ref, 5); err != nil || len(got) != 1 || got[0] != holder.host.ID() {
					out++
				}
			}
			return out
		}
		for i, n := range s.nodes[1:] {
			if lost := missing(n); lost > 0 {
				t.Errorf("node %d does not find %d of 50 things", i+1, lost)
			}
		}
		// One thing less: its record ends with its time, the others are renewed.
		if err := holder.dht.ProvideContent(things(50)[:49]); err != nil {
			t.Fatal(err)
		}
		pass(dht.ProvideValidity + 20*time.Minute)
		if lost := missing(s.nodes[4]); lost != 1 {
			t.Errorf("%d of 50 things are gone, want the one", lost)
		}
	})
	t.Logf("took %s", time.Since(begun))
}
