package lightning_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
)

// asked is the answer to a document of from, as a code where it is a refusal.
func (w *world) asked(t *testing.T, from, to *node, m wire.Message) string {
	t.Helper()
	e, err := wire.Seal(from.key, m, w.clock())
	if err != nil {
		t.Fatal(err)
	}
	a := w.send(t, from, to, e)
	if no, err := wire.Decode[wire.Error](a); err == nil {
		return no.Code
	}
	return a.Kind.String()
}

// channelTo is the channel of notes from one node to the other.
func (n *node) channelTo(t *testing.T, to *node) string {
	t.Helper()
	cfg := n.cfg.Account
	cfg.Name, cfg.Unit = lightning.Name, payments.MilliSat
	acc, err := account.New(cfg, n.key, n.disk, nil, n.w.clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := acc.Owing(t.Context(), to.id())
	if err != nil {
		t.Fatal(err)
	}
	return d.Channel
}

func holdAsk(t *testing.T, a, b *node, ref string) wire.InvoiceAsk {
	return wire.InvoiceAsk{
		Rail: lightning.Name, Channel: a.channelTo(t, b), Hold: wire.RandomID(), Ref: ref, Amount: shard, Expiry: 3600,
	}
}

// Asks for holds that a payee does not give.
func TestHoldsThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		stranger := w.add("stranger", config(0))
		good := holdAsk(t, a, b, "job/0/0")
		with := func(change func(*wire.InvoiceAsk)) wire.InvoiceAsk { m := good; change(&m); return m }
		for name, c := range map[string]struct {
			ask  wire.InvoiceAsk
			code string
		}{
			"too small":       {with(func(m *wire.InvoiceAsk) { m.Amount = 50*sat - 1 }), lightning.CodeSmall},
			"too large":       {with(func(m *wire.InvoiceAsk) { m.Amount = 5000*sat + 1 }), lightning.CodeHold},
			"largest":         {with(func(m *wire.InvoiceAsk) { m.Amount = payments.MaxValue }), lightning.CodeHold},
			"too long":        {with(func(m *wire.InvoiceAsk) { m.Expiry = 3 * 3600 }), lightning.CodeHold},
			"foreign channel": {with(func(m *wire.InvoiceAsk) { m.Channel = stranger.channelTo(t, b) }), account.CodeDiverged},
			"the rail's refs": {with(func(m *wire.InvoiceAsk) { m.Ref = "settle/x" }), lightning.CodeHold},
		} {
			if code := w.asked(t, a, b, c.ask); code != c.code {
				t.Errorf("%s: %s, want %s", name, code, c.code)
			}
		}
		if code := w.asked(t, a, b, good); code != wire.KindInvoice.String() {
			t.Fatal(code)
		}
		// A hash is one hold's, whoever asks; a ref is each payer's own.
		theirs := holdAsk(t, stranger, b, "job/0/0")
		theirs.Hold = good.Hold
		if code := w.asked(t, stranger, b, theirs); code != lightning.CodeHold {
			t.Fatalf("the same hash for another: %s", code)
		}
		theirs.Hold = wire.RandomID()
		if code := w.asked(t, stranger, b, theirs); code != wire.KindInvoice.String() {
			t.Fatalf("a stranger took the ref: %s", code)
		}
		// What was only asked for leaves nothing behind.
		w.sleep(10 * time.Minute)
		b.reconcile(t)
		list, err := b.now().Journal().List(payments.Filter{})
		if err != nil || len(list) != 0 {
			t.Fatalf("%+v %v", list, err)
		}
		if b.balance(t, stranger) != (payments.Balance{}) {
			t.Fatal("an account for a stranger")
		}
	})
}

// No number of strangers gets more holds than a node gives in all, nor all of
// them: who pays at once has its place, who has paid before keeps it while it has
// not, and what is locked stays.
func TestStrangersHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		newcomer := w.add("newcomer", config(0))
		w.ln.Open(newcomer.ln, b.ln, channel, channel)
		fund(t, a, b, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		early := holdAsk(t, a, b, "job/1/0")
		if code := w.asked(t, a, b, early); code != wire.KindInvoice.String() {
			t.Fatal(code)
		}
		fund(t, newcomer, b, "first/0/0", shard)
		asked := 0
		swarm := func(keys int) {
			t.Helper()
			for range keys {
				s := w.add(fmt.Sprint("stranger ", asked), config(0))
				for j := range 9 {
					code := w.asked(t, s, b, holdAsk(t, s, b, fmt.Sprintf("job/%d/0", j)))
					if want := map[bool]string{true: wire.KindInvoice.String(), false: lightning.CodeHold}[j < 8]; code != want {
						t.Fatalf("hold %d of a stranger: %s", j, code)
					}
					asked++
					w.sleep(time.Millisecond) // so that one is older than the other
				}
				if n := b.ln.Open(); n > 256 {
					t.Fatalf("%d invoices are open", n)
				}
			}
		}
		swarm(40)
		// Whenever it comes, and with more of them behind it, the newcomer has work.
		for i := range 3 {
			fund(t, newcomer, b, fmt.Sprintf("job/%d/0", i), shard)
			swarm(2)
			newcomer.pays(t, b, fmt.Sprintf("job/%d/0", i), shard)
		}
		newcomer.pays(t, b, "first/0/0", shard)
		if s, err := b.ln.Lookup(t.Context(), ln.Hash(early.Hold)); err != nil || s.State != ln.Open {
			t.Fatalf("of one who has paid before: %+v, %v", s, err)
		}
		// What nobody locks is over soon, and leaves nothing.
		w.sleep(2 * time.Minute)
		b.reconcile(t)
		if n := b.ln.Open(); n != 0 {
			t.Fatalf("%d invoices are open", n)
		}
		if err := b.now().Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A hold is expected from only when the money is there, and for its amount.
func TestExpectWhatIsLocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		if code := w.asked(t, a, b, holdAsk(t, a, b, "job/0/0")); code != wire.KindInvoice.String() {
			t.Fatal(code)
		}
		if err := b.now().Expect(t.Context(), pay(a, "job/0/0", shard)); !errors.Is(err, lightning.ErrNotLocked) {
			t.Fatal(err)
		}
		if err := a.now().Fund(t.Context(), pay(b, "job/1/0", shard)); err != nil {
			t.Fatal(err)
		}
		for _, v := range []uint64{shard - 1, shard + 1} {
			if err := b.now().Expect(t.Context(), pay(a, "job/1/0", v)); !errors.Is(err, payments.ErrConflict) {
				t.Fatal(err)
			}
		}
		// Shown before it is expected, the preimage takes nothing.
		_, err := a.now().Pay(t.Context(), pay(b, "job/1/0", shard))
		if payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatal(err)
		}
		w.agree(t, a, b)
		if got := a.spent(t); got != 0 {
			t.Fatalf("the ceiling counts %d", got)
		}
	})
}

// Asks for windows that are not what both signed.
func TestWindowsThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		channel, root := a.channelTo(t, b), wire.RandomID()
		ask := func(seq, from, to uint64) wire.InvoiceAsk {
			return wire.InvoiceAsk{Rail: lightning.Name, Channel: channel, Seq: seq, From: from, To: to, Root: root, Amount: to - from, Expiry: 300}
		}
		for name, c := range map[string]struct {
			ask  wire.InvoiceAsk
			code string
		}{
			"another chain of notes": {ask(1, 0, shard), account.CodeDiverged},
			"another total":          {ask(1, 0, shard-1), account.CodeDiverged},
			"a note to come":         {ask(2, 0, 2*shard), lightning.CodeMoved},
			"settled already, not":   {ask(1, 1, shard), account.CodeDiverged},
		} {
			if code := w.asked(t, a, b, c.ask); code != c.code {
				t.Errorf("%s: %s, want %s", name, code, c.code)
			}
		}
		w.converge(t, a, b, 2)
		w.agree(t, a, b)
		if code := w.asked(t, a, b, ask(1, 0, shard)); code != wire.KindPayTerms.String() {
			t.Fatalf("the payer knows of less: %s", code)
		}
	})
}

// A payer whose book lost the settlement is told by the payee's terms, and does
// not pay again.
func TestSettlementThatWasForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		// The node pays, and when it is asked it says that it did not.
		a.evil.track = func(p *ln.Payment) { p.State = ln.Failed }
		a.restart(&fate{left: -1})
		a.reconcile(t)
		a.evil.track = nil
		b.reconcile(t)
		w.converge(t, a, b, 2)
		w.agree(t, a, b)
		if x := a.balance(t, b); x.SettledOut != shard {
			t.Fatalf("%+v", x)
		}
	})
}

// A wallet that cannot hold says so, and windows work without.
func TestWalletWithoutHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		b.ln.Limit(ln.CanReceive | ln.CanPay | ln.CanBalance)
		if err := a.now().Fund(t.Context(), pay(b, "job/0/0", 2000*sat)); payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatal(err)
		}
		for i := range 2 {
			ref := fmt.Sprintf("job/%d/0", i+1)
			b.expect(t, a, ref, shard)
			a.pays(t, b, ref, shard)
			w.converge(t, a, b, 2)
		}
		w.agree(t, a, b)
	})
}

// Amounts that no rail carries, and refs that are the rail's own.
func TestFundOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, config(1000*sat))
		for _, c := range []struct {
			p    payments.Payment
			want error
		}{
			{pay(b, "job/0/0", 0), payments.ErrZero},
			{pay(b, "job/0/0", payments.MaxValue+1), payments.ErrOverflow},
			{pay(b, "job/0/0", payments.MaxValue), lightning.ErrHold},
			{pay(b, "hold/job/0/0", shard), payments.ErrSyntax},
			{pay(a, "job/0/0", shard), payments.ErrSyntax},
			{payments.Payment{Ref: "job/0/0", Peer: b.id(), Amount: payments.Amount{Value: shard, Unit: payments.Credits}}, payments.ErrUnit},
		} {
			if err := a.now().Fund(t.Context(), c.p); !errors.Is(err, c.want) || payments.OutcomeOf(err) != payments.NotCharged {
				t.Errorf("%+v: %v, want %v", c.p, err, c.want)
			}
		}
		if got := a.spent(t); got != 0 {
			t.Fatalf("the ceiling counts %d", got)
		}
	})
}

// A payer cannot have work done behind a lock that ends before the work may.
func TestLockOutlivesTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		p := pay(b, "job/0/0", shard)
		if err := a.now().FundFor(t.Context(), p, time.Minute); err != nil {
			t.Fatal(err)
		}
		theirs := pay(a, "job/0/0", shard)
		theirs.Work = time.Hour
		if err := b.now().Expect(t.Context(), theirs); !errors.Is(err, lightning.ErrNotLocked) {
			t.Fatal(err)
		}
		// Long work is locked for longer, and no longer than locks may last.
		p.Ref, p.Work = "job/1/0", 80*time.Minute
		if err := a.now().Fund(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		theirs.Ref, theirs.Work = p.Ref, p.Work
		if err := b.now().Expect(t.Context(), theirs); err != nil {
			t.Fatal(err)
		}
		p.Ref, p.Work = "job/2/0", 3*time.Hour
		if err := a.now().Fund(t.Context(), p); !errors.Is(err, lightning.ErrHold) {
			t.Fatal(err)
		}
		w.sleep(70 * time.Minute)
		b.reconcile(t)
		if s := b.state(t, payments.In, "job/1/0"); s != payments.StateQuoted {
			t.Fatal(s)
		}
	})
}

// Who connects another wallet while money is locked in the one before does not
// take what the new one has never heard of for given back, and pays nothing twice.
func TestAnotherWallet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		for _, ref := range []string{"job/0/0", "job/1/0"} {
			if err := a.now().Fund(t.Context(), pay(b, ref, shard)); err != nil {
				t.Fatal(err)
			}
			b.expect(t, a, ref, shard)
		}
		first, had := a.ln, b.coins(t)
		a.ln = w.ln.Node("another")
		w.ln.Open(a.ln, b.ln, channel, channel)
		had += channel
		a.restart(nil)
		w.sleep(10 * time.Minute)
		if _, err := a.now().Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		if x := a.balance(t, b); x.Locked != 2*shard {
			t.Fatalf("%+v", x)
		}
		// The preimage is the payer's, whatever its wallet.
		a.pays(t, b, "job/0/0", shard)
		if err := a.now().Release(t.Context(), "job/1/0", "not needed"); err != nil {
			t.Fatal(err)
		}
		if got := b.coins(t); got != had+shard {
			t.Fatalf("the payee has %d, want %d", got, had+shard)
		}
		a.ln = first
		a.restart(nil)
		a.reconcile(t)
		b.reconcile(t)
		if x := a.balance(t, b); x.Locked != 0 || x.Paid != shard || b.balance(t, a).Received != shard {
			t.Fatalf("%+v", x)
		}
	})
}
