package polygon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
)

func TestRailConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		const limit = 100
		w := newWorld(t)
		cfg := testConfig()
		cfg.Account.Limit = limit
		a, b := w.add(cfg), w.add(cfg)
		return paymentstest.Pair{
			Payer: a.now(), Payee: b.now(), PayerID: a.id(), PayeeID: b.id(), Limit: limit, Fault: w.fault,
			Money: func() paymentstest.Money {
				held := w.total()
				for _, n := range w.nodes {
					held -= n.coins()
				}
				return paymentstest.Money{PayerBegan: purse, PayeeBegan: purse, Payer: a.coins(), Payee: b.coins(), Held: held}
			},
			Third: func() (payments.Rail, identity.PubKey) {
				c := w.add(cfg)
				return c.now(), c.id()
			},
			// The chain goes on between the looks of a pass: a deposit takes three
			// blocks to be final.
			Settle: func(ctx context.Context) error {
				for range 3 {
					if _, err := a.now().Reconcile(ctx); err != nil {
						return err
					}
					w.mine(3)
				}
				return errors.Join(a.now().Check(ctx), b.now().Check(ctx))
			},
		}
	})
}

// story is everything that can happen to a channel, once; every step may fail.
func story(w *world, a, b *node) {
	ctx := context.Background()
	_ = a.now().Fund(ctx, to(b, "j/0/0", 500))
	w.mine(3)
	_ = a.now().pass(ctx)
	for i, v := range []uint64{500, 700} {
		ref := fmt.Sprintf("j/%d/0", i)
		_ = b.now().Expect(ctx, to(a, ref, v))
		_, _ = a.now().Pay(ctx, to(b, ref, v))
		_ = a.now().Settle(ctx, b.id())
	}
	_ = b.now().Redeem(ctx)
	w.mine(3)
	_ = b.now().pass(ctx)
	list, _ := a.now().Channels(ctx)
	for _, c := range list {
		_ = a.now().Close(ctx, c.ID)
	}
	w.mine(3)
	_ = a.now().pass(ctx)
	_ = b.now().pass(ctx)
}

// effects is how many writes and calls the story makes of each side.
func effects(t *testing.T, w *world) [2]int {
	t.Helper()
	a, b := w.pair()
	story(w, a, b)
	return [2]int{a.s.seen, b.s.seen}
}

// Every write and every call of the chain of either side, before and after it
// happened, with each way a message can get lost on top.
func TestEveryCrashPoint(t *testing.T) {
	t.Parallel()
	n := effects(t, newWorld(t))
	if n[0] < 30 || n[1] < 20 {
		t.Fatalf("the story has %v effects", n)
	}
	for _, fault := range append([]paymentstest.Fault{""}, paymentstest.Faults...) {
		for side := range 2 {
			t.Run(fmt.Sprintf("%s side %d", fault, side), func(t *testing.T) {
				t.Parallel()
				for at := range n[side] {
					if fault != "" && os.Getenv("INFERNET_LONG") == "" && at%12 != side {
						continue
					}
					for _, after := range []bool{false, true} {
						if os.Getenv("INFERNET_LONG") == "" && after == (at/2%2 == 0) {
							continue // every point, one side of it
						}
						crashOnce(t, newWorld(t), fault, side, at, after)
					}
				}
			})
		}
	}
}

// The same on the contract itself, where a write or call is one of the sender's,
// the watchers' or the rail's, down to each request to the endpoint.
func TestCrashesOnChain(t *testing.T) {
	t.Parallel()
	n := effects(t, newRealWorld(t))
	if n[0] < 60 || n[1] < 50 {
		t.Fatalf("the story has %v effects", n)
	}
	step := 30
	if os.Getenv("INFERNET_LONG") != "" {
		step = 1
	}
	for side := range 2 {
		t.Run(fmt.Sprintf("side %d", side), func(t *testing.T) {
			t.Parallel()
			for at := side; at < n[side]; at += step {
				crashOnce(t, newRealWorld(t), "", side, at, at%2 == 0)
				if step == 1 {
					crashOnce(t, newRealWorld(t), "", side, at, at%2 == 1)
				}
			}
		})
	}
}

func crashOnce(t *testing.T, w *world, fault paymentstest.Fault, side, at int, after bool) {
	t.Helper()
	a, b := w.pair()
	[]*node{a, b}[side].crashAt(at, after)
	if fault != "" {
		w.fault("")
		w.fault(fault)
	}
	story(w, a, b)
	a.revive()
	b.revive()
	w.quiet(a, b)
	w.pass(25 * time.Hour) // a voucher in doubt when a close began is decided by its end
	w.quiet(a, b)
	evenBooks(t, w, a, b, fmt.Sprintf("%s side %d effect %d after %t", fault, side, at, after))
	// And what was not done yet can be.
	for i, v := range []uint64{500, 700} {
		ref := fmt.Sprintf("j/%d/0", i)
		if err := b.now().Expect(t.Context(), to(a, ref, v)); err != nil {
			t.Fatal(err)
		}
		a.pay(b, ref, v)
	}
	w.quiet(a, b)
	closeAll(t, w, a, b)
	if a.coins() != w.purse-1200 || b.coins() != w.purse+1200 {
		t.Fatalf("%s side %d effect %d after %t: %d and %d", fault, side, at, after, a.coins(), b.coins())
	}
}

// evenBooks requires that both sides say the same of what was noted and settled.
func evenBooks(t testing.TB, w *world, a, b *node, what string) {
	t.Helper()
	w.sound(a, b)
	x, y := a.balance(b), b.balance(a)
	if x.Paid != y.Received || x.SettledOut != y.Settled || x.SettledOut != x.Paid || x.Pending != 0 {
		t.Fatalf("%s:\n%+v\n%+v", what, x, y)
	}
}

// closeAll ends every channel, redeems what is left, and waits for the delays.
func closeAll(t testing.TB, w *world, nodes ...*node) {
	t.Helper()
	for range 3 {
		for _, n := range nodes {
			if err := n.now().Redeem(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		w.mine(3)
		for _, n := range nodes {
			list, err := n.now().Channels(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.Direction == payments.Out && !c.State.ended() {
					if err := n.now().Close(context.Background(), c.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		w.quiet(nodes...)
		w.pass(25 * time.Hour)
		w.quiet(nodes...)
	}
	for _, n := range nodes {
		list, err := n.now().Channels(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if !c.State.ended() {
				t.Fatalf("not closed: %+v", c)
			}
		}
	}
}

// Two nodes that pay each other, die at any write or call, lose any message and
// have blocks taken back, again and again.
func TestRandomPrograms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		nodes := []*node{w.add(testConfig()), w.add(testConfig())}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			randomStep(rt, w, nodes)
			if got, want := w.total(), uint64(2*purse); got != want {
				rt.Fatalf("there are %d of %d", got, want)
			}
			for i, n := range nodes {
				if n.s.isDead() {
					n.revive()
				}
				bounded(rt, n, nodes[1-i])
			}
		}
		for _, n := range nodes {
			n.revive()
		}
		w.mine(3)
		w.quiet(nodes...)
		evenBooks(t, w, nodes[0], nodes[1], "at rest")
		evenBooks(t, w, nodes[1], nodes[0], "at rest")
		paid := [2]uint64{nodes[0].balance(nodes[1]).Paid, nodes[1].balance(nodes[0]).Paid}
		closeAll(t, w, nodes...)
		for i, n := range nodes {
			if want := purse - paid[i] + paid[1-i]; n.coins() != want {
				rt.Fatalf("node %d has %d, want %d", i, n.coins(), want)
			}
		}
	})
}

// bounded requires what holds at every instant: no voucher above the notes, no
// exposure above the window.
func bounded(rt *rapid.T, n, peer *node) {
	b := n.balance(peer)
	if b.Exposure > b.Window {
		rt.Fatalf("exposure %d of %d", b.Exposure, b.Window)
	}
	if b.SettledOut > b.Paid {
		rt.Fatalf("settled %d of %d", b.SettledOut, b.Paid)
	}
	list, err := n.now().Channels(context.Background())
	if err != nil {
		rt.Fatal(err)
	}
	promised := uint64(0)
	for _, c := range list {
		if c.Direction == payments.Out {
			promised += c.Promised
			if c.Redeemed > c.Promised || c.Promised > c.Final {
				rt.Fatalf("%+v", c)
			}
		}
	}
	if promised > b.Paid {
		rt.Fatalf("vouchers of %d, notes of %d", promised, b.Paid)
	}
}

func randomStep(rt *rapid.T, w *world, nodes []*node) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	i := rapid.IntRange(0, 1).Draw(rt, "payer")
	payer, payee := nodes[i], nodes[1-i]
	k := rapid.IntRange(0, 4).Draw(rt, "ref")
	ref, v := fmt.Sprintf("%d/%d/0", i, k), uint64(7*k+1)
	switch rapid.SampledFrom([]string{
		"crash", "fault", "mine", "mine", "reorg", "fund", "release", "expect", "waive",
		"pay", "pay", "pay", "settle", "settle", "pass", "redeem", "close", "hours",
	}).Draw(rt, "do") {
	case "crash":
		nodes[rapid.IntRange(0, 1).Draw(rt, "who")].crashAt(rapid.IntRange(0, 9).Draw(rt, "at"), rapid.Bool().Draw(rt, "after"))
	case "fault":
		w.fault(rapid.SampledFrom(paymentstest.Faults).Draw(rt, "fault"))
	case "mine":
		w.mine(rapid.IntRange(1, 4).Draw(rt, "blocks"))
	case "reorg":
		w.m.reorg(rapid.IntRange(1, 2).Draw(rt, "blocks"), false)
	case "fund":
		_ = payer.now().Fund(ctx, to(payee, ref, v))
	case "release":
		_ = payer.now().Release(ctx, payments.Ref(ref), "drawn")
	case "expect":
		_ = payee.now().Expect(ctx, to(payer, ref, v))
	case "waive":
		_ = payee.now().Waive(ctx, payer.id(), payments.Ref(ref), "drawn")
	case "pay":
		_, err := payer.now().Pay(ctx, to(payee, ref, v))
		if errors.Is(err, payments.ErrDiverged) {
			rt.Fatalf("pay %s: %v", ref, err)
		}
	case "settle":
		_ = payer.now().Settle(ctx, payee.id())
	case "pass":
		_ = payer.now().pass(ctx)
	case "redeem":
		_ = payee.now().Redeem(ctx)
	case "close":
		list, _ := payer.now().Channels(ctx)
		for _, c := range list {
			if c.Direction == payments.Out {
				_ = payer.now().Close(ctx, c.ID)
			}
		}
	case "hours":
		w.pass(7 * time.Hour)
	}
}
