package aggregator

import (
	"errors"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// handed is a job of two shards that was handed over, and who has a part in it.
type handed struct {
	t         *testing.T
	agg       *identity.Key
	providers []*identity.Key
	j         job.Job
}

const (
	rootA = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	rootB = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
)

func newHanded(t *testing.T) *handed {
	t.Helper()
	key := func() *identity.Key {
		k, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	h := &handed{t: t, agg: key(), providers: []*identity.Key{key(), key(), key()}}
	h.j = job.Job{ID: wire.RandomID(), Shards: []*job.Shard{{Index: 0}, {Index: 1}}}
	h.j.Budget = payments.Amount{Value: 100, Unit: payments.Credits}
	h.j.Image.Digest = "sha256:" + wire.RandomID().String()
	h.j.Spec.Aggregator, h.j.Spec.Payment.Rail, h.j.Spec.Verify.Agree = h.agg.PubKey(), "credit", 2
	return h
}

// receipt is an honest receipt for one attempt.
func (h *handed) receipt(shard uint32, provider int) wire.Receipt {
	return wire.Receipt{
		Job: h.j.ID, Shard: shard, Attempt: uint32(provider), Provider: h.providers[provider].PubKey(), Payer: h.agg.PubKey(),
		Image: h.j.Image.Digest, Units: 5, Amount: 5, Unit: string(payments.Credits), Rail: "credit",
		Verdict: wire.VerdictOK, Label: wire.LabelReplicated, Root: rootA, StartedMS: 1, EndedMS: 2,
	}
}

func (h *handed) seal(k *identity.Key, m wire.Message) wire.Event {
	h.t.Helper()
	ev, err := wire.Seal(k, m, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return ev
}

// signed is a receipt with its provider's signature.
func (h *handed) signed(r wire.Receipt, provider int) wire.Countersigned {
	doc := h.seal(h.agg, r)
	return wire.Countersigned{Doc: doc, By: h.seal(h.providers[provider], wire.Countersign{Of: doc.ID, Role: "provider"})}
}

// all is what an honest aggregator delivers.
func (h *handed) all() []wire.Countersigned {
	var out []wire.Countersigned
	for shard := range uint32(2) {
		for provider := range 2 {
			out = append(out, h.signed(h.receipt(shard, provider), provider))
		}
	}
	return out
}

func TestHonestDelivery(t *testing.T) {
	t.Parallel()
	h := newHanded(t)
	bad := h.receipt(1, 2)
	bad.Verdict, bad.Amount, bad.Root = wire.VerdictBad, 0, rootB
	got := append(h.all(), wire.Countersigned{Doc: h.seal(h.agg, bad)})
	spent, shards, err := checkReceipts(h.j, delivery{receipts: got})
	if err != nil || spent != 20 {
		t.Fatalf("spent %d, %v; want 20", spent, err)
	}
	for _, sh := range shards {
		if sh.Result != rootA || sh.State != job.ShardPaid || sh.Label != wire.LabelReplicated {
			t.Errorf("shard %d: %s %s %q", sh.Index, sh.Result, sh.State, sh.Label)
		}
	}
	if last := shards[1].Attempts[2]; last.State != job.AttemptBad || last.Paid {
		t.Errorf("the bad one: %s, paid %v", last.State, last.Paid)
	}
	if err := checkAgreement(h.j, shards); err != nil {
		t.Error(err)
	}
	if len(h.j.Shards[0].Attempts) != 0 {
		t.Error("checking changed the job")
	}
}

// A provider that was paid and does not sign for it leaves the client with the
// result all the same: its reveal, which it signed, says whose it is. The client
// owes nothing for it. What the provider did not sign itself proves nothing.
func TestUnsignedReceiptWithItsReveal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(h *handed, m *wire.Reveal) *identity.Key
		ok     bool
	}{
		"its own":            {func(h *handed, _ *wire.Reveal) *identity.Key { return h.providers[2] }, true},
		"the aggregator's":   {func(h *handed, _ *wire.Reveal) *identity.Key { return h.agg }, false},
		"of another result":  {func(h *handed, m *wire.Reveal) *identity.Key { m.Root = rootB; return h.providers[2] }, false},
		"of another job":     {func(h *handed, m *wire.Reveal) *identity.Key { m.Job = wire.RandomID(); return h.providers[2] }, false},
		"of another shard":   {func(h *handed, m *wire.Reveal) *identity.Key { m.Shard = 0; return h.providers[2] }, false},
		"of another attempt": {func(h *handed, m *wire.Reveal) *identity.Key { m.Attempt = 7; return h.providers[2] }, false},
	} {
		h := newHanded(t)
		m := wire.Reveal{Job: h.j.ID, Shard: 1, Attempt: 2, Commit: wire.RandomID(), Root: rootA, Size: 5, Nonce: wire.RandomID()}
		reveal := h.seal(tc.change(h, &m), m)
		r := h.receipt(1, 2)
		r.Reveal = reveal.ID
		doc := h.seal(h.agg, r)
		got := delivery{receipts: append(h.all()[:3], wire.Countersigned{Doc: doc}), reveals: map[wire.ID]wire.Event{doc.ID: reveal}}
		spent, shards, err := checkReceipts(h.j, got)
		if !tc.ok {
			if err == nil || !strings.Contains(err.Error(), "without the provider's signature") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil {
			err = checkAgreement(h.j, shards)
		}
		if err != nil || spent != 15 {
			t.Fatalf("%s: %d are owed, %v", name, spent, err)
		}
		if at := shards[1].Attempts[1]; at.Paid || at.Amount.Value != 0 || at.PayRef != "" {
			t.Errorf("%s: what was not signed for counts as paid: %+v", name, at)
		}
	}
}

func TestMadeUpReceipts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		add  func(h *handed) []wire.Countersigned
		want string
	}{
		"not countersigned": {func(h *handed) []wire.Countersigned {
			return []wire.Countersigned{{Doc: h.seal(h.agg, h.receipt(0, 2))}}
		}, "without the provider's signature"},
		"countersigned by the aggregator": {func(h *handed) []wire.Countersigned {
			doc := h.seal(h.agg, h.receipt(0, 2))
			return []wire.Countersigned{{Doc: doc, By: h.seal(h.agg, wire.Countersign{Of: doc.ID, Role: "provider"})}}
		}, "without the provider's signature"},
		"countersigned for another document": {func(h *handed) []wire.Countersigned {
			c := h.signed(h.receipt(0, 2), 2)
			c.By = h.seal(h.providers[2], wire.Countersign{Of: wire.RandomID(), Role: "provider"})
			return []wire.Countersigned{c}
		}, "without the provider's signature"},
		"praised for nothing, not countersigned": {func(h *handed) []wire.Countersigned {
			r := h.receipt(0, 2)
			r.Amount = 0
			return []wire.Countersigned{{Doc: h.seal(h.agg, r)}}
		}, "without the provider's signature"},
		"paid twice": {func(h *handed) []wire.Countersigned {
			r := h.receipt(0, 1)
			r.Attempt = 9
			return []wire.Countersigned{h.signed(r, 1)}
		}, "paid twice"},
		"the same receipt twice": {func(h *handed) []wire.Countersigned { return h.all()[:1] }, "paid twice"},
		"more than the budget": {func(h *handed) []wire.Countersigned {
			r := h.receipt(0, 2)
			r.Amount = 81
			return []wire.Countersigned{h.signed(r, 2)}
		}, "more than"},
		"so much that it overflows": {func(h *handed) []wire.Countersigned {
			r := h.receipt(0, 2)
			r.Amount = 1 << 62
			return []wire.Countersigned{h.signed(r, 2)}
		}, "more than"},
		"in another unit": {change(func(r *wire.Receipt) { r.Unit = "msat" }), "not of this job"},
		"on another rail": {change(func(r *wire.Receipt) { r.Rail = "fake" }), "not of this job"},
		"of another job":  {change(func(r *wire.Receipt) { r.Job = wire.RandomID() }), "not of this job"},
		"of no shard":     {change(func(r *wire.Receipt) { r.Shard = 2 }), "not of this job"},
		"of another image": {change(func(r *wire.Receipt) {
			r.Image = "sha256:" + wire.RandomID().String()
		}), "not of this job"},
		"by another payer": {change(func(r *wire.Receipt) { r.Payer = r.Provider }), "not of this job"},
		"by another author": {func(h *handed) []wire.Countersigned {
			return []wire.Countersigned{{Doc: h.seal(h.providers[0], h.receipt(0, 2))}}
		}, "not of this job"},
	} {
		h := newHanded(t)
		_, _, err := checkReceipts(h.j, delivery{receipts: append(h.all(), tc.add(h)...)})
		if !errors.Is(err, errProtocol) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// change alters an otherwise honest receipt of a third provider.
func change(fn func(*wire.Receipt)) func(h *handed) []wire.Countersigned {
	return func(h *handed) []wire.Countersigned {
		r := h.receipt(0, 2)
		fn(&r)
		return []wire.Countersigned{h.signed(r, 2)}
	}
}

// A provider that was caught after it had been paid keeps its receipt, and what
// a comparator calls equal need not be the same: the first root of a shard is
// its result, and others are paid for.
func TestReceiptsOfOtherRoots(t *testing.T) {
	t.Parallel()
	h := newHanded(t)
	other := h.receipt(0, 2)
	other.Root, other.Label = rootB, wire.LabelClaimed
	got := append(h.all(), h.signed(other, 2))
	spent, shards, err := checkReceipts(h.j, delivery{receipts: got})
	if err != nil || spent != 25 {
		t.Fatalf("spent %d, %v; want 25", spent, err)
	}
	if sh := shards[0]; sh.Result != rootA || sh.Label != wire.LabelReplicated {
		t.Errorf("the result is %s, %q", sh.Result, sh.Label)
	}
	if err := checkAgreement(h.j, shards); err != nil {
		t.Error(err)
	}
	// Who says something else stands behind nothing, but where a comparator
	// said that it is the same.
	_, shards, err = checkReceipts(h.j, delivery{receipts: append(got[1:], h.signed(h.receipt(1, 2), 2))})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkAgreement(h.j, shards); !errors.Is(err, errProtocol) {
		t.Errorf("two results stand behind each other: %v", err)
	}
	h.j.Spec.Verify.Compare = job.CompareNumeric
	if err := checkAgreement(h.j, shards); err != nil {
		t.Error(err)
	}
	records := []reputation.Record{{Receipt: other}, {Receipt: h.receipt(0, 0)}, {Receipt: h.receipt(1, 0)}}
	standing(records, shards)
	if records[0].Receipt.Root != rootA || records[2].Receipt.Root != rootB {
		t.Error("what does not stand comes first")
	}
}

// An aggregator that ran a shard once and says it was replicated is not paid.
func TestTooFewAgree(t *testing.T) {
	t.Parallel()
	h := newHanded(t)
	_, shards, err := checkReceipts(h.j, delivery{receipts: h.all()[:3]})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkAgreement(h.j, shards); !errors.Is(err, errProtocol) {
		t.Errorf("one provider behind shard 1: %v", err)
	}
}

// The largest rounds fit into the documents that speak of them.
func TestLargeRounds(t *testing.T) {
	t.Parallel()
	h, d := newHanded(t), newDriver(t)
	d.Key = h.agg
	at := job.Attempt{Commit: job.Commit{Event: wire.RandomID()}}
	h.j.Shards[0].Attempts = []job.Attempt{at}
	var many []wire.ID
	for range 40 {
		many = append(many, wire.RandomID())
	}
	many = append(many, at.Commit.Event)
	ask := wire.RevealRequest{Job: h.j.ID, Commits: shown(h.j, job.RequestReveal{Commits: many})}
	if err := ask.Validate(); err != nil || ask.Commits[0] != at.Commit.Event {
		t.Errorf("commits: %v", err)
	}
	e := job.Settle{Provider: h.providers[0].PubKey(), Verdict: job.VerdictBad, Evidence: many}
	if _, err := d.verdict(t.Context(), h.j, e); err != nil {
		t.Errorf("verdict: %v", err)
	}
}
