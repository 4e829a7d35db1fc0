package polygon

import (
	"context"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
)

// Books tell which channels their wallet is still needed for, and until when what
// was promised is safe, without the rail that keeps them.
func TestHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	held := func(n *node, want int) []Channel {
		t.Helper()
		list, err := Held(n.s.Store)
		if err != nil || len(list) != want {
			t.Fatalf("%+v %v", list, err)
		}
		return list
	}
	held(a, 0)
	before := w.now()
	a.ready(b, "j/0/0", 700)
	if c := held(a, 1)[0]; c.Wallet != a.v.place().Wallet || c.Direction != payments.Out {
		t.Fatalf("%+v", c)
	}
	held(b, 0) // nothing is promised yet
	a.work(b, "j/0/0", 700)
	a.settle(b)
	c := held(b, 1)[0]
	if c.Wallet != b.v.place().Wallet || c.Direction != payments.In {
		t.Fatalf("%+v", c)
	}
	risk, err := b.now().AtRisk()
	if err != nil || risk.Due != 700 || risk.Lost != 0 || !risk.Until.Equal(c.Safe) {
		t.Fatalf("%+v %v", risk, err)
	}
	// The chain was looked at in between.
	if from, to := before.Add(c.Delay), w.now().Add(c.Delay); c.Safe.Before(from) || c.Safe.After(to) {
		t.Fatalf("safe until %s with a delay of %s, want from %s to %s", c.Safe, c.Delay, from, to)
	}
	if err := b.now().Redeem(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.quiet(a, b)
	held(b, 0)
	closeAll(t, w, a, b)
	held(a, 0)
}

// A payee that stands still until the delay is over has lost what it had not
// redeemed, says so from the first look on, and no later than that was it safe.
func TestLostWhileAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	a.ready(b, "j/0/0", 700)
	a.work(b, "j/0/0", 700)
	a.settle(b)
	risk, err := b.now().AtRisk()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.now().ForceClose(t.Context(), a.channel(payments.Out).ID); err != nil {
		t.Fatal(err)
	}
	w.quiet(a)
	if end := a.channel(payments.Out).CloseAt; end.Before(risk.Until.Truncate(time.Second)) {
		t.Fatalf("it ends at %s, and was told safe until %s", end, risk.Until)
	}
	w.pass(25 * time.Hour)
	w.quiet(a)
	b.revive()
	w.quiet(b)
	after, err := b.now().AtRisk()
	if err != nil || after.Lost != 700 || after.Due != 0 || len(after.Ended) != 1 || !after.Until.IsZero() {
		t.Fatalf("%+v %v", after, err)
	}
	if a.coins() != purse || b.coins() != purse {
		t.Fatalf("%d %d", a.coins(), b.coins())
	}
}

// What is worth it is redeemed when the node stops, and only then; of the rest
// gas would take too much.
func TestRedeemedAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gas     uint64
		fetched bool
	}{{10, true}, {70, true}, {71, false}, {700, false}} {
		w := newWorld(t)
		cfg := testConfig()
		cfg.GasFactor, cfg.LastFactor = 1000, 10
		cfg.Poll, cfg.Reconcile = 10*time.Millisecond, 10*time.Millisecond
		a, b := w.add(cfg), w.add(cfg)
		w.m.gas = c.gas
		a.ready(b, "j/0/0", 700)
		a.work(b, "j/0/0", 700)
		a.settle(b)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.now().Run(ctx) }()
		for range 20 { // passes in which nothing is to be redeemed
			if err := b.now().pass(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c := b.channel(payments.In); c.Doing != "" {
			t.Fatalf("redeemed while it runs: %+v", c)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.mine(4)
		if got := b.coins() == purse+700; got != c.fetched {
			t.Errorf("at a gas of %d: fetched %t", c.gas, got)
		}
	}
}

// The same on the contract itself: the transaction is out when Run returns.
func TestRedeemedAtTheEndOnChain(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	cfg := realConfig(w)
	cfg.GasFactor = 1 << 40
	a, b := w.add(cfg), w.add(cfg)
	a.ready(b, "j/0/0", 60_000)
	a.work(b, "j/0/0", 60_000)
	a.settle(b)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.now().Run(ctx) }()
	if err := b.now().pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.c.Commit() // nobody steps for a node that has stopped
	if got := b.coins(); got != w.purse+60_000 {
		t.Fatalf("%d", got)
	}
	b.revive()
	w.quiet(a, b)
	if c := b.channel(payments.In); c.Redeemed != 60_000 || c.Doing != "" {
		t.Fatalf("%+v", c)
	}
}
