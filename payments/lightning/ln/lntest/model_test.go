package lntest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
)

// line is a network of three in a row.
type line struct {
	net              *lntest.Net
	alice, bob, carl *lntest.Node
}

func newLine(t *testing.T) line {
	t.Helper()
	net := lntest.New(nil)
	l := line{net: net, alice: net.Node("alice"), bob: net.Node("bob"), carl: net.Node("carl")}
	net.Open(l.alice, l.bob, 1_000_000, 1_000_000)
	net.Open(l.bob, l.carl, 1_000_000, 1_000_000)
	t.Cleanup(func() {
		if err := net.Conserved(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l line) hold(t *testing.T, payee *lntest.Node, n byte) (ln.Preimage, ln.Invoice, ln.Payment, error) {
	t.Helper()
	p := ln.Preimage{n}
	inv, err := payee.CreateHold(t.Context(), ln.HoldSpec{Hash: p.Hash(), InvoiceSpec: ln.InvoiceSpec{AmountMsat: 10_000, Expiry: time.Hour, CLTVExpiry: 40}})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := l.alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 2000, Timeout: time.Second, Hold: true})
	return p, inv, sent, err
}

func state(t *testing.T, n *lntest.Node, hash ln.Hash) ln.State {
	t.Helper()
	p, err := n.Track(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	return p.State
}

func TestForwardedFee(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	p, inv, sent, err := l.hold(t, l.carl, 1)
	if err != nil || sent.ExpiryHeight != l.net.Height()+40+3+80 {
		t.Fatalf("Pay = %+v, %v at block %d", sent, err, l.net.Height())
	}
	if err := l.carl.Settle(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got, err := l.alice.Track(t.Context(), inv.Hash)
	if err != nil || got.State != ln.Succeeded || got.FeeMsat != 1000 || got.Preimage != p {
		t.Errorf("Track = %+v, %v", got, err)
	}
	if b, _ := l.bob.Balance(t.Context()); b.LocalMsat != 2_001_000 {
		t.Errorf("the node between has %d", b.LocalMsat)
	}
}

// TestDeadPastExpiry: nobody resolves what is held; the payer has it back on
// chain, at the price of the channel.
func TestDeadPastExpiry(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	p, inv, _, err := l.hold(t, l.bob, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.bob.Stop()
	l.net.Mine(42)
	if s := state(t, l.alice, inv.Hash); s != ln.InFlight || l.net.Forced() != 0 {
		t.Errorf("a block before: %s, %d forced", s, l.net.Forced())
	}
	l.net.Mine(1)
	if s := state(t, l.alice, inv.Hash); s != ln.Failed || l.net.Forced() != 1 {
		t.Errorf("at the block: %s, %d forced", s, l.net.Forced())
	}
	l.bob.Start()
	if err := l.bob.Settle(t.Context(), p); !errors.Is(err, ln.ErrCanceled) {
		t.Errorf("Settle after it: %v", err)
	}
}

// TestSettledAlone: the payee settles while the payer is away for ever, and
// claims on chain in time.
func TestSettledAlone(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	p, inv, _, err := l.hold(t, l.bob, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.alice.Stop()
	if err := l.bob.Settle(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.net.Mine(60)
	l.alice.Start()
	if s := state(t, l.alice, inv.Hash); s != ln.Succeeded || l.net.Forced() != 1 {
		t.Errorf("%s, %d forced", s, l.net.Forced())
	}
}

// TestStuck: a node between takes the money and does nothing. It comes back with
// the block.
func TestStuck(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.bob.Stick(true)
	_, inv, sent, err := l.hold(t, l.carl, 1)
	if err != nil || sent.State != ln.InFlight {
		t.Fatalf("Pay = %+v, %v", sent, err)
	}
	if s, err := l.carl.Lookup(t.Context(), inv.Hash); err != nil || s.State != ln.Open {
		t.Errorf("Lookup = %+v, %v", s, err)
	}
	l.net.Mine(int(sent.ExpiryHeight - l.net.Height()))
	if s := state(t, l.alice, inv.Hash); s != ln.Failed {
		t.Errorf("after its block: %s", s)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	channels, err := l.alice.Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.net.Slots(channels[0].Point, 2)
	for n := byte(1); n <= 3; n++ {
		_, _, _, err := l.hold(t, l.bob, n)
		if full := n == 3; full != errors.Is(err, ln.ErrFailed) {
			t.Errorf("hold %d: %v", n, err)
		}
	}
}

// TestHook: an error before has no effect, one after does not undo it.
func TestHook(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	inv, err := l.bob.CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	pay := ln.PaySpec{Bolt11: inv.Bolt11, Timeout: time.Second}
	for _, after := range []bool{false, true} {
		l.alice.Intercept(func(_ context.Context, call string, done bool) error {
			if call == "Pay" && done == after {
				return ln.ErrInFlight
			}
			return nil
		})
		if _, err := l.alice.Pay(t.Context(), pay); !errors.Is(err, ln.ErrInFlight) {
			t.Errorf("after %v: %v", after, err)
		}
		_, err := l.alice.Track(t.Context(), inv.Hash)
		if sent := err == nil; sent != after {
			t.Errorf("after %v: Track = %v", after, err)
		}
	}
	l.alice.Intercept(nil)
	l.alice.Limit(ln.CanReceive)
	if _, err := l.alice.Pay(t.Context(), pay); !errors.Is(err, ln.ErrUnsupported) {
		t.Errorf("Pay without the ability: %v", err)
	}
}
