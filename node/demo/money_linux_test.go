package demo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// moneynet is a network of real nodes, one of which cheats, whose work costs so
// much a unit.
func moneynet(t *testing.T, price string) *testnet {
	t.Helper()
	dir := devnettest.Dir(t)
	n := &testnet{t: t, dir: dir, qs: questions(36)}
	n.net = devnettest.Up(t, devnet.Config{
		Dir: dir, Providers: 2, Cheaters: 1,
		ProviderArgs: []string{"--price", price}, CheaterArgs: []string{"--cheat", "wrong", "--price", price},
	})
	if err := writeQuestions(filepath.Join(dir, "prompts.jsonl"), n.qs); err != nil {
		t.Fatal(err)
	}
	return n
}

// paidIn submits the demo's job under another ceiling.
func (n *testnet) paidIn(most string) string {
	n.t.Helper()
	spec := strings.ReplaceAll(jobSpec(3), "payment: {rail: credit, max: 5000}", "payment: {max: "+most+"}")
	if !strings.Contains(spec, most) {
		n.t.Fatal("the demo's job names its ceiling otherwise")
	}
	j, err := n.client("client").Submit(n.t.Context(), api.SubmitRequest{Spec: spec, Dir: n.dir})
	if err != nil {
		n.t.Fatal(err)
	}
	return j.ID
}

var sellers = []string{"provider1", "provider2", "cheater1"}

// connect puts a wallet behind a rail of each node.
func (n *testnet) connect(name string, req api.ConnectRequest) {
	n.t.Helper()
	w, err := n.client(name).Connect(n.t.Context(), req)
	if err != nil || w.State != "ready" {
		n.t.Fatalf("%s: %+v, %v", name, w, err)
	}
}

func (n *testnet) wallet(name, rail string) api.Wallet {
	n.t.Helper()
	all, err := n.client(name).Wallets(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(w api.Wallet) bool { return w.Rail == rail })
	if i < 0 {
		n.t.Fatalf("%s has no rail %s: %+v", name, rail, all)
	}
	return all[i]
}

// agreed waits until journal, rails and receipts of all agree.
func (n *testnet) agreed() {
	n.t.Helper()
	for _, name := range append([]string{"client"}, sellers...) {
		var last []api.Reconciled
		n.await(name+" is reconciled", func() bool {
			var err error
			if last, err = n.client(name).Reconcile(n.t.Context()); err != nil {
				n.t.Fatal(err)
			}
			open := slices.ContainsFunc(last, func(r api.Reconciled) bool {
				return r.Error != "" || slices.ContainsFunc(r.Differences, func(d api.Difference) bool { return !d.Mended })
			})
			if open {
				n.t.Logf("%s: %+v", name, last)
			}
			return !open
		})
	}
}

// over waits for the end of a job of two results a shard and so much for each,
// and holds it and all before it against the books.
func (n *testnet) over(id, unit string, each uint64) api.Job {
	n.t.Helper()
	j := n.finish(id)
	if j.Cost.Unit != unit || j.Cost.Amount != 24*each {
		n.t.Errorf("it cost %+v", j.Cost)
	}
	return j
}

// lightning brings up a Lightning node for the client, with a channel to that of
// each seller. It is waited for by the function it returns.
func lightning(t *testing.T) func() *rig.Rig {
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
	var r *rig.Rig
	done := make(chan error, 1)
	go func() {
		var err error
		if r, err = rig.Start(t.Context(), rig.Config{Programs: programs, Dir: dir, Nodes: append([]string{"client"}, sellers...)}); err == nil {
			var all []rig.Wanted
			for _, l := range r.Nodes[1:] {
				all = append(all, rig.Wanted{From: r.Nodes[0], To: l, Sat: 1_000_000})
			}
			_, err = r.OpenAll(t.Context(), all...)
		}
		done <- err
	}()
	ended := sync.OnceValue(func() error { return <-done })
	t.Cleanup(func() {
		_ = ended() // nothing starts any more
		err := os.RemoveAll(dir)
		if r != nil {
			err = r.Remove()
		}
		if err != nil {
			t.Error(err)
		}
	})
	return func() *rig.Rig {
		t.Helper()
		if err := ended(); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// TestE2EMoneyLightning: the demo's job over real Lightning nodes; the client's
// node is killed in the middle, and what left its channels arrived, to the
// millisatoshi, nothing of it at the cheater.
func TestE2EMoneyLightning(t *testing.T) {
	upLightning := lightning(t)
	n := moneynet(t, "20 sat")
	r := upLightning()
	for _, l := range r.Nodes {
		req := api.ConnectRequest{Rail: "lightning", LND: l.Address(), Macaroon: l.MacaroonFile(), TLS: l.CertFile()}
		if l.Name == "client" {
			req.PerDay = "20000 sat"
		}
		n.connect(l.Name, req)
	}
	has := func() map[string]uint64 {
		out := map[string]uint64{}
		for _, l := range r.Nodes {
			b, err := l.Balance(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out[l.Name] = b.LocalMsat
		}
		return out
	}
	before := has()
	over := func(id string) api.Job { return n.over(id, "msat", 60_000) }
	id := n.paidIn("4000 sat")
	n.waitUntil(id, 2)
	n.killAndRestart("client")
	n.untilCaught(over(id), func() api.Job { return over(n.paidIn("4000 sat")) })
	n.await("all that left the client arrived", func() bool {
		now := has()
		spent := before["client"] - now["client"]
		earned := now["provider1"] - before["provider1"] + now["provider2"] - before["provider2"]
		return spent == n.paid && earned == spent && now["cheater1"] == before["cheater1"]
	})
	// Until the client's lnd was asked how a payment ended, the fees that it might
	// have cost count as spent.
	n.await("the day's ceiling counts what was paid and nothing else", func() bool {
		w := n.wallet("client", "lightning")
		return w.Owing.Amount == 0 && w.LeftToday.Amount == 20_000_000-n.paid
	})
	n.agreed()
}
