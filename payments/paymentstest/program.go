package paymentstest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
)

// testPrograms runs random sequences of calls and faults and requires that the
// books add up after each and agree at the end.
func testPrograms(t *testing.T, make Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		p := make(t)
		pr := &program{p: p, rt: rt}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			pr.step()
			Conservation(rt, p)
		}
		pr.finish(t)
	})
}

type program struct {
	p  Pair
	rt *rapid.T
}

func (pr *program) step() {
	n := rapid.IntRange(0, 4).Draw(pr.rt, "ref")
	ref, amount := fmt.Sprintf("j/%d/0", n), uint64(n*9+1)
	switch rapid.SampledFrom([]string{"expect", "pay", "pay", "waive", "fault", "settle"}).Draw(pr.rt, "do") {
	case "expect":
		err := pr.p.Payee.Expect(context.Background(), pr.p.fromPayer(ref, amount))
		if err != nil && !errors.Is(err, payments.ErrOverLimit) {
			pr.rt.Fatalf("expect: %v", err)
		}
	case "pay":
		pr.pay(ref, amount)
	case "waive":
		err := pr.p.Payee.Waive(context.Background(), pr.p.PayerID, payments.Ref(ref), "drawn")
		if err != nil && !errors.Is(err, payments.ErrNoEntry) && !errors.Is(err, payments.ErrTransition) {
			pr.rt.Fatalf("waive: %v", err)
		}
	case "fault":
		pr.p.Fault(rapid.SampledFrom(Faults).Draw(pr.rt, "fault"))
	case "settle":
		if err := pr.p.Settle(context.Background()); err != nil {
			pr.rt.Fatalf("settle: %v", err)
		}
	}
}

// pay requires that what Pay says is certain is so in both books.
func (pr *program) pay(ref string, amount uint64) {
	_, err := pr.p.Payer.Pay(context.Background(), pr.p.toPayee(ref, amount))
	e, serr := pr.p.Payee.Status(context.Background(), pr.p.PayerID, payments.Ref(ref))
	charged := serr == nil && e.State == payments.StateCaptured
	switch payments.OutcomeOf(err) {
	case payments.Charged:
		if !charged {
			pr.rt.Fatalf("%s: paid, but the payee is at %q", ref, e.State)
		}
	case payments.NotCharged:
		if charged {
			pr.rt.Fatalf("%s: %v, but the payee has it", ref, err)
		}
	case payments.OutcomeUnknown:
	}
}

// finish lets what is open come to an end: a fault that is left costs one pass
// each, and one peer's note is one pass.
func (pr *program) finish(t *testing.T) {
	for range 40 {
		if err := pr.p.Settle(context.Background()); err != nil {
			pr.rt.Fatalf("settle: %v", err)
		}
	}
	payer, payee := uint64(0), uint64(0)
	for n := range 5 {
		ref := fmt.Sprintf("j/%d/0", n)
		a, b := pr.p.state(t, pr.p.Payer, ref), pr.p.state(t, pr.p.Payee, ref)
		if (a == payments.StateCaptured) != (b == payments.StateCaptured) || a.Open() && a != "" {
			pr.rt.Fatalf("%s: payer at %q, payee at %q", ref, a, b)
		}
		if a == payments.StateCaptured {
			payer += pr.p.scaled(uint64(n*9 + 1))
		}
		if b == payments.StateCaptured {
			payee += pr.p.scaled(uint64(n*9 + 1))
		}
	}
	if got := pr.p.of(t, pr.p.Payer, pr.p.PayeeID).Paid; got != payer || payer != payee {
		pr.rt.Fatalf("payer's book %d, its entries %d, the payee's %d", got, payer, payee)
	}
	if !pr.p.Net {
		pr.p.settled(pr.rt)
	}
}
