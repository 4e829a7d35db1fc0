package reputation_test

import (
	"errors"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// TestDelegatedBlameCounts wants what an aggregator says of a provider in one's
// own job to count a little, to be told to nobody, and to be forgotten in time.
func TestDelegatedBlameCounts(t *testing.T) {
	t.Parallel()
	p, client := newParties(t), newKey(t)
	book, err := reputation.NewBook(client.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	l, agg, who := book.Ledger(), p.payer.PubKey(), p.provider.PubKey()
	caught := func() bool {
		s, err := book.Standing(now, who, reputation.App{}, "")
		if err != nil {
			t.Fatal(err)
		}
		return s.Caught
	}
	for shard := range uint32(8) {
		r := p.receipt(shard)
		r.Verdict, r.Amount, r.PayRef, r.Blame = wire.VerdictBad, 0, "", wire.BlameInconclusive
		if shard == 0 && caught() {
			t.Error("caught before anything was said")
		}
		for range 2 { // the same again adds nothing
			if _, err := l.AddDelegated(wire.Countersigned{Doc: p.sign(t, r, now)}, agg); err != nil {
				t.Fatal(err)
			}
		}
		if shard == 1 && caught() {
			t.Error("two words of an aggregator are enough")
		}
	}
	if !caught() {
		t.Error("eight wrong results in one's own jobs count for nothing")
	}
	x, err := l.Explain(now, who)
	if err != nil || len(x.Items) != 8 || !x.Items[0].Delegated {
		t.Errorf("%d items, %v", len(x.Items), err)
	}
	if x, err := l.Explain(now, agg); err != nil || len(x.Items) != 0 {
		t.Errorf("of the aggregator it says %+v, %v", x.Items, err)
	}
	if d, err := l.Digest(now, "net"); err != nil || len(d.Rows) != 0 {
		t.Errorf("an aggregator's word is told on: %+v, %v", d.Rows, err)
	}
	if list, err := l.ByJob(wire.ID{7}); err != nil || len(list) != 8 {
		t.Errorf("%d receipts of the job, %v", len(list), err)
	}
	if n, err := l.Prune(now.Add(time.Hour)); err != nil || n != 8 || caught() {
		t.Errorf("%d forgotten, %v, still caught %v", n, err, caught())
	}
}

// TestDelegatedPraiseMakesNoRow wants right results by an aggregator's word to
// lower no rate of audits.
func TestDelegatedPraiseMakesNoRow(t *testing.T) {
	t.Parallel()
	p, client := newParties(t), newKey(t)
	book, err := reputation.NewBook(client.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	for shard := range uint32(20) {
		if _, err := book.Ledger().AddDelegated(p.both(t, p.sign(t, p.receipt(shard), now)), p.payer.PubKey()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := book.Standing(now, p.provider.PubKey(), reputation.App{}, "")
	if err != nil || s.Valid != 0 || !s.Known {
		t.Errorf("%+v, %v", s, err)
	}
	own := ledgerOf(p.payer)
	for shard := range uint32(20) {
		if _, err := own.AddReceipt(p.both(t, p.sign(t, p.receipt(shard), now))); err != nil {
			t.Fatal(err)
		}
	}
	if direct, err := own.Score(now, p.provider.PubKey()); err != nil || s.Score >= direct {
		t.Errorf("an aggregator's word is worth %v, what one saw oneself %v, %v", s.Score, direct, err)
	}
}

// TestNotEveryonesWordIsDelegated refuses receipts by others than the aggregator
// that was chosen, and what this node is itself a party to.
func TestNotEveryonesWordIsDelegated(t *testing.T) {
	t.Parallel()
	p, client, other := newParties(t), newKey(t), newKey(t)
	c := p.both(t, p.sign(t, p.receipt(0), now))
	for name, tc := range map[string]struct {
		l    *reputation.Ledger
		by   parties
		want error
	}{
		"another aggregator's": {ledgerOf(client), parties{other, p.provider}, reputation.ErrNotOurs},
		"the provider's own":   {ledgerOf(p.provider), p, reputation.ErrNotOurs},
		"the aggregator's own": {ledgerOf(p.payer), p, reputation.ErrNotOurs},
	} {
		if _, err := tc.l.AddDelegated(c, tc.by.payer.PubKey()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Doc.Sig[3] ^= 1
	if _, err := ledgerOf(client).AddDelegated(c, p.payer.PubKey()); !errors.Is(err, reputation.ErrReceipt) {
		t.Errorf("an altered one: %v", err)
	}
}

func ledgerOf(k *identity.Key) *reputation.Ledger {
	return reputation.NewLedger(k.PubKey(), store.NewMem(), reputation.Default())
}
