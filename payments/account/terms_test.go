package account_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// paid lets b expect and a pay so much.
func paid(t *testing.T, a, b *node, ref string, n uint64) {
	t.Helper()
	b.expect(a, ref, n)
	if _, err := a.now().Pay(t.Context(), pay(b, ref, n)); err != nil {
		t.Fatal(err)
	}
}

// A peer starts with the least and comes to the most by what was settled in the
// last thirty days, which is forgotten again.
func TestLimitGrowsWithWhatWasSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
		b.cfg.Growth = &account.Growth{Least: 100, Most: 400, PerMille: 500, Over: 30 * 24 * time.Hour}
		b.restart()
		want := func(limit uint64) {
			t.Helper()
			if got := b.balance(a); got.Limit != limit || got.Window != limit {
				t.Fatalf("limit %d, want %d", got.Limit, limit)
			}
		}
		paid(t, a, b, "j/0/0", 100)
		want(100) // noted is not settled
		if err := a.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(100)
		for i := range 5 {
			paid(t, a, b, fmt.Sprintf("j/1/%d", i), 100)
			if err := a.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want(300)
		<-time.After(20 * 24 * time.Hour) // virtual
		for i := range 6 {
			paid(t, a, b, fmt.Sprintf("j/2/%d", i), 100)
			if err := a.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want(400)
		<-time.After(15 * 24 * time.Hour)
		want(300) // what was settled first is too long ago
		<-time.After(20 * 24 * time.Hour)
		want(100)
		w.served.Wait()
	})
}

// On credit what both sides cancelled out is what was settled.
func TestCreditGrowsWithWhatCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := config(0)
	cfg.Growth = &account.Growth{Least: 50, Most: 1000, PerMille: 1000, Over: time.Hour}
	a, b := w.add(cfg, store.NewMem()), w.add(cfg, store.NewMem())
	paid(t, a, b, "j/0/0", 50)
	if got := b.balance(a); got.Limit != 50 || got.Left != 0 {
		t.Fatalf("%+v", got)
	}
	paid(t, b, a, "k/0/0", 80)
	for _, got := range []payments.Balance{a.balance(b), b.balance(a)} {
		if got.Limit != 50 || got.Overdue != 0 {
			t.Fatalf("%+v", got)
		}
	}
	paid(t, a, b, "j/1/0", 70)
	if got := b.balance(a); got.Limit != 80 || got.Net != 40 || got.Exposure != 40 || got.Left != 40 {
		t.Fatalf("%+v", got)
	}
	agree(t, a, b)
}

// A debt that is old is shown as overdue, as far as it is old, and the
// reconciler says so.
func TestOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.add(config(1000), store.NewMem()), w.add(config(1000), store.NewMem())
		began := time.Now()
		for i := range 40 {
			paid(t, a, b, fmt.Sprintf("j/%d/0", i), 10)
			<-time.After(24 * time.Hour) // virtual
		}
		got := b.balance(a)
		if got.Exposure != 400 || got.Overdue < 80 || got.Overdue > 100 || got.Since.Sub(began).Abs() > time.Second {
			t.Fatalf("%+v", got)
		}
		paid(t, b, a, "k/0/0", 90) // the oldest are cancelled first
		got = b.balance(a)
		if got.Exposure != 310 || got.Overdue > 10 || got.Since.Sub(began) < 8*24*time.Hour {
			t.Fatalf("%+v", got)
		}
		<-time.After(60 * 24 * time.Hour)
		if got = b.balance(a); got.Overdue != got.Exposure {
			t.Fatalf("%+v", got)
		}
		rep, err := b.now().Reconcile(t.Context())
		if err != nil || len(rep.Differences) != 1 || rep.Differences[0].Kind != payments.KindOverdue || rep.Differences[0].Amount.Value != 310 {
			t.Fatalf("%+v %v", rep, err)
		}
		w.served.Wait()
	})
}

// What a peer's books say differently is a difference, with what is certain, and
// a dispute in the balance until the books meet.
func TestReconcileComparesTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	paid(t, a, b, "j/0/0", 5)
	old := clone(t, b.s)
	paid(t, a, b, "j/1/0", 7)
	whole := b.s
	rep, err := a.now().Reconcile(t.Context())
	if err != nil || len(rep.Differences) != 0 || rep.Entries != 2 || rep.Took <= 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	b.s = old // the payee's disk went back to an older state
	b.restart()
	for _, n := range []*node{a, b} {
		rep, err = n.now().Reconcile(t.Context())
		if err != nil || len(rep.Differences) != 1 {
			t.Fatalf("%+v %v", rep, err)
		}
		d := rep.Differences[0]
		if d.Kind != payments.KindTotals || d.Amount.Value != 7 || d.Certain == "" || d.Doing == "" || !strings.Contains(d.What, "12") {
			t.Fatalf("%+v", d)
		}
	}
	if a.balance(b).Dispute == "" || b.balance(a).Dispute == "" {
		t.Fatalf("%+v\n%+v", a.balance(b), b.balance(a))
	}
	b.s = whole
	b.restart()
	for _, n := range []*node{a, b} {
		if rep, err = n.now().Reconcile(t.Context()); err != nil || len(rep.Differences) != 0 {
			t.Fatalf("%+v %v", rep, err)
		}
	}
	if a.balance(b).Dispute != "" || b.balance(a).Dispute != "" {
		t.Fatalf("%+v\n%+v", a.balance(b), b.balance(a))
	}
	delete(w.nodes, b.id())
	if rep, err = a.now().Reconcile(t.Context()); err != nil || len(rep.Differences) != 1 || rep.Differences[0].Kind != payments.KindUnreachable {
		t.Fatalf("%+v %v", rep, err)
	}
}

// clone copies what is in a store now.
func clone(t *testing.T, s store.Store) store.Store {
	t.Helper()
	to := store.NewMem()
	err := s.View(func(r store.Reader) error {
		return to.Update(func(tx store.Txn) error {
			return r.Scan(nil, func(k, v []byte) error { return tx.Set(k, v) })
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A node that lost notes of its own hears of it with the next note of the other
// side, not only when it pays itself.
func TestLostNotesShowAtTheNextMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	old := clone(t, a.s)
	paid(t, a, b, "j/0/0", 5)
	a.s = old
	a.restart()
	if got := a.balance(b); got.Dispute != "" {
		t.Fatalf("%+v", got)
	}
	paid(t, b, a, "k/0/0", 3)
	if got := a.balance(b); !strings.Contains(got.Dispute, "total of 5") {
		t.Fatalf("%+v", got)
	}
}

// A payment under a lock counts no credit, needs no note and owes nothing.
func TestSecured(t *testing.T) {
	t.Parallel()
	_, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
	big := pay(a, "j/0/0", 5000) // far over the limit
	if err := b.now().ExpectSecured(t.Context(), big, "hold/j/0/0"); err != nil {
		t.Fatal(err)
	}
	b.expect(a, "j/1/0", 60)
	if err := b.now().ExpectSecured(t.Context(), pay(a, "j/1/0", 60), "hold/j/1/0"); err != nil { // and now it is locked
		t.Fatal(err)
	}
	if got := b.balance(a); got.Left != 100 || got.Expected != 5060 {
		t.Fatalf("%+v", got)
	}
	if err := b.now().Waive(t.Context(), a.id(), "j/1/0", "bad work"); err != nil {
		t.Fatal(err)
	}
	agree(t, a, b)
	if got := b.balance(a); got.Expected != 5000 {
		t.Fatalf("%+v", got)
	}
	capture := func(n *node, d payments.Direction, p payments.Payment) error {
		return n.s.Update(func(tx store.Txn) error {
			_, err := n.now().CaptureSecured(tx, d, p, "hold/j/0/0", []byte("doc"), []byte("answer"))
			return err
		})
	}
	for range 2 {
		if err := errors.Join(capture(a, payments.Out, pay(b, "j/0/0", 5000)), capture(b, payments.In, big)); err != nil {
			t.Fatal(err)
		}
	}
	if err := capture(b, payments.In, pay(a, "j/0/0", 5001)); !errors.Is(err, payments.ErrConflict) {
		t.Fatal(err)
	}
	x, y := a.balance(b), b.balance(a)
	if x.Paid != 5000 || x.SettledOut != 5000 || y.Received != 5000 || y.Settled != 5000 || y.Exposure != 0 || y.Left != 100 {
		t.Fatalf("%+v\n%+v", x, y)
	}
	agree(t, a, b)
	if e, err := b.now().Status(t.Context(), a.id(), "j/0/0"); err != nil || e.State != payments.StateCaptured || e.Secured != "hold/j/0/0" {
		t.Fatalf("%+v %v", e, err)
	}
}

// What settles is monotone, idempotent and never more than was noted.
func TestSettledIsBounded(t *testing.T) {
	t.Parallel()
	_, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
	paid(t, a, b, "j/0/0", 50)
	settled := func(n *node, f func(store.Txn, identity.PubKey, uint64, time.Time) error, peer identity.PubKey, upTo uint64) error {
		return n.s.Update(func(tx store.Txn) error { return f(tx, peer, upTo, time.Now()) })
	}
	if err := settled(b, b.now().SettledIn, a.id(), 51); !errors.Is(err, account.ErrBooks) {
		t.Fatal(err)
	}
	for _, upTo := range []uint64{20, 20, 10, 50, 50} {
		if err := errors.Join(settled(b, b.now().SettledIn, a.id(), upTo), settled(a, a.now().SettledOut, b.id(), upTo)); err != nil {
			t.Fatal(err)
		}
	}
	owed, err := b.now().Owed(t.Context(), a.id())
	owing, err2 := a.now().Owing(t.Context(), b.id())
	if err != nil || err2 != nil || owed.Settled != 50 || owing.Settled != 50 || owed.Root != owing.Root || owed.Root.IsZero() ||
		owed.Channel != owing.Channel || owed.Seq != owing.Seq || !owed.Since.IsZero() {
		t.Fatalf("%+v\n%+v", owed, owing)
	}
	w := newWorld(t)
	c := w.add(config(100), store.NewMem())
	if err := settled(c, c.now().SettledIn, a.id(), 1); !errors.Is(err, account.ErrConfig) {
		t.Fatal(err)
	}
}

// A payee that is ahead still knows what the payer means.
func TestOwedAt(t *testing.T) {
	t.Parallel()
	_, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
	var then []account.Debt
	for i := range 20 {
		paid(t, a, b, fmt.Sprintf("j/%d/0", i), 1)
		d, err := a.now().Owing(t.Context(), b.id())
		if err != nil {
			t.Fatal(err)
		}
		then = append(then, d)
	}
	err := b.s.View(func(tx store.Reader) error {
		for i, want := range then {
			d, err := b.now().OwedAt(tx, a.id(), want.Seq)
			switch {
			case i < 4 && !errors.Is(err, account.ErrPassed):
				return fmt.Errorf("note %d: %w", i, err)
			case i >= 4 && (err != nil || d.Root != want.Root || d.Total != want.Total):
				return fmt.Errorf("note %d: %+v, want %+v: %w", i, d, want, err)
			}
		}
		_, err := b.now().OwedAt(tx, a.id(), 21)
		if !errors.Is(err, account.ErrPassed) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is no note and for nobody here is the peer's fault.
func TestTermsAndStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	terms, err := a.now().AskTerms(t.Context(), b.id())
	if err != nil || terms.Limit != 100 || terms.Rail != "credit" || terms.Unit != "credits" {
		t.Fatalf("%+v %v", terms, err)
	}
	for name, m := range map[string]wire.Message{
		"another rail": wire.PayTermsAsk{Rail: "polygon"},
		"no settler":   wire.Release{Rail: "credit", Ref: "j/0/0", Hold: wire.RandomID()},
	} {
		e, err := wire.Seal(a.key, m, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		answers, err := say(t, b, a.id(), e)
		if !errors.Is(err, account.ErrNote) || len(answers) != 1 || code(t, answers[0]) != account.CodeBadNote {
			t.Errorf("%s: %v %v", name, answers, err)
		}
	}
	e, err := wire.Seal(b.key, wire.PayTermsAsk{Rail: "credit"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := say(t, b, a.id(), e); !errors.Is(err, account.ErrNote) {
		t.Errorf("signed by another: %v", err)
	}
}

// An account as the first version wrote it goes on.
func TestFirstAccountIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	paid(t, a, b, "j/0/0", 5)
	for _, n := range []*node{a, b} {
		err := n.s.Update(func(tx store.Txn) error {
			key := []byte("account/" + map[bool]string{true: b.id().Hex(), false: a.id().Hex()}[n == a])
			first := `{"paid":{"seq":1,"total":5},"got":{"seq":0,"total":0,"decided":""},"reserved":0}`
			if n == b {
				first = `{"paid":{"seq":0,"total":0},"got":{"seq":1,"total":5,"decided":"` + strings.Repeat("0", 64) + `"},"reserved":0}`
			}
			if !json.Valid([]byte(first)) {
				return errors.New(first)
			}
			return tx.Set(key, []byte(strings.Replace(first, `"decided":""`, `"decided":"`+strings.Repeat("0", 64)+`"`, 1)))
		})
		if err != nil {
			t.Fatal(err)
		}
		n.restart()
	}
	agree(t, a, b)
	paid(t, a, b, "j/1/0", 7)
	agree(t, a, b)
	if got := b.balance(a); got.Received != 12 || got.Exposure != 12 || got.Since.IsZero() {
		t.Fatalf("%+v", got)
	}
}

// covered is a Settler that holds so much money of every peer.
type covered struct {
	account.Settler
	by uint64
}

func (c covered) Cover(store.Reader, identity.PubKey) (uint64, error) { return c.by, nil }

// What is covered may be owed beside the limit: room, what is expected and what
// is paid agree on how much that is, for one call and for many at once.
func TestCoverWidensWhatIsExpected(t *testing.T) {
	t.Parallel()
	_, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
	b.now().Use(covered{b.pays, 50})
	if room, err := b.now().RoomFor(t.Context(), a.id()); err != nil || room.Value != 150 {
		t.Fatalf("room %v, %v", room, err)
	}
	errs := make(chan error, 16)
	for i := range cap(errs) {
		go func() { errs <- b.now().Expect(t.Context(), pay(a, fmt.Sprintf("j/0/%d", i), 10)) }()
	}
	taken := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			taken++
		case !errors.Is(err, payments.ErrOverLimit):
			t.Fatal(err)
		}
	}
	if taken != 15 {
		t.Fatalf("%d payments of 10 expected where 150 may be owed", taken)
	}
	got := b.balance(a)
	if got.Expected != 150 || got.Left != 0 {
		t.Fatalf("%+v", got)
	}
}
