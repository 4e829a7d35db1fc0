package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/chaintest"
)

// paying has a member's own requests be paid on that rail.
func paying(rail string) func(*nodetest.Member) {
	return func(m *nodetest.Member) { m.Config.Pay = rail }
}

// selling has a member ask so much of a unit for a million tokens.
func selling(in, out uint64, unit payments.Unit) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Config.Provider.Models.PricesIn = []payments.Amount{{Value: in, Unit: unit}}
		m.Config.Provider.Models.PricesOut = []payments.Amount{{Value: out, Unit: unit}}
	}
}

// conversed asks so often and returns what all of it cost, which is paid.
func conversed(t *testing.T, client *nodetest.Member, times int, unit string) (spent uint64) {
	t.Helper()
	for range times {
		if a := answered(t, client, chat("demo", "one two three @repeat=60")); len(strings.Fields(a.text)) != 60 {
			t.Fatalf("%+v", a)
		}
	}
	nodetest.Predicate(t, 20*time.Second, "all windows are paid", func() bool {
		spent = 0
		for _, l := range leases(t, client) {
			if l.Unit != unit || l.State == "disputed" {
				t.Fatalf("%+v", l)
			}
			if l.Paid != l.Spent || l.Active > 0 {
				return false
			}
			spent += l.Spent
		}
		return spent > 0
	})
	return spent
}

// Without a wallet a request says how to get one. With it a lease is agreed, a
// channel opened, and its vouchers cover what the tokens cost, to the millionth.
func TestPolygonInference(t *testing.T) {
	t.Parallel()
	chain := chaintest.Start(t)
	chain.Instant(200 * time.Millisecond)
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"), selling(10_000_000, 30_000_000, payments.MicroUSDC))
	onPolygon(t, p, chain, 1, "")
	client := c.Add("client", node.RoleClient, soon(), paying("polygon"))

	a, err := ask(t.Context(), client, chat("demo", "hello"))
	if err != nil || a.status != http.StatusPaymentRequired || a.failure.Code != "no_wallet" ||
		a.failure.Message != "no wallet is connected for rail polygon: infernet wallet connect polygon" {
		t.Errorf("without a wallet: %+v, %v", a, err)
	}
	onPolygon(t, client, chain, 0, "10 USDC")
	spent := conversed(t, client, 3, "uusdc")
	if spent < 3*60*30 {
		t.Errorf("180 tokens cost %d", spent)
	}
	nodetest.Predicate(t, 20*time.Second, "vouchers cover all that was earned", func() bool {
		return channels(t, p).promised == spent
	})
	held := channels(t, client)
	if left := chain.Balance(chain.Address(0)); held.promised != spent || held.capacity == 0 || left+held.capacity != 1_000_000_000_000 {
		t.Errorf("%d spent; %+v in channels, %d left", spent, held, left)
	}
	for _, e := range outgoing(t, client) {
		if e.Rail == "credit" {
			t.Errorf("paid on credit: %+v", e)
		}
	}
	list, err := client.API().Providers(t.Context(), api.ProviderQuery{Model: "demo"})
	if err != nil || len(list.Providers) != 1 || list.Providers[0].Serves[0].Unit != "uusdc" || list.Providers[0].Serves[0].Out != 30_000_000 {
		t.Errorf("%+v, %v", list, err)
	}
	for _, m := range []*nodetest.Member{client, p} {
		reconciled(t, m)
	}
}

// The same over real Lightning nodes: what left the client's channel is in the
// provider's, to the millisatoshi.
func TestE2ELightningInference(t *testing.T) {
	r := lnds(t, "client", "one")
	c := nodetest.New(t)
	p := c.Add("one", node.RoleProvider, nodetest.Serving("demo"), selling(100_000_000, 300_000_000, payments.MilliSat))
	onLightning(t, p, r.Node("one"), "")
	client := c.Add("client", node.RoleClient, soon(), paying("lightning"))
	onLightning(t, client, r.Node("client"), "5000 sat")
	before := balances(t, r)
	spent := conversed(t, client, 4, "msat")
	if spent < 4*60*300 {
		t.Errorf("240 tokens cost %d", spent)
	}
	nodetest.Predicate(t, 60*time.Second, "invoices cover all that was earned", func() bool {
		return wallet(t, client, "lightning").Owing.Amount == 0
	})
	nodetest.Predicate(t, 30*time.Second, "all that left the client arrived", func() bool {
		after := balances(t, r)
		return before["client"]-after["client"] == spent && after["one"]-before["one"] == spent
	})
	for _, m := range []*nodetest.Member{client, p} {
		reconciled(t, m)
	}
}
