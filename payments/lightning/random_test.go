package lightning_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
)

// T10: two nodes that pay each other in every way there is, through a router,
// die at any step, lose any message, see blocks and time pass: at no moment is
// more exposed than the window allows or a msat lost, what is said is so, and in
// the end both agree.
func TestRandomPrograms(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("INFERNET_LONG") != "" {
		rounds = 20
	}
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) { randomly(t, rt) }) // a bubble has no deadline
		})
	}
}

const window = 600 * sat

func randomly(t *testing.T, rt *rapid.T) {
	cfg := config(window)
	w, a, b := routed(t, cfg)
	pr := &program{rt: rt, t: t, w: w, nodes: []*node{a, b}}
	defer w.served.Wait()
	for range rapid.IntRange(1, 40).Draw(rt, "steps") {
		pr.step()
		for _, n := range pr.nodes {
			if n.dead() {
				n.restart(nil)
			}
		}
		pr.bounded()
	}
	for _, n := range pr.nodes {
		n.restart(nil)
	}
	w.converge(t, a, b, 2)
	for range 3 { // whatever was begun comes to its end
		w.sleep(26 * time.Hour)
		w.converge(t, a, b, 2)
	}
	w.mu.Lock()
	w.ahead = 0 // the ceilings count what was spent this day
	w.mu.Unlock()
	pr.ends(a, b)
	pr.ends(b, a)
}

type program struct {
	rt    *rapid.T
	t     *testing.T
	w     *world
	nodes []*node
}

// amounts by ref: some below the least invoice, some over the window.
var amounts = []uint64{7, 49 * sat, 120*sat + 1, 300 * sat, 700 * sat, 4000 * sat}

func (pr *program) step() {
	ctx, rt := context.Background(), pr.rt
	i := rapid.IntRange(0, 1).Draw(rt, "payer")
	payer, payee := pr.nodes[i], pr.nodes[1-i]
	n := rapid.IntRange(0, len(amounts)-1).Draw(rt, "ref")
	ref := fmt.Sprintf("%d/%d/0", i, n)
	to, from := pay(payee, ref, amounts[n]), pay(payer, ref, amounts[n])
	switch rapid.SampledFrom([]string{
		"crash", "fault", "time", "mine", "fund", "fund", "release", "expect", "expect", "expect", "waive",
		"pay", "pay", "pay", "reconcile", "reconcile",
	}).Draw(rt, "do") {
	case "crash":
		who := pr.nodes[rapid.IntRange(0, 1).Draw(rt, "who")]
		who.restart(&fate{left: rapid.IntRange(0, 12).Draw(rt, "step"), after: rapid.Bool().Draw(rt, "after")})
	case "fault":
		pr.w.fault(rapid.SampledFrom(paymentstest.Faults).Draw(rt, "fault"))
	case "time":
		pr.w.sleep(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute, 3 * time.Hour}).Draw(rt, "for"))
	case "mine":
		pr.w.ln.Mine(rapid.IntRange(1, 12).Draw(rt, "blocks"))
	case "fund":
		err := payer.now().Fund(ctx, to)
		if payments.OutcomeOf(err) == payments.Charged && err != nil {
			rt.Fatalf("fund: %v", err)
		}
	case "release":
		_ = payer.now().Release(ctx, to.Ref, "drawn")
	case "expect":
		_ = payee.now().Expect(ctx, from)
	case "waive":
		_ = payee.now().Waive(ctx, from.Peer, from.Ref, "drawn")
	case "reconcile":
		_, _ = payer.now().Reconcile(ctx)
	case "pay":
		pr.pay(payer, payee, to)
	}
}

// pay requires that what Pay says is certain is so.
func (pr *program) pay(payer, payee *node, p payments.Payment) {
	_, err := payer.now().Pay(context.Background(), p)
	if errors.Is(err, payments.ErrDiverged) || errors.Is(err, payments.ErrCorrupt) {
		pr.rt.Fatalf("pay %s: %v", p.Ref, err)
	}
	if payee.dead() {
		payee.restart(nil)
	}
	// Its Lightning node may have it and the payee not know.
	if _, err := payee.now().Reconcile(context.Background()); err != nil {
		payee.restart(nil)
		payee.reconcile(pr.rt)
	}
	charged := payee.state(pr.t, payments.In, string(p.Ref)) == payments.StateCaptured
	if o := payments.OutcomeOf(err); o == payments.Charged && !charged || o == payments.NotCharged && charged {
		pr.rt.Fatalf("pay %s said %v, the payee has it: %t", p.Ref, err, charged)
	}
}

// bounded requires what holds at every moment.
func (pr *program) bounded() {
	if err := pr.w.ln.Conserved(); err != nil {
		pr.rt.Fatal(err)
	}
	for i, n := range pr.nodes {
		x := n.balance(pr.t, pr.nodes[1-i])
		if onCredit := x.Expected - x.Covered; x.Exposure+onCredit > window {
			pr.rt.Fatalf("exposed %d and %d expected of %d", x.Exposure, onCredit, uint64(window))
		}
		if x.SettledOut > x.Paid || x.Settled > x.Received {
			pr.rt.Fatalf("more settled than noted: %+v", x)
		}
		if err := n.now().Check(context.Background()); err != nil {
			pr.rt.Fatal(err)
		}
	}
}

// ends requires that one direction came to its end.
func (pr *program) ends(payer, payee *node) {
	t := pr.t
	for _, n := range pr.nodes {
		if err := n.now().Check(context.Background()); err != nil {
			pr.rt.Fatal(err)
		}
	}
	var sum, settled uint64
	list, err := payee.now().Journal().List(payments.Filter{Direction: payments.In})
	if err != nil {
		pr.rt.Fatal(err)
	}
	for _, e := range list {
		if e.State.Open() {
			pr.rt.Fatalf("payee's %s is %s still: %s", e.Ref, e.State, e.Reason)
		}
		if e.State == payments.StateCaptured && e.Ref.Class() == "" {
			sum += e.Amount.Value
		}
		if e.State == payments.StateCaptured && e.Ref.Class() != "" {
			settled += e.Amount.Value
		}
	}
	list, err = payer.now().Journal().List(payments.Filter{Direction: payments.Out})
	if err != nil {
		pr.rt.Fatal(err)
	}
	for _, e := range list {
		if e.State.Open() {
			pr.rt.Fatalf("payer's %s is %s still: %s", e.Ref, e.State, e.Reason)
		}
		if e.Ref.Class() == "" && e.State != payee.state(t, payments.In, string(e.Ref)) &&
			(e.State == payments.StateCaptured || payee.state(t, payments.In, string(e.Ref)) == payments.StateCaptured) {
			pr.rt.Fatalf("%s: payer at %s, payee at %s", e.Ref, e.State, payee.state(t, payments.In, string(e.Ref)))
		}
	}
	x, y := payer.balance(t, payee), payee.balance(t, payer)
	if x.Paid != sum || y.Received != sum || x.SettledOut != settled || y.Settled != settled || sum-settled >= 50*sat {
		pr.rt.Fatalf("captured %d, settled %d:\n%+v\n%+v", sum, settled, x, y)
	}
	if x.Locked+x.Pending+y.Expected != 0 {
		pr.rt.Fatalf("not at an end:\n%+v\n%+v", x, y)
	}
	earned := int64(pr.w.router.coins(t) - 2*channel)
	if got := int64(payer.coins(t)) + int64(payee.coins(t)) + earned; got != 2*int64(channel) {
		pr.rt.Fatalf("%d msat are there", got)
	}
	if got, want := int64(payee.coins(t)-channel), int64(y.Settled)-int64(y.SettledOut); got > want || want-got > earned {
		pr.rt.Fatalf("payee has %d more, its books say %d, fees were %d", got, want, earned)
	}
}
