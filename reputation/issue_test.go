package reputation_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

func issue(t testing.TB, l *reputation.Ledger, k *identity.Key, r wire.Receipt, at time.Time) wire.Event {
	t.Helper()
	e, err := l.Issue(k, r, at)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decoded(t testing.TB, e wire.Event) wire.Receipt {
	t.Helper()
	r, err := wire.Decode[wire.Receipt](e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestIssueChains(t *testing.T) {
	t.Parallel()
	p, q := newParties(t), newParties(t)
	s := store.NewMem()
	l := reputation.NewLedger(p.payer.PubKey(), s, reputation.Default())
	var last wire.Event
	for i := range 5 {
		if i == 3 { // a restart
			l = reputation.NewLedger(p.payer.PubKey(), s, reputation.Default())
		}
		e := issue(t, l, p.payer, p.receipt(uint32(i)), now.Add(time.Duration(i)*time.Second))
		r := decoded(t, e)
		if r.Seq != uint64(i+1) || r.Prev != last.ID {
			t.Fatalf("receipt %d stands at %d after %s", i, r.Seq, r.Prev)
		}
		last = e
		// Said again later, also with a place of its own: the one that stands.
		again := p.receipt(uint32(i))
		again.Seq, again.Prev = 77, wire.ID{1}
		if e := issue(t, l, p.payer, again, now.Add(time.Hour)); e.ID != last.ID {
			t.Fatalf("receipt %d was issued twice", i)
		}
		// The countersigned one takes the same place.
		if _, err := l.AddReceipt(p.both(t, e)); err != nil {
			t.Fatal(err)
		}
	}
	other := p.receipt(2)
	other.Amount++
	if _, err := l.Issue(p.payer, other, now); !errors.Is(err, reputation.ErrConflict) {
		t.Error(err)
	}
	// Another party, another chain.
	apart := q.receipt(0)
	apart.Payer = p.payer.PubKey()
	if r := decoded(t, issue(t, l, p.payer, apart, now)); r.Seq != 1 || !r.Prev.IsZero() {
		t.Errorf("%d %s", r.Seq, r.Prev)
	}
	if _, err := l.Issue(q.payer, q.receipt(1), now); !errors.Is(err, reputation.ErrNotOurs) {
		t.Error(err)
	}
	if _, err := l.Issue(p.provider, p.receipt(9), now); !errors.Is(err, reputation.ErrNotOurs) {
		t.Errorf("signed with another's key: %v", err)
	}
}

func TestIssueAtOnce(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var docs []wire.Event
	for g := range 8 {
		wg.Go(func() {
			for i := range 10 {
				e, err := l.Issue(p.payer, p.receipt(uint32((g+i)%20)), now)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				docs = append(docs, e)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	ids := map[wire.ID]bool{}
	docs = slices.DeleteFunc(docs, func(e wire.Event) bool { seen := ids[e.ID]; ids[e.ID] = true; return seen })
	chains, err := reputation.VerifyChains(docs)
	if err != nil || len(chains) != 1 {
		t.Fatalf("%v %v", chains, err)
	}
	if c := chains[0]; c.Held != len(docs) || c.First != 1 || c.Last != uint64(len(docs)) || c.Gaps != 0 || len(c.Forks) != 0 {
		t.Errorf("%d receipts: %+v", len(docs), c)
	}
}

// provider's side: what a payer signs is held against its chain.
func TestForksAndGaps(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	payer := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	shadow := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default()) // another chain of the same key
	s := store.NewMem()
	book, err := reputation.NewBook(p.provider.PubKey(), s, reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	l := book.Ledger()
	for i := range uint32(6) {
		e := issue(t, payer, p.payer, p.receipt(i), now)
		if i == 2 || i == 3 { // kept from us
			continue
		}
		if _, err := l.AddReceipt(p.both(t, e)); err != nil {
			t.Fatal(err)
		}
	}
	x, err := l.Explain(now, p.payer.PubKey())
	if err != nil || x.Chain != (reputation.Chain{Held: 4, Head: 6, Gaps: 2}) || x.Score == 0 {
		t.Fatalf("%+v %v %v", x.Chain, x.Score, err)
	}
	forked := issue(t, shadow, p.payer, p.receipt(40), now)
	if _, err := l.AddReceipt(p.both(t, forked)); !errors.Is(err, reputation.ErrFork) || !errors.Is(err, reputation.ErrConflict) {
		t.Fatal(err)
	}
	if st, err := book.Standing(now, p.payer.PubKey(), reputation.App{}, ""); err != nil || st.Score != 0 || !st.Fraud || !st.Suspect {
		t.Errorf("%+v %v", st, err)
	}
	if x, err := book.Explain(now, p.payer.PubKey()); err != nil || x.Score != 0 || x.Chain.Forks != 1 || x.Bad != 10 {
		t.Errorf("%+v %v", x, err)
	}
	proofs, err := book.Accuse(p.provider, now)
	if err != nil || len(proofs) != 1 {
		t.Fatalf("%d proofs, %v", len(proofs), err)
	}
	if again, err := book.Accuse(p.provider, now); err != nil || len(again) != 0 {
		t.Errorf("accused twice: %v %v", again, err)
	}
	// A stranger who trusts nobody takes the proof, not the word.
	far, err := reputation.NewBook(newKey(t).PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	if fresh, err := far.Opinions().Add(proofs[0], now); !fresh || err != nil {
		t.Fatalf("%v %v", fresh, err)
	}
	for at, fraud := range map[time.Duration]bool{0: true, 179 * day: true, 181 * day: false} {
		if st, err := far.Standing(now.Add(at), p.payer.PubKey(), reputation.App{}, ""); err != nil || st.Fraud != fraud || st.Score != 0 {
			t.Errorf("after %v: %+v %v", at, st, err)
		}
	}
	if n, err := l.Prune(now.Add(time.Hour)); err != nil || n != 4 {
		t.Errorf("%d %v", n, err)
	}
	if st, err := book.Standing(now, newKey(t).PubKey(), reputation.App{}, ""); err != nil || st != (reputation.Standing{}) {
		t.Errorf("a stranger: %+v %v", st, err)
	}
}

// TestTwoJudgements: one attempt, two verdicts, each in its place of the chain.
func TestTwoJudgements(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	payer := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	l := reputation.NewLedger(p.provider.PubKey(), store.NewMem(), reputation.Default())
	first := issue(t, payer, p.payer, p.receipt(0), now)
	if _, err := l.AddReceipt(p.both(t, first)); err != nil {
		t.Fatal(err)
	}
	r := p.receipt(0)
	r.Amount--
	r.Prev, r.Seq = first.ID, 2
	if _, err := l.AddReceipt(p.both(t, p.sign(t, r, now))); !errors.Is(err, reputation.ErrFork) {
		t.Error(err)
	}
	forks, err := l.Forks(p.payer.PubKey())
	if err != nil || len(forks) != 1 || forks[0].Docs[0].ID != first.ID {
		t.Errorf("%+v %v", forks, err)
	}
	// One that only differs in when is nobody's fraud.
	r = p.receipt(0)
	r.EndedMS++
	r.Prev, r.Seq = first.ID, 2
	if _, err := l.AddReceipt(p.both(t, p.sign(t, r, now))); !errors.Is(err, reputation.ErrConflict) || errors.Is(err, reputation.ErrFork) {
		t.Error(err)
	}
}

func TestUnpaid(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	payer := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	book, err := reputation.NewBook(p.provider.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	l := book.Ledger()
	owe := func(shard uint32) wire.Receipt {
		r := p.receipt(shard)
		r.Verdict, r.Blame, r.Amount, r.PayRef, r.Label = wire.VerdictUnpaid, wire.BlameClient, 0, "", wire.LabelClaimed
		return r
	}
	standing := func() reputation.Standing {
		t.Helper()
		s, err := book.Standing(now, p.payer.PubKey(), reputation.App{}, "")
		if err != nil {
			t.Fatal(err)
		}
		x, err := book.Explain(now, p.payer.PubKey())
		if err != nil || !near(x.Score, s.Score, 1e-9) {
			t.Fatalf("explained as %v, is %v (%v)", x.Score, s.Score, err)
		}
		return s
	}
	for i := range uint32(3) {
		issue(t, l, p.provider, owe(i), now)
	}
	if s := standing(); s.Owes != 3 || s.Score != 0 || !s.Known || s.Fraud {
		t.Errorf("%+v", s)
	}
	x, err := l.Explain(now, p.payer.PubKey())
	if err != nil || x.Bad != 3 {
		t.Errorf("%+v %v", x, err)
	}
	// It pays two after all.
	for i := range uint32(2) {
		if _, err := l.AddReceipt(p.both(t, issue(t, payer, p.payer, p.receipt(i), now))); err != nil {
			t.Fatal(err)
		}
	}
	if s := standing(); s.Owes != 1 {
		t.Errorf("%+v", s)
	}
	// What was paid is no debt.
	if _, err := l.AddReceipt(p.both(t, issue(t, payer, p.payer, p.receipt(8), now))); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Issue(p.provider, owe(8), now); !errors.Is(err, reputation.ErrConflict) {
		t.Error(err)
	}
	// Nobody says of itself that it did not pay, or of another's payer.
	if _, err := payer.Issue(p.payer, owe(9), now); !errors.Is(err, reputation.ErrReceipt) {
		t.Error(err)
	}
	// Of the provider an unpaid receipt says nothing.
	if x, err := payer.Explain(now, p.provider.PubKey()); err != nil || x.Bad != 0 {
		t.Errorf("%+v %v", x, err)
	}
}

// TestMadeGood wants a debt that was paid late to count no more, and nothing else
// to change by it.
func TestMadeGood(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	book, err := reputation.NewBook(p.provider.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	owes := func() uint64 {
		s, err := book.Standing(now, p.payer.PubKey(), reputation.App{}, "")
		if err != nil {
			t.Fatal(err)
		}
		return s.Owes
	}
	unpaid := func(shard uint32) wire.Receipt {
		r := p.receipt(shard)
		r.Verdict, r.Amount, r.PayRef, r.Label, r.Blame, r.Comparator = wire.VerdictUnpaid, 0, "", wire.LabelClaimed, wire.BlameClient, ""
		return r
	}
	for shard := range uint32(2) {
		if _, err := book.Ledger().Issue(p.provider, unpaid(shard), now); err != nil {
			t.Fatal(err)
		}
	}
	if owes() != 2 {
		t.Fatalf("it owes %d", owes())
	}
	for range 2 { // the second time changes nothing
		if err := book.Ledger().MadeGood(unpaid(1)); err != nil || owes() != 1 {
			t.Errorf("%v, it owes %d", err, owes())
		}
	}
	if err := book.Ledger().MadeGood(unpaid(7)); err != nil || owes() != 1 {
		t.Errorf("of an attempt that nothing was said of: %v, it owes %d", err, owes())
	}
	if list, err := book.Ledger().ByJob(unpaid(1).Job); err != nil || len(list) != 2 {
		t.Errorf("%d receipts are kept, %v", len(list), err)
	}
}
