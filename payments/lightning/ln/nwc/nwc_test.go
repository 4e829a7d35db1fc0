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
	w.payer, w.payee = connect(t, w.pays, patience), connect(t, w.takes, patience)
	return w
}

// patience is how long a wallet that answers may take, on a machine that is busy;
// silence is how long one is waited for that does not.
const (
	patience = time.Minute
	silence  = time.Second
)

func connect(t *testing.T, w *nwctest.Wallet, limit time.Duration) *nwc.Node {
	t.Helper()
	cfg, err := nwc.Parse(w.URI())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Timeout, cfg.Poll = limit, 20*time.Millisecond
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
					Payer: w.payer, Payee: w.payee, Dead: connect(t, w.takes, silence), Patience: patience, Wallet: true,
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
