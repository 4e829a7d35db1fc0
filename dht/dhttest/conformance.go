package dhttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p/identity"
)

// Node is one router and the key it announces.
type Node struct {
	ID     identity.PubKey
	Router dht.Router
}

// Conformance holds the contract of dht.Router against the routers that open
// returns: n of them, of one network, joined so that each can find each.
func Conformance(t *testing.T, open func(t *testing.T, n int) []Node) {
	t.Helper()
	nodes := open(t, 4)
	ctx := t.Context()
	for _, i := range []int{1, 2, 3} {
		keys := append([]dht.Key{dht.Any}, dht.VRAMKeys(uint64(i)*12e9)...)
		if err := nodes[i].Router.Provide(ctx, keys); err != nil {
			t.Fatalf("node %d: Provide: %v", i, err)
		}
	}
	for _, c := range []struct {
		node int
		key  dht.Key
		want []int
	}{
		{0, dht.Any, []int{1, 2, 3}},
		{0, "vram>=12", []int{1, 2, 3}},
		{0, "vram>=16", []int{2, 3}},
		{0, "vram>=24", []int{2, 3}},
		{0, "vram>=40", nil},
		{0, "model=nobody", nil},
		{2, dht.Any, []int{1, 3}}, // never itself
		{3, "vram>=24", []int{2}},
	} {
		foundInTime(t, nodes, c.node, c.key, c.want)
	}
	if got, err := nodes[0].Router.Find(ctx, dht.Any, 2); err != nil || len(got) != 2 {
		t.Errorf("Find with max 2 returned %d nodes, %v", len(got), err)
	}
	if err := nodes[1].Router.Provide(ctx, []dht.Key{dht.Any}); err != nil {
		t.Errorf("Provide again: %v", err)
	}
	refusals(t, nodes[0].Router)
}

// patience is how long a real network may take for what is announced to be
// found, on a machine that has much else to do.
const patience = 5 * time.Minute

// foundInTime waits until the wanted nodes are found: a lookup tells what it
// learnt in the time it has, and a node that lost its peers finds them again. A
// node that is not wanted is never found.
func foundInTime(t *testing.T, nodes []Node, asker int, k dht.Key, want []int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		got, err := nodes[asker].Router.Find(t.Context(), k, 10)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, dht.ErrAlone) {
			t.Fatalf("node %d: Find(%s): %v", asker, k, err)
		}
		missing := len(want)
		for n, p := range got {
			if !slices.ContainsFunc(want, func(i int) bool { return nodes[i].ID == p }) || slices.Contains(got[:n], p) {
				t.Fatalf("node %d: Find(%s) returned node %d among %d, want each of %v once", asker, k,
					slices.IndexFunc(nodes, func(o Node) bool { return o.ID == p }), len(got), want)
			}
			missing--
		}
		if err == nil && missing == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("node %d: Find(%s) returned %d nodes, want those of %v, %v", asker, k, len(got), want, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func refusals(t *testing.T, r dht.Router) {
	t.Helper()
	for _, k := range []dht.Key{"", "Upper", "with space", "a|b", "ä", dht.Key(strings.Repeat("x", dht.MaxKey+1))} {
		if _, err := r.Find(t.Context(), k, 1); !errors.Is(err, dht.ErrBadKey) {
			t.Errorf("Find(%.20q): %v, want ErrBadKey", k, err)
		}
		if err := r.Provide(t.Context(), []dht.Key{dht.Any, k}); !errors.Is(err, dht.ErrBadKey) {
			t.Errorf("Provide(%.20q): %v, want ErrBadKey", k, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Find(ctx, dht.Any, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Find after cancel: %v, want context.Canceled", err)
	}
	if err := r.Provide(ctx, []dht.Key{dht.Any}); !errors.Is(err, context.Canceled) {
		t.Errorf("Provide after cancel: %v, want context.Canceled", err)
	}
}
