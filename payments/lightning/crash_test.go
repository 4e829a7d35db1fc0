package lightning_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/payments"
)

// scenario is what two nodes do with each other, step by step; any of the calls
// may fail because somebody died.
type scenario struct {
	name  string
	limit uint64
	run   func(ctx context.Context, a, b *node) error // what Pay said, where it was called
	// charged is what the payee must have at the end when all is done again.
	charged uint64
}

const shard = 120 * sat

var scenarios = []scenario{
	{name: "window", limit: 1000 * sat, charged: 2 * shard, run: func(ctx context.Context, a, b *node) error {
		_ = b.now().Expect(ctx, pay(a, "job/0/0", shard))
		_ = b.now().Expect(ctx, pay(a, "job/1/0", shard))
		_, err := a.now().Pay(ctx, pay(b, "job/0/0", shard))
		_, _ = a.now().Reconcile(ctx)
		_, _ = b.now().Reconcile(ctx)
		_, _ = a.now().Pay(ctx, pay(b, "job/1/0", shard))
		_, _ = a.now().Reconcile(ctx)
		_, _ = b.now().Reconcile(ctx)
		return err
	}},
	{name: "hold taken", charged: shard, run: func(ctx context.Context, a, b *node) error {
		if err := a.now().Fund(ctx, pay(b, "job/0/0", shard)); err != nil {
			return err
		}
		if err := b.now().Expect(ctx, pay(a, "job/0/0", shard)); err != nil {
			return payments.Fail("job/0/0", payments.NotCharged, err)
		}
		_, err := a.now().Pay(ctx, pay(b, "job/0/0", shard))
		_, _ = a.now().Reconcile(ctx)
		_, _ = b.now().Reconcile(ctx)
		return err
	}},
	{name: "hold released", run: func(ctx context.Context, a, b *node) error {
		_ = a.now().Fund(ctx, pay(b, "job/0/0", shard))
		_ = b.now().Expect(ctx, pay(a, "job/0/0", shard))
		_ = a.now().Release(ctx, "job/0/0", "another took it")
		_, _ = b.now().Reconcile(ctx)
		_, _ = a.now().Reconcile(ctx)
		return payments.Fail("job/0/0", payments.NotCharged, errCrash)
	}},
	{name: "hold waived", run: func(ctx context.Context, a, b *node) error {
		_ = a.now().Fund(ctx, pay(b, "job/0/0", shard))
		_ = b.now().Expect(ctx, pay(a, "job/0/0", shard))
		_ = b.now().Waive(ctx, a.id(), "job/0/0", "wrong")
		_, _ = b.now().Reconcile(ctx)
		_, _ = a.now().Reconcile(ctx)
		return payments.Fail("job/0/0", payments.NotCharged, errCrash)
	}},
}

// Every write and every call of the Lightning node, of either side, before it
// takes effect and after it did: what is said of a payment is so, and both sides
// agree to the millisatoshi, whether the work goes on afterwards or is given up.
func TestEveryCrashPoint(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		for side, who := range []string{"payer", "payee"} {
			for _, after := range []bool{false, true} {
				for _, again := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, %s dies, after %t, again %t", s.name, who, after, again), func(t *testing.T) {
						t.Parallel()
						steps := 0
						for more := true; more; steps++ {
							synctest.Test(t, func(t *testing.T) { more = crashOnce(t, s, side, steps, after, again) })
						}
						if steps < 5 {
							t.Fatalf("%d crash points only", steps)
						}
					})
				}
			}
		}
	}
}

// crashOnce kills one side at a step and reports whether there was such a step.
func crashOnce(t *testing.T, s scenario, side, step int, after, again bool) bool {
	t.Helper()
	cfg := config(s.limit)
	w, a, b := pair(t, cfg)
	victim := []*node{a, b}[side]
	doom := &fate{left: step, after: after}
	victim.restart(doom)
	err := s.run(t.Context(), a, b)
	if !doom.isDead() {
		return false
	}
	at := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("step %d: %s", step, fmt.Sprintf(format, args...))
	}
	a.restart(nil)
	b.restart(nil)
	said := payments.OutcomeOf(err)
	b.reconcile(t) // what its Lightning node took it does not know of yet
	got := b.state(t, payments.In, "job/0/0") == payments.StateCaptured
	if said == payments.Charged && !got || said == payments.NotCharged && got {
		at("said %v, the payee has it: %t", err, got)
	}
	if again && s.charged > 0 {
		w.converge(t, a, b, 3)
		if err := s.run(t.Context(), a, b); err != nil {
			at("again: %v", err)
		}
		w.converge(t, a, b, 2)
		w.agree(t, a, b)
		if x := b.balance(t, a); x.Received != s.charged || x.Settled != s.charged {
			at("charged %+v, want %d", x, s.charged)
		}
		if got := a.spent(t); got != s.charged {
			at("the ceiling counts %d, paid was %d", got, s.charged)
		}
		return true
	}
	for range 3 { // the invoices, the work and the note's patience come to their ends
		w.converge(t, a, b, 1)
		w.sleep(time.Hour)
	}
	w.converge(t, a, b, 2)
	w.agree(t, a, b)
	x := b.balance(t, a)
	if said == payments.NotCharged && b.state(t, payments.In, "job/0/0") == payments.StateCaptured {
		at("said %v, and the payee has it in the end", err)
	}
	if got := a.spent(t); got != x.Settled {
		at("the ceiling counts %d, paid was %d", got, x.Settled)
	}
	return true
}

// converge lets both sides look at what is open so often.
func (w *world) converge(t *testing.T, a, b *node, passes int) {
	t.Helper()
	w.mu.Lock()
	w.faults, w.late = nil, nil
	w.mu.Unlock()
	for range passes {
		a.reconcile(t)
		b.reconcile(t)
	}
}
