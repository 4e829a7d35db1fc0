package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

func TestRailConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		w := newWorld(t)
		return w.pair(w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem()), 100)
	})
}

func TestRailOfMoneyConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		w, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
		return w.pair(a, b, 100)
	})
}

func TestProofIsACountersignedNote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	for i, amount := range []uint64{3, 4} {
		ref := fmt.Sprintf("job/%d/0", i)
		b.expect(a, ref, amount)
		proof, err := a.now().Pay(t.Context(), pay(b, ref, amount))
		if err != nil {
			t.Fatal(err)
		}
		c, err := wire.ParseCountersigned(proof.Doc)
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
		if c.Doc.PubKey != a.id() || n.Payee != b.id() || n.Ref != ref || n.Amount != amount ||
			n.Seq != uint64(i+1) || n.Cumulative != []uint64{3, 7}[i] {
			t.Fatalf("note %+v", n)
		}
	}
	agree(t, a, b)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	low := config(100)
	low.Ceiling = 10
	a, b := w.add(low, store.NewMem()), w.add(config(100), store.NewMem())
	a.expect(b, "k/0/0", 100)
	b.cfg.Limits = map[identity.PubKey]uint64{a.id(): 100}
	b.cfg.Limit = 0
	b.restart()
	b.expect(a, "j/0/0", 11)
	_, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 11))
	if !errors.Is(err, payments.ErrOverLimit) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatalf("over our own ceiling: %v", err)
	}
	if room, err := b.now().RoomFor(t.Context(), a.id()); err != nil || room.Value != 89 {
		t.Fatalf("room %v, %v", room, err)
	}
}

// A payee that lowered its limit after it accepted the work says so, and
// nothing is charged.
func TestLimitLoweredMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 50)
	b.cfg.Limit = 49
	b.restart()
	_, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 50))
	if !errors.Is(err, payments.ErrOverLimit) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatal(err)
	}
	agree(t, a, b)
	b.cfg.Limit = 100
	b.restart()
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 50)); err != nil {
		t.Fatal(err)
	}
	agree(t, a, b)
}

func TestUnresolvedNoteBlocksOnlyItsPeer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	b.expect(a, "j/1/0", 5)
	c.expect(a, "j/2/0", 5)
	w.fault(paymentstest.LostReply)
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 5)); payments.OutcomeOf(err) != payments.OutcomeUnknown {
		t.Fatal(err)
	}
	w.fault(paymentstest.Refuses)
	_, err := a.now().Pay(t.Context(), pay(b, "j/1/0", 5))
	if !errors.Is(err, payments.ErrBusy) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatal(err)
	}
	if _, err := a.now().Pay(t.Context(), pay(c, "j/2/0", 5)); err != nil {
		t.Fatal(err)
	}
	if got := a.balance(b); got.Pending != 5 || got.Paid != 0 {
		t.Fatalf("%+v", got)
	}
	if rep, err := a.now().Sweep(t.Context()); err != nil || rep.Settled != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	agree(t, a, b)
	agree(t, a, c)
}

func TestManyPeersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.add(config(1000), store.NewMem())
	var payees []*node
	for range 4 {
		payees = append(payees, w.add(config(1000), store.NewMem()))
	}
	var all sync.WaitGroup
	for i, b := range payees {
		for j := range 6 {
			ref := fmt.Sprintf("p%d/%d/0", i, j)
			b.expect(a, ref, uint64(j+1))
			all.Go(func() {
				if _, err := a.now().Pay(context.Background(), pay(b, ref, uint64(j+1))); err != nil {
					t.Error(err)
				}
				// And the other way at the same time.
				back := "back" + ref
				a.expect(b, back, 2)
				if _, err := b.now().Pay(context.Background(), pay(a, back, 2)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, b := range payees {
		agree(t, a, b)
		if got := a.balance(b); got.Paid != 21 || got.Received != 12 || got.Net != -9 {
			t.Fatalf("%+v", got)
		}
	}
}

// A payer whose book was set back signs a number again: both see both notes.
func TestDivergenceIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 5)); err != nil {
		t.Fatal(err)
	}
	a.s = store.NewMem() // all forgotten
	a.restart()
	b.expect(a, "j/1/0", 7)
	_, err := a.now().Pay(t.Context(), pay(b, "j/1/0", 7))
	if !errors.Is(err, payments.ErrDiverged) || payments.OutcomeOf(err) != payments.OutcomeUnknown {
		t.Fatal(err)
	}
	for _, bal := range []payments.Balance{a.balance(b), b.balance(a)} {
		if bal.Dispute == "" {
			t.Fatalf("no dispute in %+v", bal)
		}
	}
	if got := b.balance(a); got.Received != 5 || got.Expected != 7 {
		t.Fatalf("the payee's book moved: %+v", got)
	}
	e, err := a.now().Status(t.Context(), b.id(), "j/1/0")
	if err != nil || e.State != payments.StateUnknown || e.Reason == "" {
		t.Fatalf("%+v %v", e, err)
	}
}

func TestRunWaivesAndSettlesByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		for _, n := range []*node{a, b} {
			run.Go(func() {
				if err := n.now().Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		b.expect(a, "j/0/0", 5)
		b.expect(a, "j/1/0", 6)
		w.fault(paymentstest.LostReply)
		if _, err := a.now().Pay(ctx, pay(b, "j/0/0", 5)); payments.OutcomeOf(err) != payments.OutcomeUnknown {
			t.Fatal(err)
		}
		<-time.After(2 * config(0).Reconcile) // virtual
		synctest.Wait()
		if got := a.balance(b); got.Paid != 5 || got.Pending != 0 {
			t.Fatalf("not settled: %+v", got)
		}
		<-time.After(config(0).ExpectFor) // virtual
		synctest.Wait()
		if got := b.balance(a); got.Expected != 0 || got.Received != 5 {
			t.Fatalf("not waived: %+v", got)
		}
		agree(t, a, b)
		cancel()
		run.Wait()
	})
}

// Strangers who only send what nobody expects take each other's places, not those
// of whom something is expected or who have paid.
func TestStrangersCannotFillTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := config(100)
	cfg.Accounts = 4
	b := w.add(cfg, store.NewMem())
	var swarm []*node
	flood := func() {
		t.Helper()
		for i := range 12 {
			a := w.add(config(100), store.NewMem())
			_, err := a.now().Pay(t.Context(), pay(b, fmt.Sprintf("j/%d/0", i), 1))
			if payments.OutcomeOf(err) != payments.NotCharged {
				t.Fatalf("%d: %v", i, err)
			}
			swarm = append(swarm, a)
		}
	}
	flood()
	var honest []*node
	for i := range 3 {
		a := w.add(config(100), store.NewMem())
		ref := fmt.Sprintf("h/%d/0", i)
		b.expect(a, ref, 5)
		flood()
		if _, err := a.now().Pay(t.Context(), pay(b, ref, 5)); err != nil {
			t.Fatal(err)
		}
		honest = append(honest, a)
	}
	// One that was refused and forgotten is no worse off than before.
	old := swarm[0]
	b.expect(old, "s/0/0", 5)
	if _, err := old.now().Pay(t.Context(), pay(b, "s/0/0", 5)); err != nil {
		t.Fatal(err)
	}
	if rep, err := old.now().Reconcile(t.Context()); err != nil || len(rep.Differences) != 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if rep, err := swarm[1].now().Reconcile(t.Context()); err != nil || len(rep.Differences) != 0 {
		t.Fatalf("forgotten: %+v, %v", rep, err)
	}
	for _, a := range append(honest, old) {
		agree(t, a, b)
	}
	// Four whose accounts say something are as many as there may be.
	_, err := w.add(config(100), store.NewMem()).now().Pay(t.Context(), pay(b, "j/0/0", 1))
	if payments.OutcomeOf(err) != payments.OutcomeUnknown { // nothing was decided
		t.Fatal(err)
	}
	all, err := b.now().Balances(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("%d accounts, %v", len(all), err)
	}
}

// What is waived leaves no account behind.
func TestNothingIsKeptOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := config(100)
	cfg.Accounts = 1
	b := w.add(cfg, store.NewMem())
	for range 3 {
		a := w.add(config(100), store.NewMem())
		b.expect(a, "j/0/0", 5)
		if err := b.now().Waive(t.Context(), a.id(), "j/0/0", "not done"); err != nil {
			t.Fatal(err)
		}
		if all, err := b.now().Balances(t.Context()); err != nil || len(all) != 0 {
			t.Fatalf("%+v, %v", all, err)
		}
	}
	if err := b.now().Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBalanceJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	raw, err := json.Marshal(b.balance(a))
	want := fmt.Sprintf(`{"peer":%q,"unit":"credits","paid":0,"received":0,"pending":0,"expected":5,"net":0,"limit":100,"left":95,"ceiling":1000000}`, a.id())
	if err != nil || string(raw) != want {
		t.Fatalf("%s\n%s %v", raw, want, err)
	}
}
