package reputation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// story is a whole attempt as both sides signed it.
type story struct {
	p          parties
	secret     wire.ID
	nonce      wire.ID
	offer      wire.JobOffer
	commit     wire.Commit
	reveal     wire.Reveal
	receipt    wire.Receipt
	disclosure wire.Disclosure
	note       wire.CreditNote
	others     []wire.ID // commits asked for beside the provider's
}

func newStory(t testing.TB) *story {
	p := newParties(t)
	s := &story{p: p, secret: wire.ID{1, 2}, nonce: wire.ID{3, 4}, receipt: p.receipt(3), others: []wire.ID{{9}}}
	s.offer = wire.JobOffer{Job: s.receipt.Job, Image: s.receipt.Image, Comparator: "exact", Shards: 9, MaxPrice: 10, Unit: "credits",
		Rail: "credit", ShardTimeoutMS: 1000, Deadline: now.Unix(), AuditCommit: wire.SecretHash(s.secret), AuditMin: 50_000}
	s.commit = wire.Commit{Job: s.receipt.Job, Shard: 3, Size: 7, Units: 25, StartedMS: 1, EndedMS: 2,
		C: wire.CommitHash(s.receipt.Job, 3, 0, p.provider.PubKey(), root, 7, s.nonce)}
	s.reveal = wire.Reveal{Job: s.receipt.Job, Shard: 3, Root: root, Size: 7, Nonce: s.nonce}
	row := wire.Drawn{Shard: 3, RatePPM: 100_000}
	row.Audited = wire.Audited(wire.AuditDraw(s.secret, s.receipt.Job, 3, 0, s.commit.C), row.RatePPM)
	s.disclosure = wire.Disclosure{Job: s.receipt.Job, Provider: p.provider.PubKey(), Secret: s.secret, AuditMin: 50_000, Rows: []wire.Drawn{row}}
	s.receipt.RatePPM, s.receipt.Seq = row.RatePPM, 1
	s.note = wire.CreditNote{Payee: p.provider.PubKey(), Channel: "main", Seq: 4, Cumulative: 40, Amount: 10, Unit: "credits", Ref: s.receipt.PayRef}
	return s
}

// tell signs everything, each document naming the ones before it.
func (s *story) tell(t testing.TB) reputation.Bundle {
	t.Helper()
	seal := func(m wire.Message, byProvider bool) *wire.Event {
		k := s.p.payer
		if byProvider {
			k = s.p.provider
		}
		e, err := wire.Seal(k, m, now)
		if err != nil {
			t.Fatal(err)
		}
		return &e
	}
	var b reputation.Bundle
	b.Offer = seal(s.offer, false)
	b.Commit = seal(s.commit, true)
	b.Request = seal(wire.RevealRequest{Job: s.receipt.Job, Shard: 3, Commits: append([]wire.ID{b.Commit.ID}, s.others...)}, false)
	s.reveal.Commit = b.Commit.ID
	b.Reveal = seal(s.reveal, true)
	s.receipt.Commit, s.receipt.Reveal = b.Commit.ID, b.Reveal.ID
	pair := s.p.both(t, s.p.sign(t, s.receipt, now))
	b.Doc, b.Countersignature = pair.Doc, &pair.By
	b.Disclosure = seal(s.disclosure, false)
	b.Payment = seal(s.note, false)
	b.Taken = seal(wire.Countersign{Of: b.Payment.ID, Role: wire.RolePayee}, true)
	return b
}

func check(t testing.TB, b reputation.Bundle) (reputation.Checked, error) {
	t.Helper()
	raw, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return reputation.VerifyBundle(raw)
}

func TestVerifyBundle(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	c, err := check(t, s.tell(t))
	if err != nil || len(c.Faults) != 0 || c.Proof != nil || !c.Countersigned {
		t.Fatalf("%+v %v", c, err)
	}
	if d := c.Draw; d == nil || d.RatePPM != 100_000 || d.PromisedPPM != 50_000 || d.Audited != d.Said ||
		d.Audited != wire.Audited(d.Ticket, d.RatePPM) {
		t.Errorf("%+v", d)
	}
	for _, want := range []string{
		"at least 5%", "committed to one result", "commits of 2 providers", "opens to the result", "the secret is the one", "every rate",
		"lottery replayed", "owes 10 credits", "both hold that it is owed",
	} {
		if !slices.ContainsFunc(c.Certain, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("nothing certain of %q in %q", want, c.Certain)
		}
	}
	if slices.ContainsFunc(c.Uncertain, func(s string) bool { return strings.Contains(s, "payment arrived") }) ||
		!slices.ContainsFunc(c.Uncertain, func(s string) bool { return strings.Contains(s, "made good") }) {
		t.Errorf("uncertain: %q", c.Uncertain)
	}
	// A payment made in company is proven by its line.
	s.note.Ref, s.note.Amount = "", 15
	s.note.Lines = []wire.CreditLine{{Ref: "other", Amount: 5}, {Ref: s.receipt.PayRef, Amount: 10}}
	c, err = check(t, s.tell(t))
	if err != nil || len(c.Faults) != 0 || !slices.ContainsFunc(c.Certain, func(s string) bool { return strings.Contains(s, "owes 10 credits") }) {
		t.Fatalf("%+v %v", c, err)
	}
	// Less is less certain, and no error.
	b := s.tell(t)
	b.Commit, b.Request, b.Reveal, b.Disclosure, b.Payment, b.Taken = nil, nil, nil, nil, nil, nil
	c, err = check(t, b)
	if err != nil || c.Draw != nil || len(c.Faults) != 0 {
		t.Fatalf("%+v %v", c, err)
	}
	for _, want := range []string{"what the provider committed to", "audits were as promised", "payment arrived"} {
		if !slices.ContainsFunc(c.Uncertain, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("nothing uncertain of %q in %q", want, c.Uncertain)
		}
	}
	// A receipt alone, and a pair, are bundles too.
	alone, err := reputation.VerifyBundle(b.Doc.Bytes())
	if err != nil || alone.ID != b.Doc.ID || alone.Countersigned {
		t.Errorf("%+v %v", alone, err)
	}
	pair, err := reputation.VerifyBundle(append([]byte("\n "), wire.Countersigned{Doc: b.Doc, By: *b.Countersignature}.Bytes()...))
	if err != nil || !pair.Countersigned {
		t.Errorf("%+v %v", pair, err)
	}
}

// TestBundleFindsFaults: what a party did wrong is said, and proven where the
// documents prove it.
func TestBundleFindsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*story)
		fault  string
		proof  string
	}{
		"another secret": {func(s *story) { s.disclosure.Secret = wire.ID{8} }, "not the one whose hash", wire.FaultFalseSecret},
		"below the promise": {func(s *story) {
			s.disclosure.Rows[0].RatePPM, s.receipt.RatePPM = 10_000, 10_000
		}, "below the promised 5%", wire.FaultFalseSecret},
		"another promise": {func(s *story) { s.disclosure.AuditMin = 1 }, "promised", wire.FaultFalseSecret},
		"a false draw":    {func(s *story) { s.disclosure.Rows[0].Audited = !s.disclosure.Rows[0].Audited }, "the secret draws", wire.FaultFalseSecret},
		"another rate":    {func(s *story) { s.receipt.RatePPM = 70_000 }, "a rate of 7%", ""},
		"a false reveal":  {func(s *story) { s.reveal.Nonce = wire.ID{8} }, "another result than it had committed", wire.FaultFalseReveal},
		"a false receipt": {func(s *story) { s.receipt.Root = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku" }, "names another result", ""},
		"a smaller line": {func(s *story) {
			s.note.Ref, s.note.Lines = "", []wire.CreditLine{{Ref: s.receipt.PayRef, Amount: 9}, {Ref: "other", Amount: 1}}
		}, "payer's note of 9", ""},
		"a smaller note":   {func(s *story) { s.note.Amount = 9 }, "payer's note of 9", ""},
		"an audit not had": {func(s *story) { s.receipt.Label = wire.LabelClaimed }, "", ""},
	} {
		s := newStory(t)
		c.change(s)
		got, err := check(t, s.tell(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.fault == "" {
			if len(got.Faults) != 0 {
				t.Errorf("%s: %q", name, got.Faults)
			}
			continue
		}
		if len(got.Faults) == 0 || !strings.Contains(strings.Join(got.Faults, "; "), c.fault) {
			t.Errorf("%s: %q", name, got.Faults)
		}
		if c.proof == "" != (got.Proof == nil) || got.Proof != nil && (got.Proof.Fault != c.proof || got.Proof.Validate() != nil) {
			t.Errorf("%s: proof %+v", name, got.Proof)
		}
	}
}

// TestBundleOfAWindow: the rows of a lease are of its requests.
func TestBundleOfAWindow(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.receipt.Root, s.receipt.InTokens, s.receipt.OutTokens, s.receipt.Audits = "", 10, 15, 1
	b := s.tell(t)
	s.receipt.Commit, s.receipt.Reveal = wire.ID{}, wire.ID{}
	pair := s.p.both(t, s.p.sign(t, s.receipt, now))
	lease, err := wire.Seal(s.p.payer, wire.Lease{Quote: wire.ID{5}, Job: s.receipt.Job, Model: root, Unit: "credits", Rail: "credit",
		Budget: 10, Window: 5, Deadline: now.Unix(), AuditCommit: wire.SecretHash(s.secret), AuditMin: 50_000}, now)
	if err != nil {
		t.Fatal(err)
	}
	w := reputation.Bundle{Doc: pair.Doc, Countersignature: &pair.By, Offer: &lease, Disclosure: b.Disclosure, Payment: b.Payment}
	c, err := check(t, w)
	if err != nil || len(c.Faults) != 0 || c.Draw != nil {
		t.Fatalf("%+v %v", c, err)
	}
	if !slices.ContainsFunc(c.Uncertain, func(s string) bool { return strings.Contains(s, "draws of 1 requests") }) {
		t.Errorf("%q", c.Uncertain)
	}
	if !slices.ContainsFunc(c.Certain, func(s string) bool { return strings.Contains(s, "the secret is the one") }) {
		t.Errorf("%q", c.Certain)
	}
}

// TestBundleRefuses: documents of something or somebody else.
func TestBundleRefuses(t *testing.T) {
	t.Parallel()
	other := newStory(t).tell(t) // the same job of other parties
	for name, change := range map[string]func(s *story, b *reputation.Bundle){
		"another's countersignature": func(_ *story, b *reputation.Bundle) { b.Countersignature = other.Countersignature },
		"another's offer":            func(_ *story, b *reputation.Bundle) { b.Offer = other.Offer },
		"another's commit":           func(_ *story, b *reputation.Bundle) { b.Commit = other.Commit },
		"another's request":          func(_ *story, b *reputation.Bundle) { b.Request = other.Request },
		"another's reveal":           func(_ *story, b *reputation.Bundle) { b.Reveal = other.Reveal },
		"another's disclosure":       func(_ *story, b *reputation.Bundle) { b.Disclosure = other.Disclosure },
		"another's payment":          func(_ *story, b *reputation.Bundle) { b.Payment = other.Payment },
		"another's word for the payment": func(s *story, b *reputation.Bundle) {
			e, err := wire.Seal(s.p.payer, wire.Countersign{Of: b.Payment.ID, Role: wire.RolePayee}, now)
			if err != nil {
				t.Fatal(err)
			}
			b.Taken = &e
		},
		"the provider's word for another payment": func(s *story, b *reputation.Bundle) {
			taken := b.Taken
			s.note.Seq++
			*b = s.tell(t)
			b.Taken = taken
		},
		"its word for the receipt in place of the payment": func(_ *story, b *reputation.Bundle) { b.Taken = b.Countersignature },
		"its word for no payment":                          func(_ *story, b *reputation.Bundle) { b.Payment = nil },
		"a receipt as the offer":                           func(_ *story, b *reputation.Bundle) { b.Offer = &b.Doc },
		"a commit of the same attempt": func(s *story, b *reputation.Bundle) {
			s.commit.Units++
			b.Commit = s.tell(t).Commit
		},
		"a reveal without its commit": func(_ *story, b *reputation.Bundle) { b.Commit = nil },
		"a payment for several others": func(s *story, b *reputation.Bundle) {
			s.note.Ref, s.note.Lines = "", []wire.CreditLine{{Ref: "else", Amount: 4}, {Ref: "other", Amount: 6}}
			b.Payment = s.tell(t).Payment
		},
		"a payment for something else": func(s *story, b *reputation.Bundle) {
			s.note.Ref = "else"
			b.Payment = s.tell(t).Payment
		},
		"an offer of another job": func(s *story, b *reputation.Bundle) {
			s.offer.Job = wire.ID{77}
			b.Offer = s.tell(t).Offer
		},
		"a forged document": func(_ *story, b *reputation.Bundle) {
			e := *b.Offer
			e.Sig[3]++
			b.Offer = &e
		},
	} {
		s := newStory(t)
		b := s.tell(t)
		change(s, &b)
		if c, err := check(t, b); !errors.Is(err, reputation.ErrReceipt) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
	good, err := newStory(t).tell(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"nothing": nil, "null": []byte("null"), "a list": []byte("[]"), "empty": []byte("{}"), "cut": good[:len(good)-1],
		"more":      append(slices.Clone(good), '1'),
		"unknown":   bytes.Replace(good, []byte(`"offer"`), []byte(`"coffer"`), 1),
		"cased":     bytes.Replace(good, []byte(`"offer"`), []byte(`"Offer"`), 1),
		"twice":     bytes.Replace(good, []byte(`"payment"`), []byte(`"offer"`), 1),
		"no doc":    bytes.Replace(good, []byte(`{"doc":`), []byte(`{"payment":`), 1),
		"very long": bytes.Replace(good, []byte("}"), append(bytes.Repeat([]byte(" "), 10*wire.MaxEvent), '}'), 1),
	} {
		if c, err := reputation.VerifyBundle(raw); !errors.Is(err, reputation.ErrReceipt) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
}

func TestVerifyChains(t *testing.T) {
	t.Parallel()
	p, q := newParties(t), newParties(t)
	l := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	shadow := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	var docs []wire.Event
	for i := range uint32(6) {
		if e := issue(t, l, p.payer, p.receipt(i), now); i != 2 {
			docs = append(docs, e)
		}
	}
	docs = append(docs, docs[0], p.sign(t, p.receipt(50), now)) // one again, one outside
	apart := q.receipt(0)
	apart.Payer = p.payer.PubKey()
	docs = append(docs, issue(t, l, p.payer, apart, now))
	chains, err := reputation.VerifyChains(docs)
	if err != nil || len(chains) != 2 {
		t.Fatalf("%+v %v", chains, err)
	}
	i := slices.IndexFunc(chains, func(c reputation.ChainReport) bool { return c.Other == p.provider.PubKey() })
	if c := chains[max(i, 0)]; c.Author != p.payer.PubKey() || c.First != 1 || c.Last != 6 || c.Held != 5 || c.Gaps != 1 || len(c.Forks) != 0 {
		t.Errorf("%+v", c)
	}
	chains, err = reputation.VerifyChains(append(docs, issue(t, shadow, p.payer, p.receipt(60), now)))
	if err != nil {
		t.Fatal(err)
	}
	i = slices.IndexFunc(chains, func(c reputation.ChainReport) bool { return c.Other == p.provider.PubKey() })
	if c := chains[max(i, 0)]; len(c.Forks) == 0 || c.Forks[0].Subject != p.payer.PubKey() {
		t.Errorf("%+v", c)
	}
	if _, err := reputation.VerifyChains([]wire.Event{caught(t, p.payer, p.provider, now)}); !errors.Is(err, reputation.ErrReceipt) {
		t.Error(err)
	}
}

// FuzzVerifyBundle wants an error or a receipt whose author signed it; what is
// told is fit to print.
func FuzzVerifyBundle(f *testing.F) {
	b := newStory(f).tell(f)
	whole, err := b.JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(b.Doc.Bytes())
	f.Add(wire.Countersigned{Doc: b.Doc, By: *b.Countersignature}.Bytes())
	f.Add([]byte(`{"doc":{},"doc":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := reputation.VerifyBundle(raw)
		if err != nil {
			return
		}
		if c.ID.IsZero() || c.Author != c.Receipt.Payer && c.Author != c.Receipt.Provider {
			t.Fatalf("%+v", c)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	})
}
