package lnd_test

import (
	"context"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln/lntest"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// patience is how long a state may take on a machine that is busy.
const patience = 5 * time.Minute

// pair brings up alice, who has a channel of a million satoshi to bob.
func pair(t *testing.T, names ...string) *rig.Rig {
	t.Helper()
	programs, err := rig.Find()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r, err := rig.Start(ctx, rig.Config{Programs: programs, Dir: t.TempDir(), Nodes: append([]string{"alice", "bob"}, names...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if _, err := r.Open(ctx, r.Node("alice"), r.Node("bob"), 1_000_000, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	r := pair(t)
	alice, bob := r.Node("alice"), r.Node("bob")
	lntest.Conformance(t, func(t *testing.T) lntest.Pair {
		return lntest.Pair{
			Payer: alice, Payee: bob, Patience: patience,
			Mine: func(t testing.TB, blocks int) { must(t, r.Mine(t.Context(), blocks)) },
			Stop: func(testing.TB) { bob.Kill() },
			Start: func(t testing.TB) {
				must(t, bob.Start(t.Context()))
				must(t, alice.Active(t.Context()))
			},
		}
	})
}
