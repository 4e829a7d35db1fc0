package lightning_test

import (
	"errors"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/paymentstest"
)

// hasty is a config whose calls of the node and of the peer do not last.
func hasty(limit uint64) lightning.Config {
	cfg := config(limit)
	cfg.PayFor, cfg.FundFor = time.Second, time.Second
	return cfg
}

// A hold that the node says it pays, and for which it holds nothing, is given up
// soon after its invoice is over: nobody has the preimage.
func TestHoldThatWasNeverSent(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, hasty(0))
	a.ln.Sink(true)
	if err := a.now().Fund(t.Context(), pay(b, "job/0/0", shard)); payments.OutcomeOf(err) == payments.Charged || err == nil {
		t.Fatal(err)
	}
	a.ln.Sink(false)
	a.reconcile(t)
	if s := a.state(t, payments.Out, payments.ClassHold+"job/0/0"); s.Terminal() {
		t.Fatalf("the hold is %s while its invoice can be paid", s)
	}
	w.sleep(2*time.Minute + time.Second)
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
}

// A window that the node says it pays, and for which it holds nothing, is paid
// by another invoice once this one is over and the payee has signed that it was
// not paid; before that nothing is paid a second time.
func TestWindowThatWasNeverSent(t *testing.T) {
	t.Parallel()
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
}

// While the payee has not signed that its invoice is off nothing ends.
func TestWindowThatThePayeeKeeps(t *testing.T) {
	t.Parallel()
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
}
