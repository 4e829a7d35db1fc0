package account_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

var errCrash = errors.New("the process was killed")

// crashing is a store of a process that dies at a chosen write: before it, or
// after it reached the disk but before anyone heard so.
type crashing struct {
	store.Store
	mu    sync.Mutex
	left  int // writes until death; below zero it does not come
	after bool
	dead  bool
}

func (c *crashing) View(fn func(store.Reader) error) error {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if dead {
		return errCrash
	}
	return c.Store.View(fn)
}

func (c *crashing) Update(fn func(store.Txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errCrash
	}
	if c.left != 0 {
		c.left--
		return c.Store.Update(fn)
	}
	c.dead = true
	if c.after {
		if err := c.Store.Update(fn); err != nil {
			return err
		}
	}
	return errCrash
}

// crashAt starts the node anew with a death ahead of it.
func (n *node) crashAt(write int, after bool) {
	n.s = &crashing{Store: n.disk(), left: write, after: after}
	n.restart()
}

// revive starts the node anew on what is on its disk. Whatever still runs of
// the old one stays dead.
func (n *node) revive() {
	if c, ok := n.s.(*crashing); ok {
		c.mu.Lock()
		c.dead = true
		c.mu.Unlock()
	}
	n.s = &crashing{Store: n.disk(), left: -1}
	n.restart()
}

func (n *node) disk() store.Store {
	if c, ok := n.s.(*crashing); ok {
		return c.Store
	}
	return n.s
}

func (n *node) isDead() bool {
	c, ok := n.s.(*crashing)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// Every write of either side, before and after it reaches the disk, with each
// way a message can get lost on top.
func TestEveryCrashPoint(t *testing.T) {
	t.Parallel()
	for _, fault := range append([]paymentstest.Fault{""}, paymentstest.Faults...) {
		for side := range 2 {
			for write := range 4 {
				for _, after := range []bool{false, true} {
					name := fmt.Sprintf("%s side %d write %d after %t", fault, side, write, after)
					t.Run(name, func(t *testing.T) { crashOnce(t, fault, side, write, after) })
				}
			}
		}
	}
}

func crashOnce(t *testing.T, fault paymentstest.Fault, side, write int, after bool) {
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	b.expect(a, "j/1/0", 6)
	[]*node{a, b}[side].crashAt(write, after)
	if fault != "" {
		w.fault(fault)
	}
	_, first := a.now().Pay(t.Context(), pay(b, "j/0/0", 5))
	_, second := a.now().Pay(t.Context(), pay(b, "j/1/0", 6))
	a.revive()
	b.revive()
	for i, err := range []error{first, second} {
		ref := fmt.Sprintf("j/%d/0", i)
		e, serr := b.now().Status(t.Context(), a.id(), payments.Ref(ref))
		if serr != nil {
			t.Fatal(serr)
		}
		charged := e.State == payments.StateCaptured
		if o := payments.OutcomeOf(err); o == payments.Charged && !charged || o == payments.NotCharged && charged {
			t.Fatalf("%s: said %v, payee is at %s", ref, err, e.State)
		}
	}
	// The first pass meets what is left of the fault and of late messages.
	for range 3 {
		if _, err := a.now().Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, a, b)
	for i, amount := range []uint64{5, 6} {
		if _, err := a.now().Pay(t.Context(), pay(b, fmt.Sprintf("j/%d/0", i), amount)); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, a, b)
	if got := a.balance(b); got.Paid != 11 || got.Pending != 0 {
		t.Fatalf("%+v", got)
	}
}

// Two nodes that pay each other, die at any write and lose any message, again
// and again.
func TestRandomCrashes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		nodes := []*node{w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())}
		for _, n := range nodes {
			n.revive()
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			crashStep(rt, w, nodes)
			for _, n := range nodes {
				if n.isDead() {
					n.revive()
				}
			}
		}
		for _, n := range nodes {
			n.revive()
		}
		quiet(t, w, nodes)
		agree(t, nodes[0], nodes[1])
		sameStates(t, nodes)
	})
}

func crashStep(rt *rapid.T, w *world, nodes []*node) {
	ctx := context.Background()
	i := rapid.IntRange(0, 1).Draw(rt, "payer")
	payer, payee := nodes[i], nodes[1-i]
	n := rapid.IntRange(0, 4).Draw(rt, "ref")
	ref, amount := fmt.Sprintf("%d/%d/0", i, n), uint64(7*n+1)
	switch rapid.SampledFrom([]string{"crash", "fault", "expect", "waive", "settle", "pay", "pay", "pay"}).Draw(rt, "do") {
	case "crash":
		nodes[rapid.IntRange(0, 1).Draw(rt, "who")].crashAt(rapid.IntRange(0, 5).Draw(rt, "write"), rapid.Bool().Draw(rt, "after"))
	case "fault":
		w.fault(rapid.SampledFrom(paymentstest.Faults).Draw(rt, "fault"))
	case "expect": // may fail in any way; what it did is on the disk or is not
		_ = payee.now().Expect(ctx, pay(payer, ref, amount))
	case "waive":
		_ = payee.now().Waive(ctx, payer.id(), payments.Ref(ref), "drawn")
	case "settle":
		_, _ = payer.now().Sweep(ctx)
	case "pay":
		_, err := payer.now().Pay(ctx, pay(payee, ref, amount))
		if errors.Is(err, payments.ErrDiverged) || errors.Is(err, payments.ErrConflict) {
			rt.Fatalf("pay %s: %v", ref, err)
		}
		if payee.isDead() {
			payee.revive()
		}
		e, serr := incoming(payee, ref)
		charged := serr == nil && e.State == payments.StateCaptured
		if o := payments.OutcomeOf(err); o == payments.Charged && !charged || o == payments.NotCharged && charged {
			rt.Fatalf("pay %s said %v, payee is at %q", ref, err, e.State)
		}
	}
}

// quiet ends all faults.
func (w *world) quiet() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
}

// quiet uses up what faults are left and settles.
func quiet(t *testing.T, w *world, nodes []*node) {
	t.Helper()
	w.quiet()
	for range 2 {
		for _, n := range nodes {
			rep, err := n.now().Sweep(context.Background())
			if err != nil || rep.Open != 0 {
				t.Fatalf("%+v %v", rep, err)
			}
		}
	}
}

func incoming(n *node, ref string) (payments.Entry, error) {
	list, err := n.now().Journal().List(payments.Filter{Direction: payments.In, Prefix: ref})
	if err != nil || len(list) == 0 {
		return payments.Entry{}, errors.Join(err, payments.ErrNoEntry)
	}
	return list[0], nil
}

// sameStates requires that what one side captured the other did, once each.
func sameStates(t *testing.T, nodes []*node) {
	t.Helper()
	for i, n := range nodes {
		captured := map[payments.Ref]uint64{}
		for _, d := range []payments.Direction{payments.Out, payments.In} {
			at := []*node{n, nodes[1-i]}[map[payments.Direction]int{payments.Out: 0, payments.In: 1}[d]]
			list, err := at.now().Journal().List(payments.Filter{Direction: d, State: payments.StateCaptured, Work: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if d == payments.Out {
					captured[e.Ref] = e.Amount.Value
				} else if captured[e.Ref] != e.Amount.Value {
					t.Fatalf("%s: received %s, paid %d", e.Ref, e.Amount, captured[e.Ref])
				} else {
					delete(captured, e.Ref)
				}
			}
		}
		if len(captured) != 0 {
			t.Fatalf("paid and not received: %v", captured)
		}
	}
}
