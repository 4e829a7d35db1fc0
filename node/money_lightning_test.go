package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// lnds brings up real Lightning nodes, the first with a channel to each other.
func lnds(t *testing.T, names ...string) *rig.Rig {
	t.Helper()
	programs, err := rig.Find()
	if errors.Is(err, rig.ErrNoPrograms) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "infernet-rig")
	if err != nil {
		t.Fatal(err)
	}
	r, err := rig.Start(t.Context(), rig.Config{Programs: programs, Dir: dir, Nodes: names})
	if err != nil {
		t.Fatal(err, os.RemoveAll(dir))
	}
	t.Cleanup(func() {
		if err := r.Remove(); err != nil {
			t.Error(err)
		}
	})
	var all []rig.Wanted
	for _, to := range r.Nodes[1:] {
		all = append(all, rig.Wanted{From: r.Nodes[0], To: to, Sat: 1_000_000})
	}
	if _, err := r.OpenAll(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	return r
}

func onLightning(t *testing.T, m *nodetest.Member, l *rig.Node, perDay string) api.Wallet {
	t.Helper()
	w, err := m.API().Connect(t.Context(), api.ConnectRequest{
		Rail: "lightning", LND: l.Address(), Macaroon: l.MacaroonFile(), TLS: l.CertFile(), PerDay: perDay,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sats has a member ask so many millisatoshi for a unit of work.
func sats(msat uint64) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Config.Provider.Prices = []payments.Amount{{Value: msat, Unit: payments.MilliSat}}
	}
}

// A job with a cheater, paid over real Lightning nodes: what left the client's
// channels is in the providers', to the millisatoshi, and the cheater has
// nothing.
func TestE2ELightningJob(t *testing.T) {
	r := lnds(t, "client", "one", "two", "three")
	c := nodetest.New(t)
	var providers []*nodetest.Member
	for _, name := range []string{"one", "two"} {
		p := c.Add(name, node.RoleProvider, sats(5000))
		onLightning(t, p, r.Node(name), "")
		providers = append(providers, p)
	}
	liar := c.Add("three", node.RoleProvider, sats(5000), cheat)
	onLightning(t, liar, r.Node("three"), "")
	client := c.Add("client", node.RoleClient)
	w := onLightning(t, client, r.Node("client"), "5000 sat")
	if w.State != "ready" || w.Network != "simnet" || w.LeftToday.Amount != 5_000_000 {
		t.Errorf("%+v", w)
	}
	before := balances(t, r)

	dir, name := nodetest.Lines(t, 100)
	text := strings.ReplaceAll(spec, "payment: {rail: credit, max: 1000}", "payment: {max: 4000 sat}")
	j, runs := cheated(t, client, liar, fmt.Sprintf(text, "upper", nodetest.Image(t), name), dir)
	if j.State != "done" || j.Shards.OK != 10 {
		t.Fatalf("job is %s: %s %s\n%+v\n%s", j.State, j.Reason, j.Hint, j.Shards, client.History(j.ID))
	}
	if len(j.Cheaters) != 1 || j.Cheaters[0].NPub != liar.NPub() || j.Cheaters[0].PaidForWrong != 0 {
		t.Errorf("cheaters: %+v", j.Cheaters)
	}
	// Twenty good results of ten units at 5 sat each.
	if j.Cost.Amount != 1_000_000 || j.Cost.Unit != "msat" {
		t.Errorf("it cost %+v", j.Cost)
	}
	nodetest.Predicate(t, 60*time.Second, "invoices cover all that was earned", func() bool {
		return wallet(t, client, "lightning").Owing.Amount == 0
	})
	// The last HTLC leaves a channel a moment after it was settled.
	nodetest.Predicate(t, 30*time.Second, "all that left the client arrived, and the cheater has nothing", func() bool {
		after := balances(t, r)
		spent, earned := before["client"]-after["client"], after["one"]-before["one"]+after["two"]-before["two"]
		return spent == runs*1_000_000 && earned == spent && after["three"] == before["three"]
	})
	for _, m := range append(providers, client, liar) {
		reconciled(t, m)
	}
	closes(t, r, client)
}

// closes has a member close its Lightning channels, the first by force since its
// other side is away and the others together with theirs, until its coins are on
// chain.
func closes(t *testing.T, r *rig.Rig, m *nodetest.Member) {
	t.Helper()
	list := func() []api.MoneyChannel {
		t.Helper()
		all, err := m.API().Channels(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all, had := list(), wallet(t, m, "lightning")
	if len(all) != len(r.Nodes)-1 {
		t.Fatalf("%+v", all)
	}
	away(t, r, all[0].Peer)
	nodetest.Predicate(t, 30*time.Second, "one is known to be away", func() bool {
		return slices.ContainsFunc(list(), func(ch api.MoneyChannel) bool { return ch.ID == all[0].ID && ch.State == "open, peer away" })
	})
	refused(t, m, api.CloseRequest{Channel: all[0].ID}, "--force "+all[0].ID)
	for i, ch := range all {
		want := "closing"
		if i == 0 {
			want = "force closing"
		}
		// The last HTLC leaves a channel a moment after it was settled.
		nodetest.NoError(t, 30*time.Second, func() error {
			now, err := m.API().Close(t.Context(), api.CloseRequest{Channel: ch.ID, Force: i == 0})
			if err == nil && now.State != want {
				t.Fatalf("%+v, want %s", now, want)
			}
			return err
		})
		refused(t, m, api.CloseRequest{Channel: ch.ID}, "confirmed")
	}
	nodetest.Predicate(t, 30*time.Second, "all are closing, one by force", func() bool {
		states := map[string]int{}
		for _, ch := range list() {
			states[ch.State]++
		}
		return states["force closing"] == 1 && states["closing"] == len(all)-1
	})
	nodetest.Predicate(t, 60*time.Second, "none is left", func() bool {
		if err := r.Mine(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		return len(list()) == 0
	})
	const fees = 50_000_000 // msat, of the chain
	now := wallet(t, m, "lightning")
	if now.Spendable.Amount != 0 || now.OnChain.Amount+fees < had.OnChain.Amount+had.Spendable.Amount {
		t.Errorf("%+v\nthen %+v", had, now)
	}
}

// away kills the Lightning node of that key.
func away(t *testing.T, r *rig.Rig, key string) {
	t.Helper()
	for _, n := range r.Nodes {
		info, err := n.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.PubKey.String() == key {
			n.Kill()
			return
		}
	}
	t.Fatalf("no node has the key %s", key)
}

// refused requires that a channel is not closed, and a hint that helps.
func refused(t *testing.T, m *nodetest.Member, req api.CloseRequest, hint string) {
	t.Helper()
	var coded *api.Error
	_, err := m.API().Close(t.Context(), req)
	if !errors.As(err, &coded) || coded.Code != api.CodeConflict || !strings.Contains(coded.Hint, hint) {
		t.Errorf("Close(%+v) = %v (%+v), want a hint with %q", req, err, coded, hint)
	}
}

// balances are what the Lightning nodes have in their channels, in msat.
func balances(t *testing.T, r *rig.Rig) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	for _, n := range r.Nodes {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		b, err := n.Balance(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		out[n.Name] = b.LocalMsat
	}
	return out
}
