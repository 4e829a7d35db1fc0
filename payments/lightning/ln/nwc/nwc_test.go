package nwc_test

import (
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln/lntest"
	"infernet.tech/infernet/payments/lightning/ln/nwc"
	"infernet.tech/infernet/payments/lightning/ln/nwc/nwctest"
)

// world is a fake network with two wallets on a relay.
type world struct {
	relay        *nwctest.Relay
	net          *lntest.Net
	payer, payee *nwc.Node
	pays, takes  *nwctest.Wallet
}

func newWorld(t *testing.T, modern bool) *world {
	t.Helper()
	w := &world{relay: nwctest.NewRelay(), net: lntest.New(nil)}
	t.Cleanup(w.relay.Close)
	a, b := w.net.Node("payer"), w.net.Node("payee")
	w.net.Open(a, b, 500_000_000, 0)
	w.pays, w.takes = nwctest.NewWallet(w.relay, a, modern), nwctest.NewWallet(w.relay, b, modern)
	w.payer, w.payee = connect(t, w.pays), connect(t, w.takes)
	return w
}

func connect(t *testing.T, w *nwctest.Wallet) *nwc.Node {
	t.Helper()
	cfg, err := nwc.Parse(w.URI())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Timeout, cfg.Poll = 2*time.Second, 20*time.Millisecond
	n, err := nwc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, modern := range map[string]bool{"NIP-44": true, "NIP-04": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w *world
			lntest.Conformance(t, func(t *testing.T) lntest.Pair {
				w = newWorld(t, modern)
				return lntest.Pair{
					Payer: w.payer, Payee: w.payee, Patience: 20 * time.Second, Wallet: true,
					Stop:  func(testing.TB) { w.takes.Away(true) },
					Start: func(testing.TB) { w.takes.Away(false) },
				}
			})
			if err := w.net.Conserved(); err != nil {
				t.Error(err)
			}
		})
	}
}
