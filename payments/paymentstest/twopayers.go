package paymentstest

import (
	"errors"
	"testing"

	"infernet.tech/infernet/payments"
)

// testTwoPayers has a stranger use the very ref of another's payment, in every
// order and with another amount, and requires that neither touches the other.
func testTwoPayers(t *testing.T, p Pair) {
	stranger, id := p.Third()
	theirs := func(ref string, n uint64) payments.Payment {
		return payments.Payment{Ref: payments.Ref(ref), Peer: id, Amount: p.amount(n)}
	}
	fromStranger := func(ref string, n uint64) error {
		pay := theirs(ref, n)
		pay.Peer = p.PayeeID
		_, err := stranger.Pay(t.Context(), pay)
		return err
	}
	expect := func(ref string, n uint64) {
		t.Helper()
		if err := p.Payee.Expect(t.Context(), theirs(ref, n)); err != nil {
			t.Fatalf("expect of the stranger: %v", err)
		}
	}
	is := func(ref string, payer, other payments.State) {
		t.Helper()
		e, err := p.Payee.Status(t.Context(), id, payments.Ref(ref))
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			t.Fatal(err)
		}
		if s := p.state(t, p.Payee, ref); s != payer || e.State != other {
			t.Fatalf("%s: the payer's at %q, the stranger's at %q, want %q and %q", ref, s, e.State, payer, other)
		}
	}
	expect("j/0/0", 3) // the stranger was first
	p.expect(t, "j/0/0", 7)
	is("j/0/0", payments.StateQuoted, payments.StateQuoted)
	if err := p.Payee.Waive(t.Context(), id, "j/0/0", "a stranger's"); err != nil {
		t.Fatal(err)
	}
	is("j/0/0", payments.StateQuoted, payments.StateReleased)
	p.pay(t, "j/0/0", 7)
	for _, n := range []uint64{3, 7} {
		if err := fromStranger("j/0/0", n); payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatalf("the stranger paid what was waived: %v", err)
		}
	}
	expect("j/0/0", 3)
	is("j/0/0", payments.StateCaptured, payments.StateQuoted)
	if err := fromStranger("j/0/0", 3); err != nil {
		t.Fatal(err)
	}
	is("j/0/0", payments.StateCaptured, payments.StateCaptured)

	// Of what is expected of the payer the stranger pays nothing and spoils nothing.
	p.expect(t, "j/1/0", 5)
	if err := fromStranger("j/1/0", 5); !errors.Is(err, payments.ErrRefused) {
		t.Fatalf("the stranger paid for the payer: %v", err)
	}
	is("j/1/0", payments.StateQuoted, "")
	expect("j/1/0", 5)
	if err := p.Payee.Waive(t.Context(), p.PayerID, "j/1/0", "the payer's"); err != nil {
		t.Fatal(err)
	}
	is("j/1/0", payments.StateReleased, payments.StateQuoted)
	if err := fromStranger("j/1/0", 5); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "j/1/0", 5)
	p.pay(t, "j/1/0", 5)
	is("j/1/0", payments.StateCaptured, payments.StateCaptured)
	if got := lineOf(t, p.Payee, id); got.Received != p.scaled(8) || got.Expected != 0 {
		t.Fatalf("the stranger's account %+v", got)
	}
	if got := p.of(t, p.Payee, p.PayerID); got.Received != p.scaled(12) || got.Expected != 0 {
		t.Fatalf("the payer's account %+v", got)
	}
	p.books(t, 12, 0)
}
