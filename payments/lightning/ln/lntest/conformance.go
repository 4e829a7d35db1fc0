package lntest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Pair is two nodes with one direct channel between them, with enough on the
// payer's side for the suite: 200,000 sat.
type Pair struct {
	Payer, Payee ln.Node
	// Dead is the payee's node for calls while it is stopped, where Payee would
	// wait long for an answer; nil: Payee.
	Dead ln.Node
	// Mine adds blocks and returns when both nodes have seen them.
	Mine func(t testing.TB, blocks int)
	// Stop kills the payee's node without warning, Start brings it back and
	// returns when it serves and its channel is active. Nil where that cannot be
	// done.
	Stop, Start func(t testing.TB)
	// Wallet says that the driver sees a wallet and not its node: no HTLCs and
	// the heights they expire at, nor why a payment failed.
	Wallet bool
	// Patience is how long a state that must come may take.
	Patience time.Duration
}

// Factory makes a pair for one test.
type Factory func(t *testing.T) Pair

// Conformance holds a driver to what package ln promises. The parts run one
// after the other on one pair.
func Conformance(t *testing.T, pair Factory) {
	s := &suite{Pair: pair(t)}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"info", s.info},
		{"ordinary invoice", s.ordinary},
		{"hold settled", s.settled},
		{"hold canceled", s.canceled},
		{"settle refused", s.settleRefused},
		{"unknown", s.unknown},
		{"out of range", s.amounts},
		{"expired", s.expired},
		{"fee limit", s.limits},
		{"subscribe", s.subscribe},
		{"pay waits", s.waits},
		{"gives up in doubt", s.doubt},
		{"killed while accepted", s.killed},
		{"given back before expiry", s.givenBack},
	} {
		if !t.Run(part.name, part.run) {
			return // what follows would only echo it
		}
	}
}

type suite struct {
	Pair
	can ln.Ability
}

func (s *suite) ctx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), s.Patience)
	t.Cleanup(cancel)
	return ctx
}

// secret draws a preimage.
func secret() (p ln.Preimage) {
	rand.Read(p[:])
	return p
}

const someMsat = 123_456

// hold makes a hold invoice of the payee's on a fresh hash.
func (s *suite) hold(t testing.TB, blocks uint32) (ln.Preimage, ln.Invoice) {
	t.Helper()
	p := secret()
	inv, err := s.Payee.CreateHold(s.ctx(t), ln.HoldSpec{
		InvoiceSpec: ln.InvoiceSpec{AmountMsat: someMsat, DescriptionHash: ln.Hash{7}, Expiry: time.Hour, CLTVExpiry: blocks},
		Hash:        p.Hash(),
	})
	if err != nil {
		t.Fatalf("CreateHold: %v", err)
	}
	return p, inv
}

// lock pays a hold invoice and waits until the payee has it.
func (s *suite) lock(t testing.TB, inv ln.Invoice) ln.InvoiceState {
	t.Helper()
	p, err := s.Payer.Pay(s.ctx(t), ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 1000, Timeout: s.Patience, Hold: true})
	if err != nil || p.State != ln.InFlight {
		t.Fatalf("Pay of a hold = %+v, %v; want in flight", p, err)
	}
	return s.become(t, inv.Hash, ln.Accepted)
}

// become waits until the payee tells that state of an invoice.
func (s *suite) become(t testing.TB, hash ln.Hash, want ln.State) (got ln.InvoiceState) {
	t.Helper()
	wait(t, s.ctx(t), func(ctx context.Context) (err error) {
		if got, err = s.Payee.Lookup(ctx, hash); err == nil && got.State != want {
			err = errors.New("the invoice is " + string(got.State) + ", not " + string(want))
		}
		return err
	})
	return got
}

// ends waits until the payer tells a final state of a payment.
func (s *suite) ends(t testing.TB, hash ln.Hash, want ln.State) (got ln.Payment) {
	t.Helper()
	wait(t, s.ctx(t), func(ctx context.Context) (err error) {
		if got, err = s.Payer.Track(ctx, hash); err == nil && got.State != want {
			err = errors.New("the payment is " + string(got.State) + ", not " + string(want))
		}
		return err
	})
	return got
}

// wait asks again until there is no error, or until ctx ends.
func wait(t testing.TB, ctx context.Context, ask func(context.Context) error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("in vain: %v", err)
		case <-tick.C:
		}
	}
}

// balances are what both have in channels, once nothing is on its way.
func (s *suite) balances(t testing.TB) (payer, payee uint64) {
	t.Helper()
	if !s.can.Has(ln.CanBalance) {
		return 0, 0
	}
	wait(t, s.ctx(t), func(ctx context.Context) error {
		a, err := s.Payer.Balance(ctx)
		if err != nil {
			return err
		}
		b, err := s.Payee.Balance(ctx)
		if err == nil && a.HeldMsat+b.HeldMsat != 0 {
			err = errors.New("something is still on its way")
		}
		payer, payee = a.LocalMsat, b.LocalMsat
		return err
	})
	return payer, payee
}

// moves checks that what does moves exactly so much from payer to payee.
func (s *suite) moves(t testing.TB, msat uint64, what func()) {
	t.Helper()
	payer, payee := s.balances(t)
	what()
	if t.Failed() || !s.can.Has(ln.CanBalance) {
		return
	}
	wait(t, s.ctx(t), func(context.Context) error {
		payerNow, payeeNow := s.balances(t)
		if payer-payerNow != msat || payeeNow-payee != msat {
			return fmt.Errorf("payer %d -> %d, payee %d -> %d; want %d to move", payer, payerNow, payee, payeeNow, msat)
		}
		return nil
	})
}

func want(t testing.TB, what string, err, target error) {
	t.Helper()
	if wrong := other(err, target); wrong != nil {
		t.Errorf("%s: %v", what, wrong)
	}
}

// other is nil for an error that is the wanted one.
func other(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return fmt.Errorf("%v; want %w", err, target)
}
