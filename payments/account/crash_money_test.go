package account_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

// Every write of either side of two payments and their settlements, before and
// after it reaches the disk, with each way a message can get lost on top: no
// money moves twice and none is lost, and in the end all is settled.
func TestEveryCrashPointOfMoney(t *testing.T) {
	t.Parallel()
	for _, fault := range append([]paymentstest.Fault{""}, paymentstest.Faults...) {
		for side := range 2 {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s side %d after %t", fault, side, after), func(t *testing.T) {
					crashed := true
					for write := 0; crashed; write++ {
						if crashed = crashMoney(t, fault, side, write, after); !crashed && write < 2 {
							t.Fatalf("only %d writes", write)
						}
					}
				})
			}
		}
	}
}

func crashMoney(t *testing.T, fault paymentstest.Fault, side, write int, after bool) bool {
	t.Helper()
	w, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
	b.expect(a, "j/0/0", 5)
	b.expect(a, "j/1/0", 6)
	victim := []*node{a, b}[side]
	victim.crashAt(write, after)
	for i, amount := range []uint64{5, 6} {
		_, _ = a.now().Pay(t.Context(), pay(b, fmt.Sprintf("j/%d/0", i), amount))
		if fault != "" {
			w.fault(fault)
		}
		_ = a.settle(t.Context())
	}
	died := victim.isDead()
	a.revive()
	b.revive()
	paymentstest.Conservation(t, w.pair(a, b, 100))
	for range 2 { // what is left of the fault and of late messages
		if err := a.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		paymentstest.Conservation(t, w.pair(a, b, 100))
	}
	w.quiet()
	for i, amount := range []uint64{5, 6} {
		if _, err := a.now().Pay(t.Context(), pay(b, fmt.Sprintf("j/%d/0", i), amount)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	paidFor(t, w, a, b, 11, 0)
	return died
}

// paidFor requires that both books and the bank say the same, with nothing open.
func paidFor(t *testing.T, w *world, a, b *node, there, back uint64) {
	t.Helper()
	agree(t, a, b)
	paymentstest.Conservation(t, w.pair(a, b, 100))
	x, y := a.balance(b), b.balance(a)
	if x.Paid != there || x.SettledOut != there || y.Settled != there || y.Paid != back || y.SettledOut != back || x.Settled != back {
		t.Fatalf("want %d there and %d back\n%+v\n%+v", there, back, x, y)
	}
	if has := w.bank.Has(b.id()); has != wealth+there-back {
		t.Fatalf("the payee has %d, want %d", has, wealth+there-back)
	}
	for _, n := range []*node{a, b} {
		sums, err := n.now().Journal().Total(payments.MicroUSDC)
		if err != nil || sums[payments.Owed]+sums[payments.Expected] != 0 || sums[payments.Owing] != 0 || sums[payments.Sending] != 0 || sums[payments.Promised] != 0 {
			t.Fatalf("accounts are not closed: %v %v", sums, err)
		}
	}
}

// Two nodes with money that pay each other, die at any write and lose any
// message, again and again.
func TestRandomCrashesOfMoney(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
		nodes := []*node{a, b}
		for _, n := range nodes {
			n.revive()
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "money") == 0 {
				_ = nodes[rapid.IntRange(0, 1).Draw(rt, "payer")].settle(t.Context())
			} else {
				crashStep(rt, w, nodes)
			}
			for _, n := range nodes {
				if n.isDead() {
					n.revive()
				}
			}
			paymentstest.Conservation(rt, w.pair(a, b, 100))
		}
		for _, n := range nodes {
			n.revive()
		}
		quiet(t, w, nodes)
		for _, n := range nodes {
			if err := n.settle(t.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		sameStates(t, nodes)
		paidFor(t, w, a, b, a.balance(b).Paid, b.balance(a).Paid)
	})
}
