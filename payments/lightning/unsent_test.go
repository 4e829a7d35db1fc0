package lightning_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/paymentstest"
)

// hasty is a config whose calls of the node do not last.
func hasty(limit uint64) lightning.Config {
	cfg := config(limit)
	cfg.PayFor = time.Second
	return cfg
}

// A hold that the node says it pays, and for which it holds nothing, is given up
// soon after its invoice is over: nobody has the preimage.
func TestHoldThatWasNeverSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, hasty(0))
		a.ln.Sink(true)
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.now().Fund(soon, pay(b, "job/0/0", shard)); payments.OutcomeOf(err) == payments.Charged || err == nil {
			t.Fatal(err)
		}
		a.ln.Sink(false)
		a.reconcile(t)
		if s := a.state(t, payments.Out, payments.ClassHold+"job/0/0"); !s.Open() {
			t.Fatalf("the hold is %s while its invoice can be paid", s)
		}
		w.sleep(2*time.Minute + 10*time.Second)
		a.reconcile(t)
		b.reconcile(t)
		if s := a.state(t, payments.Out, payments.ClassHold+"job/0/0"); s != payments.StateReleased {
			t.Fatalf("the hold is %s", s)
		}
		w.agree(t, a, b)
		if got := a.spent(t); got != 0 {
			t.Fatalf("the ceiling counts %d", got)
		}
		fund(t, a, b, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		w.converge(t, a, b, 2)
		w.agree(t, a, b)
	})
}

// A window that the node says it pays, and for which it holds nothing, is paid
// by another invoice once this one is over and the payee has signed that it was
// not paid; before that nothing is paid a second time.
func TestWindowThatWasNeverSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, hasty(200*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		a.ln.Sink(true)
		a.reconcile(t)
		a.ln.Sink(false)
		unpaid := func(when string) {
			t.Helper()
			a.reconcile(t)
			if x := a.balance(t, b); x.SettledOut != 0 || a.coins(t) != channel {
				t.Fatalf("%s: %+v", when, x)
			}
		}
		unpaid("the invoice is open")
		w.sleep(a.cfg.InvoiceFor + time.Minute + time.Second)
		w.fault(paymentstest.Refuses)
		unpaid("the payee says nothing")
		w.converge(t, a, b, 3)
		if x := a.balance(t, b); x.SettledOut != shard {
			t.Fatalf("%+v", x)
		}
		w.agree(t, a, b)
	})
}

// While the payee has not signed that its invoice is off nothing ends.
func TestWindowThatThePayeeKeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, hasty(200*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		a.ln.Sink(true)
		a.reconcile(t)
		w.sleep(a.cfg.InvoiceFor + time.Minute + time.Second)
		b.evil.cancel = errors.New("not I") // it never says that the window is off
		for range 3 {
			a.reconcile(t)
		}
		if x := a.balance(t, b); x.SettledOut != 0 || a.coins(t) != channel {
			t.Fatalf("%+v", x)
		}
	})
}

// forgets makes a node know nothing of its payments, as some wallets do.
func forgets(_ context.Context, call string, after bool) error {
	if call == "Track" && after {
		return ln.ErrNotFound
	}
	return nil
}

// A wallet that has forgotten a payment is not believed that there was none: not
// of a window that the payee has been paid, nor of a preimage that was shown.
func TestWalletThatForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, hasty(200*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		a.ln.Intercept(func(ctx context.Context, call string, after bool) error {
			if call == "Pay" && after {
				return ln.ErrUnavailable // paid, and nobody heard
			}
			return forgets(ctx, call, after)
		})
		a.reconcile(t)
		w.sleep(a.cfg.InvoiceFor + 2*time.Minute)
		for range 3 {
			a.reconcile(t)
		}
		if a.coins(t) != channel-shard {
			t.Fatalf("%d msat left", channel-a.coins(t))
		}
		if s := b.balance(t, a).Settled; s != shard {
			t.Fatalf("the payee has %d", s)
		}
		a.ln.Intercept(nil)
		w.converge(t, a, b, 2)
		w.agree(t, a, b)

		_, c, d := pair(t, config(0))
		fund(t, c, d, "job/1/0", shard)
		c.ln.Intercept(forgets)
		c.w.fault(paymentstest.LostReply)
		if _, err := c.now().Pay(t.Context(), pay(d, "job/1/0", shard)); payments.OutcomeOf(err) != payments.OutcomeUnknown {
			t.Fatal(err)
		}
		c.w.sleep(3 * time.Hour)
		for range 12 {
			c.w.fault(paymentstest.Refuses)
		}
		c.reconcile(t)
		if s := c.state(t, payments.Out, "job/1/0"); !s.Open() {
			t.Fatalf("it is %s, and nobody has said so", s)
		}
		c.w.mu.Lock()
		c.w.faults = nil
		c.w.mu.Unlock()
		c.ln.Intercept(nil)
		c.w.converge(t, c, d, 2)
		if s := c.state(t, payments.Out, "job/1/0"); s != payments.StateCaptured {
			t.Fatalf("it is %s", s)
		}
		c.w.agree(t, c, d)
	})
}
