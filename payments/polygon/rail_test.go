package polygon

import (
	"context"
	"fmt"
	"testing"

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
