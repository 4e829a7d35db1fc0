package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// story is an attempt that was audited by the lottery, as its documents tell it.
type story struct {
	payer, provider *identity.Key
	offer           wire.JobOffer
	commit          wire.Commit
	reveal          wire.Reveal
	disclosure      wire.Disclosure
	receipt         wire.Receipt
}

const storyRoot = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{payer: aKey(t), provider: aKey(t)}
	job, secret, nonce := wire.ID{1}, wire.ID{2}, wire.ID{3}
	const image = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	s.offer = wire.JobOffer{
		Job: job, Name: "<b>&amp;</b>", Image: image, Comparator: "exact", Shards: 8, UnitsPerShard: 25, MaxPrice: 125, Unit: "credits", Rail: "credit",
		ShardTimeoutMS: 60_000, Deadline: 1_800_000_600, AuditCommit: wire.ID(wire.SecretHash(secret)), AuditMin: 50_000,
	}
	s.commit = wire.Commit{
		Job: job, Shard: 3, Attempt: 41234, C: wire.CommitHash(job, 3, 41234, s.provider.PubKey(), storyRoot, 99, nonce),
		Units: 25, Size: 99, StartedMS: 1, EndedMS: 2,
	}
	s.reveal = wire.Reveal{Job: job, Shard: 3, Attempt: 41234, Root: storyRoot, Size: 99, Nonce: nonce}
	drawn := wire.Audited(wire.AuditDraw(secret, job, 3, 41234, s.commit.C), 50_000)
	s.disclosure = wire.Disclosure{
		Job: job, Provider: s.provider.PubKey(), Secret: secret, AuditMin: 50_000, Last: true,
		Rows: []wire.Drawn{{Shard: 3, Attempt: 41234, RatePPM: 50_000, Audited: drawn}},
	}
	s.receipt = wire.Receipt{
		Job: job, Shard: 3, Attempt: 41234, Provider: s.provider.PubKey(), Payer: s.payer.PubKey(), Image: image, Units: 25, Amount: 10,
		Unit: "credits", Rail: "credit", Verdict: wire.VerdictOK, Label: wire.LabelReplicated, Comparator: "exact", Root: storyRoot,
		PayRef: "01/3/41234", StartedMS: 1, EndedMS: 2, Class: "amd64", RatePPM: 50_000, Seq: 1,
	}
	return s
}

// entry is the story as job receipts --json prints it.
func (s *story) entry(t *testing.T) []byte {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	seal := func(k *identity.Key, m wire.Message) *wire.Event {
		ev, err := wire.Seal(k, m, now)
		if err != nil {
			t.Fatal(err)
		}
		return &ev
	}
	b := reputation.Bundle{Offer: seal(s.payer, s.offer), Commit: seal(s.provider, s.commit), Disclosure: seal(s.payer, s.disclosure)}
	s.reveal.Commit = b.Commit.ID
	b.Reveal = seal(s.provider, s.reveal)
	s.receipt.Commit, s.receipt.Reveal = b.Commit.ID, b.Reveal.ID
	doc := seal(s.payer, s.receipt)
	pair, err := wire.SignBeside(s.provider, *doc, wire.RoleProvider, now)
	if err != nil {
		t.Fatal(err)
	}
	b.Doc, b.Countersignature = pair.Doc, &pair.By
	raw, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	// What the local API and the screen make of it on the way.
	var sent bytes.Buffer
	if err := json.NewEncoder(&sent).Encode([]api.Receipt{{ID: doc.ID.String(), Signed: "both", Doc: raw}}); err != nil {
		t.Fatal(err)
	}
	var got []api.Receipt
	if err := json.Unmarshal(sent.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	if err := newApp(nil, &shown, nil).document(got); err != nil {
		t.Fatal(err)
	}
	return shown.Bytes()
}

// TestVerifiesBundles has the whole story of an attempt checked, and each of its
// lies found.
func TestVerifiesBundles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*story)
		exit   int
		says   string
	}{
		"as it was":            {func(*story) {}, exitOK, "at a rate of 5%, at least 5% promised"},
		"another secret":       {func(s *story) { s.disclosure.Secret = wire.ID{9} }, exitCheck, "secret is not the one"},
		"rarer than promised":  {func(s *story) { s.offer.AuditMin = 60_000 }, exitCheck, "below the promised 6%"},
		"drawn otherwise":      {func(s *story) { s.disclosure.Rows[0].Audited = !s.disclosure.Rows[0].Audited }, exitCheck, "but it was said"},
		"another result":       {func(s *story) { s.reveal.Nonce = wire.ID{8} }, exitCheck, "another result than it had committed"},
		"of another job":       {func(s *story) { s.offer.Job = wire.ID{7} }, exitCheck, "of another job"},
		"another rate of both": {func(s *story) { s.receipt.RatePPM = 70_000 }, exitCheck, "tells of a rate of 7%"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			c.change(s)
			raw := s.entry(t)
			var out, errw bytes.Buffer
			got := run(t.Context(), []string{"receipt", "verify", "-", "--home", t.TempDir()}, bytes.NewReader(raw), &out, &errw)
			if got != c.exit || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit %d, want %d\n%s\n%s", got, c.exit, out.String(), errw.String())
			}
		})
	}
}

// FuzzCheckReceipts reads what others hand over as receipts: it never panics,
// and what it calls valid names its parties.
func FuzzCheckReceipts(f *testing.F) {
	f.Add([]byte(`[{"doc":{"id":"00","pubkey":"11","created_at":1,"kind":1580,"tags":[],"content":"","sig":"22"},"countersignature":null}]`))
	f.Add([]byte(`{"doc":{"doc":{}},"signed":"both"}`))
	f.Add([]byte(`[[],{},null,"",1]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, err := splitReceipts(raw)
		if err != nil {
			return
		}
		var all []checkedReceipt
		for _, d := range docs {
			c := checkReceipt(d)
			if c.Valid && (c.Payer == "" || c.Provider == "") || !c.Valid && c.Reason == "" && len(c.Faults) == 0 {
				t.Errorf("%+v", c)
			}
			all = append(all, c)
		}
		if _, err := judge(all); err != nil {
			t.Error(err)
		}
	})
}
