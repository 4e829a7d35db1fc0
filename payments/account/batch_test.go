package account_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

// together pays the refs while the line to the payee is held: the first goes
// ahead, the others wait for it and for each other. It is called in a bubble.
func together(t *testing.T, a, b *node, n uint64, refs ...string) (proofs []payments.Proof, errs []error) {
	t.Helper()
	hold := make(chan struct{})
	a.w.mu.Lock()
	a.w.hold = hold
	a.w.mu.Unlock()
	proofs, errs = make([]payments.Proof, len(refs)), make([]error, len(refs))
	var all sync.WaitGroup
	for i, ref := range refs {
		all.Go(func() {
			proofs[i], errs[i] = a.now().Pay(t.Context(), pay(b, ref, n))
		})
		synctest.Wait()
	}
	a.w.mu.Lock()
	a.w.hold = nil
	a.w.mu.Unlock()
	close(hold)
	all.Wait()
	return proofs, errs
}

// numbered are refs "j/FROM/0" and on.
func numbered(from, n int) (refs []string) {
	for i := range n {
		refs = append(refs, fmt.Sprintf("j/%d/0", from+i))
	}
	return refs
}

// acquainted is a payer and a payee that have paid once: from then on the payer
// knows that several payments may go into one note.
func acquainted(t *testing.T, money bool) (w *world, a, b *node) {
	t.Helper()
	if money {
		w, a, b = newMoneyWorld(t, store.NewMem(), store.NewMem())
		a.cfg.Limit, b.cfg.Limit = 1000, 1000
		a.restart()
		b.restart()
	} else {
		w = newWorld(t)
		a, b = w.add(config(1000), store.NewMem()), w.add(config(1000), store.NewMem())
	}
	paid(t, a, b, "first/0/0", 1)
	return w, a, b
}

func seqOf(t *testing.T, a, b *node) uint64 {
	t.Helper()
	d, err := a.now().Owing(t.Context(), b.id())
	if err != nil {
		t.Fatal(err)
	}
	return d.Seq
}

// What waits while a note is on its way is made by one note: one number, one
// countersignature, and for each payment an entry and a proof of its own line.
func TestManyInOneNote(t *testing.T) {
	t.Parallel()
	for _, money := range []bool{false, true} {
		t.Run(fmt.Sprint("money ", money), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { manyInOneNote(t, money) })
		})
	}
}

func manyInOneNote(t *testing.T, money bool) {
	_, a, b := acquainted(t, money)
	refs := numbered(0, 1+wire.MaxLines+5)
	for _, ref := range refs {
		b.expect(a, ref, 3)
	}
	proofs, errs := together(t, a, b, 3, refs...)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := seqOf(t, a, b); got != 4 { // the acquaintance, the first, 64, 5
		t.Fatalf("%d notes", got)
	}
	docs := map[string]int{}
	for i, ref := range refs {
		c, err := wire.ParseCountersigned(proofs[i].Doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(b.id()); err != nil {
			t.Fatal(err)
		}
		n, err := wire.Decode[wire.CreditNote](c.Doc)
		if err != nil {
			t.Fatal(err)
		}
		if amount, total, ok := n.Line(ref); !ok || amount != 3 || total != 1+3*uint64(i+1) {
			t.Fatalf("%s: %d up to %d in %+v", ref, amount, total, n)
		}
		docs[string(proofs[i].Doc)]++
		again, err := a.now().Pay(t.Context(), pay(b, ref, 3))
		if err != nil || string(again.Doc) != string(proofs[i].Doc) {
			t.Fatalf("%s: paid again: %v", ref, err)
		}
		for x, y := range map[*node]*node{a: b, b: a} {
			e, err := x.now().Status(t.Context(), y.id(), payments.Ref(ref))
			if err != nil || e.State != payments.StateCaptured || e.Amount.Value != 3 {
				t.Fatalf("%s: %+v %v", ref, e, err)
			}
			doc, answer, err := x.now().Journal().EvidenceOf(e)
			if err != nil || string(wire.JoinCountersigned(doc, answer)) != string(proofs[i].Doc) {
				t.Fatalf("%s: evidence differs: %v", ref, err)
			}
		}
	}
	if len(docs) != 3 {
		t.Fatalf("%d documents", len(docs))
	}
	sum := 1 + 3*uint64(len(refs))
	if got := b.balance(a); got.Received != sum || got.Expected != 0 {
		t.Fatalf("%+v", got)
	}
	if money {
		if err := a.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.balance(a); got.Settled != sum || a.w.bank.Has(b.id()) != wealth+sum {
			t.Fatalf("%+v", got)
		}
		if err := errors.Join(a.now().Check(t.Context()), b.now().Check(t.Context())); err != nil {
			t.Fatal(err)
		}
		return
	}
	agree(t, a, b)
}

// A payment that is refused takes none down with it, and is refused itself.
func TestRefusedInCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, a, b := acquainted(t, false)
		refs := numbered(0, 6)
		for i, ref := range refs {
			if i != 3 {
				b.expect(a, ref, 3)
			}
		}
		_, errs := together(t, a, b, 3, refs...)
		for i, err := range errs {
			want := payments.Charged
			if i == 3 {
				want = payments.NotCharged
			}
			if payments.OutcomeOf(err) != want {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if got := b.balance(a).Received; got != 1+5*3 {
			t.Fatalf("received %d", got)
		}
		agree(t, a, b)
	})
}

// A note for several is decided once and whole: one line that is not expected, of
// another amount or over the limit refuses all of them and uses the number up,
// and the same note again has the same answer, then and after the next.
func TestLinesAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(20), store.NewMem())
	for _, ref := range []string{"j/0/0", "j/1/0"} {
		b.expect(a, ref, 7)
	}
	seq, total := uint64(0), uint64(0)
	channel, err := a.now().Owing(t.Context(), b.id())
	if err != nil {
		t.Fatal(err)
	}
	note := func(lines ...wire.CreditLine) wire.Event {
		seq++
		n := wire.CreditNote{Payee: b.id(), Channel: channel.Channel, Seq: seq, Unit: "credits", Lines: lines}
		for _, l := range lines {
			n.Amount += l.Amount
		}
		n.Cumulative = total + n.Amount
		e, err := wire.Seal(a.key, n, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	answered := func(e wire.Event, want string) {
		t.Helper()
		var first wire.ID
		for range 2 {
			answers, err := say(t, b, a.id(), e)
			if err != nil || len(answers) == 0 || code(t, answers[0]) != want {
				t.Fatalf("%v, %v; want %s", answers, err, want)
			}
			if first.IsZero() {
				first = answers[0].ID
			}
			if answers[0].ID != first {
				t.Fatal("answered differently")
			}
		}
	}
	line := func(i int, n uint64) wire.CreditLine {
		return wire.CreditLine{Ref: fmt.Sprintf("j/%d/0", i), Amount: n}
	}
	answered(note(line(0, 7), line(2, 3)), account.CodeNotExpected)
	answered(note(line(0, 7), line(1, 6)), account.CodeWrongAmount)
	b.cfg.Limit = 13
	b.restart()
	answered(note(line(0, 7), line(1, 7)), account.CodeOverLimit)
	if got := b.balance(a); got.Received != 0 || got.Expected != 14 {
		t.Fatalf("%+v", got)
	}
	b.cfg.Limit = 20
	b.restart()
	good := note(line(1, 7), line(0, 7))
	answered(good, "countersigned")
	total = 14
	b.expect(a, "j/3/0", 2)
	b.expect(a, "j/4/0", 1)
	answered(note(line(3, 2), line(4, 1)), "countersigned")
	answered(good, "countersigned") // long decided
	if got := b.balance(a); got.Received != 17 || got.Expected != 0 || got.Dispute != "" {
		t.Fatalf("%+v", got)
	}
	if err := b.now().Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What is expected of one peer at the same time is written down together, and
// what is refused is refused alone; the store that fails fails them all.
func TestExpectedTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	const n = 200
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n { // of 95 left, 31 of 3 fit; the first are known with another amount
		all.Go(func() { errs[i] = b.now().Expect(t.Context(), pay(a, fmt.Sprintf("j/%d/0", i/2), 3)) })
	}
	all.Wait()
	fit := map[int]bool{}
	for i, err := range errs {
		switch {
		case i < 2 && !errors.Is(err, payments.ErrConflict), i >= 2 && err != nil && !errors.Is(err, payments.ErrOverLimit):
			t.Fatalf("%d: %v", i, err)
		case err == nil:
			fit[i/2] = true
		}
	}
	if got := b.balance(a); len(fit) != 31 || got.Expected != 5+31*3 {
		t.Fatalf("%d fit, %+v", len(fit), got)
	}
	b.crashAt(0, false)
	for i := range errs[:20] {
		all.Go(func() { errs[i] = b.now().Expect(t.Context(), pay(a, fmt.Sprintf("k/%d/0", i), 1)) })
	}
	all.Wait()
	for _, err := range errs[:20] {
		if err == nil {
			t.Fatal("expected on a dead disk")
		}
	}
	b.revive()
	if got := b.balance(a); got.Expected != 5+31*3 {
		t.Fatalf("%+v", got)
	}
	agree(t, a, b)
}

// Who leads and is called off takes nobody along.
func TestLeaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := acquainted(t, false)
		refs := numbered(0, 5)
		for _, ref := range refs {
			b.expect(a, ref, 3)
		}
		hold := make(chan struct{})
		w.hold = hold
		first, cancel := context.WithCancel(t.Context())
		errs := make([]error, len(refs))
		var all sync.WaitGroup
		for i, ref := range refs {
			ctx := t.Context()
			if i == 0 {
				ctx = first
			}
			all.Go(func() { _, errs[i] = a.now().Pay(ctx, pay(b, ref, 3)) })
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(hold)
		all.Wait()
		if payments.OutcomeOf(errs[0]) != payments.NotCharged {
			t.Fatal(errs[0])
		}
		if err := errors.Join(errs[1:]...); err != nil {
			t.Fatal(err)
		}
		agree(t, a, b)
	})
}

// A payer whose book lost what was paid in company learns it at once: nothing is
// charged, nothing is called not charged that was, and both sides show it.
func TestBooksDifferInCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := acquainted(t, false)
		refs := numbered(0, 4)
		for _, ref := range refs {
			b.expect(a, ref, 3)
		}
		before := clone(t, a.s)
		if _, errs := together(t, a, b, 3, refs...); errors.Join(errs...) != nil {
			t.Fatal(errs)
		}
		a.s = before // the payer's disk is of yesterday
		a.restart()
		_, errs := together(t, a, b, 3, refs[3], refs[2], refs[1])
		for i, err := range errs {
			if payments.OutcomeOf(err) == payments.Charged || payments.OutcomeOf(err) == payments.NotCharged && !errors.Is(err, payments.ErrBusy) {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if a.balance(b).Dispute == "" || b.balance(a).Dispute == "" || b.balance(a).Received != 1+4*3 {
			t.Fatalf("%+v\n%+v", a.balance(b), b.balance(a))
		}
		w.quiet()
	})
}

// Every write of either side while three payments share a note, before and after
// it reaches the disk, with each way a message can get lost on top.
func TestEveryCrashPointInCompany(t *testing.T) {
	t.Parallel()
	for _, fault := range append([]paymentstest.Fault{""}, paymentstest.Faults...) {
		for side := range 2 {
			for write := range 6 {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/side %d/write %d/after %v", fault, side, write, after), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { crashInCompany(t, fault, side, write, after) })
					})
				}
			}
		}
	}
}

func crashInCompany(t *testing.T, fault paymentstest.Fault, side, write int, after bool) {
	w, a, b := acquainted(t, false)
	refs := numbered(0, 4)
	for _, ref := range refs {
		b.expect(a, ref, 3)
	}
	[]*node{a, b}[side].crashAt(write, after)
	if fault != "" {
		w.fault("") // the first goes through
		w.fault(fault)
	}
	_, errs := together(t, a, b, 3, refs...)
	a.revive()
	b.revive()
	for i, err := range errs {
		e, serr := b.now().Status(t.Context(), a.id(), payments.Ref(refs[i]))
		if serr != nil {
			t.Fatal(serr)
		}
		charged := e.State == payments.StateCaptured
		if o := payments.OutcomeOf(err); o == payments.Charged && !charged || o == payments.NotCharged && charged {
			t.Fatalf("%s: said %v, payee is at %s", refs[i], err, e.State)
		}
	}
	quiet(t, w, []*node{a, b})
	agree(t, a, b)
	sameStates(t, []*node{a, b})
	for _, ref := range refs { // whatever became of it, it can be paid once
		if _, err := a.now().Pay(t.Context(), pay(b, ref, 3)); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, a, b)
	if got := b.balance(a); got.Received != 1+4*3 || got.Expected != 0 {
		t.Fatalf("%+v", got)
	}
}
