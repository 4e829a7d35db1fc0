package polygon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
)

// The life of a channel from the first payment to the last step of its close.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	live(t, w, w.add(testConfig()), w.add(testConfig()))
}

func live(t *testing.T, w *world, a, b *node) {
	t.Helper()
	paid := uint64(0)
	for i := range 20 {
		ref, v := fmt.Sprintf("j/%d/0", i), uint64(1000*i+1)
		a.ready(b, ref, v)
		a.work(b, ref, v)
		a.settle(b)
		paid += v
		if got := b.balance(a); got.Settled != paid || got.Exposure != 0 {
			t.Fatalf("%+v", got)
		}
	}
	if got := a.balance(b); got.SettledOut != paid || got.Locked != 1_000_000-paid || *got.Available != 1_000_000-paid || got.OurExposure != 0 {
		t.Fatalf("%+v", got)
	}
	w.mine(3)
	if err := b.now().Redeem(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mine(3)
	w.quiet(a, b)
	if b.coins() != w.purse+paid || b.channel(payments.In).Redeemed != paid {
		t.Fatalf("%d, %+v", b.coins(), b.channel(payments.In))
	}
	id := a.channel(payments.Out).ID
	if err := a.now().Close(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.quiet(a, b)
	if a.coins() != w.purse-paid || b.coins() != w.purse+paid {
		t.Fatalf("%d and %d %+v", a.coins(), b.coins(), a.channel(payments.Out))
	}
	for _, s := range []State{a.channel(payments.Out).State, b.channel(payments.In).State} {
		if s != StateClosed {
			t.Fatal(s)
		}
	}
	rep, err := a.now().Reconcile(context.Background())
	if err != nil || len(rep.Differences) != 0 {
		t.Fatalf("%+v %v", rep, err)
	}
}

// What a person does by hand.
func TestByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := testConfig()
	cfg.Deposit = 0 // nothing opens by itself
	a, b := w.add(cfg), w.add(cfg)
	if err := a.tryFund(b, "j/0/0", 5); !errors.Is(err, ErrDeposit) {
		t.Fatal(err)
	}
	if _, err := a.now().Open(t.Context(), b.id(), cfg.MaxLocked+1); !errors.Is(err, ErrDeposit) {
		t.Fatal(err)
	}
	if _, err := a.now().Open(t.Context(), b.id(), 0); !errors.Is(err, payments.ErrZero) {
		t.Fatal(err)
	}
	id, err := a.now().Open(t.Context(), b.id(), 5000)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.now().TopUp(t.Context(), id, 5); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	w.quiet(a, b)
	if again, err := a.now().Open(t.Context(), b.id(), 5000); !errors.Is(err, ErrState) || again != id {
		t.Fatal(err)
	}
	if err := a.now().TopUp(t.Context(), id, 700); err != nil {
		t.Fatal(err)
	}
	w.quiet(a, b)
	if c := a.channel(payments.Out); c.State != StateOpen || c.Final != 5700 || a.coins() != purse-5700 {
		t.Fatalf("%+v", c)
	}
	a.work(b, "j/0/0", 5)
	a.settle(b)
	if err := a.now().ForceClose(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.quiet(a, b)
	w.pass(25 * time.Hour)
	w.quiet(a, b)
	if a.coins() != purse-5 || b.coins() != purse+5 {
		t.Fatalf("%d %d", a.coins(), b.coins())
	}
}

// What was funded and neither paid nor released is forgotten in the end.
func TestFundedForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	a.ready(b, "j/0/0", 1000)
	a.ready(b, "j/1/0", 2000)
	need := func() uint64 {
		v, err := a.now().needed(t.Context(), b.id())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if need() != 3000 {
		t.Fatal(need())
	}
	a.work(b, "j/0/0", 1000)
	if need() != 3000 { // what is owed instead
		t.Fatal(need())
	}
	a.settle(b)
	if need() != 2000 {
		t.Fatal(need())
	}
	w.pass(a.cfg.Account.ExpectFor + time.Minute)
	if need() != 0 {
		t.Fatal(need())
	}
	w.quiet(a, b)
	w.skew.Add(-int64(a.cfg.Account.ExpectFor))
	if need() != 0 {
		t.Fatal("still there")
	}
}
