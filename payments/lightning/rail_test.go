package lightning_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// What is noted is made good by one payment, exact to the millisatoshi, and
// nothing is paid below the least invoice.
func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(200*sat))
		for i, v := range []uint64{30*sat + 7, 19 * sat, 1*sat - 8} {
			ref := fmt.Sprintf("job/%d/0", i)
			b.expect(t, a, ref, v)
			a.pays(t, b, ref, v)
		}
		a.reconcile(t)
		if x := a.balance(t, b); x.SettledOut != 0 || x.Paid != 50*sat-1 {
			t.Fatalf("settled below the least: %+v", x)
		}
		// Too little for an invoice, it is shown on both sides and waits for more, and
		// is never overdue.
		w.sleep(24 * time.Hour)
		if x := b.balance(t, a); x.Exposure != 50*sat-1 || x.Settled != 0 || x.Overdue != 0 {
			t.Fatalf("the payee's book: %+v", x)
		}
		if rep := b.reconcile(t); len(rep.Differences) != 0 || len(b.told) != 0 {
			t.Fatalf("%+v, told %q", rep, b.told)
		}
		b.expect(t, a, "job/3/0", 1)
		a.pays(t, b, "job/3/0", 1)
		a.reconcile(t)
		if x := a.balance(t, b); x.SettledOut != 50*sat {
			t.Fatalf("not settled: %+v", x)
		}
		b.reconcile(t)
		w.agree(t, a, b)
		if got := a.spent(t); got != 50*sat { // a direct channel costs no fees
			t.Fatalf("the ceiling counted %d", got)
		}
		list, err := a.now().Journal().List(payments.Filter{Prefix: payments.ClassSettle})
		if err != nil || len(list) != 1 || list[0].State != payments.StateCaptured || len(list[0].Answer) != 32 {
			t.Fatalf("%+v %v", list, err)
		}
	})
}

// T1: a hold is locked before the work and taken after it, exact to the msat.
func TestHoldIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		p := pay(b, "job/0/0", 1234*sat+5)
		for range 2 {
			if err := a.now().Fund(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if x := a.balance(t, b); x.Locked != p.Amount.Value || x.OurExposure != p.Amount.Value {
			t.Fatalf("%+v", x)
		}
		b.expect(t, a, "job/0/0", p.Amount.Value)
		proof := a.pays(t, b, "job/0/0", p.Amount.Value)
		again := a.pays(t, b, "job/0/0", p.Amount.Value)
		if string(proof.Doc) != string(again.Doc) {
			t.Fatal("two proofs")
		}
		c, err := wire.ParseCountersigned(proof.Doc)
		if err != nil || c.Verify(b.id()) != nil {
			t.Fatalf("proof: %v", err)
		}
		w.agree(t, a, b)
		if x := b.balance(t, a); x.Received != p.Amount.Value || x.Settled != x.Received || x.Exposure != 0 {
			t.Fatalf("%+v", x)
		}
		if got := a.spent(t); got != p.Amount.Value {
			t.Fatalf("the ceiling counted %d", got)
		}
	})
}

// T2: what was not earned goes back, whoever gives it up.
func TestHoldGoesBack(t *testing.T) {
	t.Parallel()
	for name, give := range map[string]func(t *testing.T, a, b *node) error{
		"payer": func(t *testing.T, a, _ *node) error {
			return a.now().Release(t.Context(), "job/0/0", "another took it")
		},
		"payee": func(t *testing.T, a, b *node) error {
			return b.now().Waive(t.Context(), a.id(), "job/0/0", "the result was wrong")
		},
		"nobody": func(t *testing.T, a, b *node) error { a.w.sleep(2 * a.cfg.Work); b.reconcile(t); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a, b := pair(t, config(0))
				p := pay(b, "job/0/0", 1000*sat)
				if err := a.now().Fund(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				b.expect(t, a, "job/0/0", p.Amount.Value)
				for range 2 {
					if err := give(t, a, b); err != nil {
						t.Fatal(err)
					}
				}
				a.reconcile(t)
				b.reconcile(t)
				if s := b.state(t, payments.In, "job/0/0"); s != payments.StateReleased {
					t.Fatalf("payee is at %s", s)
				}
				w.agree(t, a, b)
				if got := a.spent(t); got != 0 {
					t.Fatalf("the ceiling still counts %d", got)
				}
				_, err := a.now().Pay(t.Context(), p)
				if payments.OutcomeOf(err) != payments.NotCharged {
					t.Fatalf("paid after it went back: %v", err)
				}
				w.agree(t, a, b)
			})
		})
	}
}
