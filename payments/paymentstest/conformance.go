package paymentstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Pair is two connected ends of a rail with empty books.
type Pair struct {
	Payer, Payee     payments.Rail
	PayerID, PayeeID identity.PubKey
	// Limit is the credit each end gives the other: at least 100 times Scale, and
	// a multiple of it.
	Limit uint64
	// Scale is what one step of the suite's amounts is in the rail's unit, so that
	// none is too small to be settled; 0 is 1.
	Scale uint64
	// Net is set where debts both ways cancel out.
	Net bool
	// Money tells where the rail's money is, for Conservation. It is nil where
	// there is none.
	Money func() Money
	// Fault makes the next exchange go wrong.
	Fault func(Fault)
	// Third makes another payer of Payee, with empty books.
	Third func() (payments.Rail, identity.PubKey)
	// Settle makes one pass of the reconciler of Payer: what is in flight is asked
	// for again, and what is due is made good.
	Settle func(context.Context) error
}

// Factory makes a fresh Pair that lasts until the test ends.
type Factory func(t testing.TB) Pair

// Conformance checks everything that payments.Rail promises.
func Conformance(t *testing.T, make Factory) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Pair)
	}{
		{"a payment is charged once", testOnce},
		{"a ref stands for one payment", testConflict},
		{"a ref is each payer's own", testTwoPayers},
		{"amounts no rail carries are refused", testAmounts},
		{"what is not expected is not charged", testNotExpected},
		{"another amount is not charged", testWrongAmount},
		{"what was waived is not charged", testWaived},
		{"credit is limited", testLimit},
		{"debts net out", testNetting},
		{"what is noted is made good", testSettles},
		{"calls at the same time", testConcurrent},
		{"a cancelled call charges at most once", testCancelled},
		{"Run ends with its context", testRun},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make(t)) })
	}
	for _, f := range Faults {
		t.Run("fault: "+string(f), func(t *testing.T) { testFault(t, make(t), f) })
	}
	t.Run("random programs", func(t *testing.T) { testPrograms(t, make) })
}

// scaled is n steps of the suite in the rail's unit.
func (p Pair) scaled(n uint64) uint64 { return n * max(p.Scale, 1) }

func (p Pair) amount(n uint64) payments.Amount {
	return payments.Amount{Value: p.scaled(n), Unit: p.Payer.Unit()}
}

// toPayee is the payment as the payer sees it, fromPayer as the payee does.
func (p Pair) toPayee(ref string, n uint64) payments.Payment {
	return payments.Payment{Ref: payments.Ref(ref), Peer: p.PayeeID, Amount: p.amount(n), Memo: "test"}
}

func (p Pair) fromPayer(ref string, n uint64) payments.Payment {
	return payments.Payment{Ref: payments.Ref(ref), Peer: p.PayerID, Amount: p.amount(n), Memo: "test"}
}

func (p Pair) expect(t testing.TB, ref string, n uint64) {
	t.Helper()
	if err := p.Payee.Expect(context.Background(), p.fromPayer(ref, n)); err != nil {
		t.Fatalf("expect %s: %v", ref, err)
	}
}

func (p Pair) pay(t testing.TB, ref string, n uint64) payments.Proof {
	t.Helper()
	proof, err := p.Payer.Pay(context.Background(), p.toPayee(ref, n))
	if err != nil {
		t.Fatalf("pay %s: %v", ref, err)
	}
	return proof
}

// refused pays and requires that it fails with want, certainly not charged.
func (p Pair) refused(t testing.TB, pay payments.Payment, want error) {
	t.Helper()
	_, err := p.Payer.Pay(context.Background(), pay)
	if !errors.Is(err, want) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatalf("pay %s: %v (%s), want %v, not charged", pay.Ref, err, payments.OutcomeOf(err), want)
	}
}

// books requires what each side has paid and received, with nothing open.
func (p Pair) books(t testing.TB, paid, back uint64) {
	t.Helper()
	paid, back = p.scaled(paid), p.scaled(back)
	Conservation(t, p)
	a, b := p.of(t, p.Payer, p.PayeeID), p.of(t, p.Payee, p.PayerID)
	if a.Paid != paid || b.Received != paid || a.Received != back || b.Paid != back {
		t.Fatalf("books: payer paid %d received %d, payee received %d paid %d, want %d and %d",
			a.Paid, a.Received, b.Received, b.Paid, paid, back)
	}
	if p.Net && a.Net != -b.Net || a.Pending != 0 || b.Pending != 0 {
		t.Fatalf("books: net %d and %d, pending %d and %d", a.Net, b.Net, a.Pending, b.Pending)
	}
}

func (p Pair) of(t checker, r payments.Rail, peer identity.PubKey) payments.Balance {
	t.Helper()
	return lineOf(t, r, peer)
}

// other is the peer that r has here.
func (p Pair) other(r payments.Rail) identity.PubKey {
	if r == p.Payer {
		return p.PayeeID
	}
	return p.PayerID
}

func (p Pair) state(t testing.TB, r payments.Rail, ref string) payments.State {
	t.Helper()
	e, err := r.Status(context.Background(), p.other(r), payments.Ref(ref))
	if errors.Is(err, payments.ErrNoEntry) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.State
}

func testOnce(t *testing.T, p Pair) {
	p.expect(t, "j/0/0", 7)
	p.expect(t, "j/0/0", 7)
	first := p.pay(t, "j/0/0", 7)
	again := p.pay(t, "j/0/0", 7)
	if first.Ref != "j/0/0" || first.Rail != p.Payer.Name() || string(first.Doc) != string(again.Doc) {
		t.Fatalf("proofs differ: %+v and %+v", first, again)
	}
	p.expect(t, "j/0/0", 7) // repeated after the fact it stays captured
	for _, r := range []payments.Rail{p.Payer, p.Payee} {
		if s := p.state(t, r, "j/0/0"); s != payments.StateCaptured {
			t.Fatalf("state %s", s)
		}
	}
	p.books(t, 7, 0)
}

func testConflict(t *testing.T, p Pair) {
	p.expect(t, "j/0/0", 7)
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	other := payments.Payment{Ref: "j/0/0", Peer: k.PubKey(), Amount: p.amount(7)}
	if err := p.Payee.Expect(t.Context(), p.fromPayer("j/0/0", 8)); !errors.Is(err, payments.ErrConflict) {
		t.Fatalf("expect another amount: %v", err)
	}
	p.pay(t, "j/0/0", 7)
	p.refused(t, p.toPayee("j/0/0", 8), payments.ErrConflict)
	p.refused(t, other, payments.ErrConflict)
	p.books(t, 7, 0)
}

func testAmounts(t *testing.T, p Pair) {
	for _, c := range []struct {
		pay  payments.Payment
		want error
	}{
		{p.toPayee("j/0/0", 0), payments.ErrZero},
		{payments.Payment{Ref: "j/0/0", Peer: p.PayeeID, Amount: payments.Amount{Value: payments.MaxValue + 1, Unit: p.Payer.Unit()}}, payments.ErrOverflow},
		{p.toPayee("", 1), payments.ErrSyntax},
		{p.toPayee("with space", 1), payments.ErrSyntax},
		{payments.Payment{Ref: "j/0/0", Peer: p.PayeeID, Amount: payments.Amount{Value: 1, Unit: "foreign"}}, payments.ErrUnit},
		{payments.Payment{Ref: "j/0/0", Amount: p.amount(1)}, payments.ErrSyntax},
	} {
		p.refused(t, c.pay, c.want)
		c.pay.Peer = p.PayerID
		if c.want != payments.ErrSyntax {
			if err := p.Payee.Expect(t.Context(), c.pay); !errors.Is(err, c.want) {
				t.Fatalf("expect %+v: %v", c.pay, err)
			}
		}
	}
	if _, err := p.Payer.Status(t.Context(), p.PayeeID, "j/0/0"); !errors.Is(err, payments.ErrNoEntry) {
		t.Fatalf("an entry for nothing: %v", err)
	}
	p.books(t, 0, 0)
}

func testNotExpected(t *testing.T, p Pair) {
	p.refused(t, p.toPayee("j/0/0", 7), payments.ErrRefused)
	if s := p.state(t, p.Payer, "j/0/0"); s != payments.StateReleased {
		t.Fatalf("state %s", s)
	}
	p.books(t, 0, 0)
	p.expect(t, "j/0/0", 7)
	p.pay(t, "j/0/0", 7)
	p.books(t, 7, 0)
}

func testWrongAmount(t *testing.T, p Pair) {
	p.expect(t, "j/0/0", 7)
	p.refused(t, p.toPayee("j/0/0", 6), payments.ErrRefused)
	p.refused(t, p.toPayee("j/0/0", 8), payments.ErrRefused)
	p.books(t, 0, 0)
	p.pay(t, "j/0/0", 7)
	p.books(t, 7, 0)
}

func testWaived(t *testing.T, p Pair) {
	p.expect(t, "j/0/0", 7)
	for range 2 {
		if err := p.Payee.Waive(t.Context(), p.PayerID, "j/0/0", "the result was wrong"); err != nil {
			t.Fatal(err)
		}
	}
	p.refused(t, p.toPayee("j/0/0", 7), payments.ErrRefused)
	if err := p.Payee.Waive(t.Context(), p.PayerID, "j/9/9", "never was"); !errors.Is(err, payments.ErrNoEntry) {
		t.Fatal(err)
	}
	p.expect(t, "j/0/0", 7) // thought better of it
	p.pay(t, "j/0/0", 7)
	if err := p.Payee.Waive(t.Context(), p.PayerID, "j/0/0", "too late"); !errors.Is(err, payments.ErrTransition) {
		t.Fatal(err)
	}
	p.books(t, 7, 0)
}

func testLimit(t *testing.T, p Pair) {
	most := p.Limit / p.scaled(1)
	p.expect(t, "j/0/0", most-1)
	over := p.fromPayer("j/1/0", 2)
	if err := p.Payee.Expect(t.Context(), over); !errors.Is(err, payments.ErrOverLimit) {
		t.Fatalf("expected over the limit: %v", err)
	}
	p.pay(t, "j/0/0", most-1)
	if !p.Net {
		p.settled(t) // there is room again, and as much as before
		p.expect(t, "j/1/0", most)
		p.pay(t, "j/1/0", most)
		p.books(t, 2*most-1, 0)
		return
	}
	if err := p.Payee.Expect(t.Context(), over); !errors.Is(err, payments.ErrOverLimit) {
		t.Fatalf("expected over the limit after paying: %v", err)
	}
	p.expect(t, "j/2/0", 1)
	p.pay(t, "j/2/0", 1)
	if b := p.of(t, p.Payee, p.PayerID); b.Left != 0 || b.Net != int64(p.Limit) {
		t.Fatalf("balance %+v", b)
	}
	p.books(t, most, 0)
}

// settled makes what is due good and requires that nothing is left to be.
func (p Pair) settled(t checker) {
	t.Helper()
	if err := p.Settle(context.Background()); err != nil {
		t.Fatalf("settle: %v", err)
	}
	a, b := p.of(t, p.Payer, p.PayeeID), p.of(t, p.Payee, p.PayerID)
	if b.Exposure != 0 || b.Settled != b.Received || a.SettledOut != a.Paid {
		t.Fatalf("not settled: payer %+v\npayee %+v", a, b)
	}
	Conservation(t, p)
}

// testSettles pays again and again and requires that what is noted is made good
// each time, to the unit.
func testSettles(t *testing.T, p Pair) {
	if p.Net {
		t.Skip("debts on this rail cancel out and are not settled")
	}
	sum := uint64(0)
	for i, n := range []uint64{1, 50, 99, 3} {
		ref := fmt.Sprintf("j/%d/0", i)
		p.expect(t, ref, n)
		p.pay(t, ref, n)
		p.settled(t)
		sum += n
		p.books(t, sum, 0)
	}
}

func testNetting(t *testing.T, p Pair) {
	if !p.Net {
		t.Skip("each direction is by itself on this rail")
	}
	most := p.Limit / p.scaled(1)
	p.expect(t, "a/0/0", most)
	p.pay(t, "a/0/0", most)
	back := Pair{Payer: p.Payee, Payee: p.Payer, PayerID: p.PayeeID, PayeeID: p.PayerID, Scale: p.Scale}
	back.expect(t, "b/0/0", 30)
	back.pay(t, "b/0/0", 30)
	p.books(t, most, 30)
	p.expect(t, "a/1/0", 30) // what was paid back is room again
	p.pay(t, "a/1/0", 30)
	p.books(t, most+30, 30)
}

func testConcurrent(t *testing.T, p Pair) {
	const refs, callers = 8, 3
	for i := range refs {
		p.expect(t, fmt.Sprintf("j/%d/0", i), 2)
	}
	var all sync.WaitGroup
	for i := range refs {
		ref := fmt.Sprintf("j/%d/0", i)
		for range callers {
			all.Go(func() {
				if _, err := p.Payer.Pay(t.Context(), p.toPayee(ref, 2)); err != nil {
					t.Errorf("pay %s: %v", ref, err)
				}
			})
		}
	}
	all.Wait()
	p.books(t, 2*refs, 0)
}

func testCancelled(t *testing.T, p Pair) {
	p.expect(t, "j/0/0", 7)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Payer.Pay(ctx, p.toPayee("j/0/0", 7))
	said, known := payments.OutcomeOf(err), p.state(t, p.Payer, "j/0/0").Outcome()
	if said != payments.OutcomeUnknown && said != known {
		t.Fatalf("said %v, journal says %s", err, known)
	}
	p.pay(t, "j/0/0", 7)
	p.books(t, 7, 0)
}

func testRun(t *testing.T, p Pair) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Payer.Run(ctx) }()
	p.expect(t, "j/0/0", 7)
	p.pay(t, "j/0/0", 7)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.books(t, 7, 0)
}

func testFault(t *testing.T, p Pair, f Fault) {
	p.expect(t, "j/0/0", 7)
	p.expect(t, "j/1/0", 5)
	p.Fault(f)
	_, err := p.Payer.Pay(t.Context(), p.toPayee("j/0/0", 7))
	switch want := faultOutcome(f); {
	case payments.OutcomeOf(err) != want:
		t.Fatalf("%v (%s), want %s", err, payments.OutcomeOf(err), want)
	case f.lossy() && !errors.Is(err, payments.ErrUnknown):
		t.Fatalf("%v, want ErrUnknown", err)
	}
	if f.lossy() {
		if s := p.state(t, p.Payer, "j/0/0"); s != payments.StateUnknown {
			t.Fatalf("state %s", s)
		}
		if err := p.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := p.state(t, p.Payer, "j/0/0"); s != payments.StateCaptured {
			t.Fatalf("state %s after the reconciler", s)
		}
	}
	p.pay(t, "j/1/0", 5)
	p.pay(t, "j/0/0", 7)
	p.books(t, 12, 0)
}

func faultOutcome(f Fault) payments.Outcome {
	switch {
	case f.lossy():
		return payments.OutcomeUnknown
	case f == Refuses:
		return payments.NotCharged
	}
	return payments.Charged
}
