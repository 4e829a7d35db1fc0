package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// faults has, for each fault, a proof of it by the author whose secret is 1 or
// 2, and documents that come close and prove nothing.
type faultCase struct {
	name  string
	fault string
	by    byte
	docs  []Event
	holds bool
}

func noteCases(t testing.TB) []faultCase {
	note := func(seq, cumulative, amount uint64) Event {
		return by(t, 1, CreditNote{Payee: testKey(t, 2).PubKey(), Channel: "main", Seq: seq, Cumulative: cumulative, Amount: amount, Unit: "credits"})
	}
	other := by(t, 1, CreditNote{Payee: testKey(t, 3).PubKey(), Channel: "main", Seq: 3, Cumulative: 9, Amount: 1, Unit: "credits"})
	return []faultCase{
		{"one number, two sums", FaultTwoNotes, 1, []Event{note(3, 10, 5), note(3, 9, 5)}, true},
		{"the sum falls, as after a refusal", FaultTwoNotes, 1, []Event{note(4, 9, 5), note(3, 10, 5)}, false},
		{"the sum stands", FaultTwoNotes, 1, []Event{note(3, 10, 5), note(4, 10, 0)}, false},
		{"the same note", FaultTwoNotes, 1, []Event{note(3, 10, 5), note(3, 10, 5)}, false},
		{"two payees", FaultTwoNotes, 1, []Event{note(3, 10, 5), other}, false},
	}
}

func commitCases(t testing.TB) []faultCase {
	commit := Commit{Job: testID(1), Shard: 7, Attempt: 1, Size: 5, StartedMS: 1, EndedMS: 2, Aggregator: testKey(t, 1).PubKey()}
	nonce := testID(6)
	commit.C = CommitHash(testID(1), 7, 1, testKey(t, 2).PubKey(), testCID, 5, nonce)
	another, elsewhere := commit, commit
	another.C, elsewhere.Attempt = testID(9), 2
	others, nobodys := another, another
	others.Aggregator, nobodys.Aggregator = testKey(t, 3).PubKey(), identity.PubKey{}
	late := resigned(t, by(t, 2, another), func(e *Event) { e.CreatedAt += 31 * 86_400 })
	first := by(t, 2, commit)
	reveal := Reveal{Job: testID(1), Shard: 7, Attempt: 1, Commit: first.ID, Root: testCID, Size: 5, Nonce: nonce}
	lie, stray := reveal, reveal
	lie.Nonce, stray.Commit = testID(8), testID(8)
	return []faultCase{
		{"two results", FaultTwoCommits, 2, []Event{first, by(t, 2, another)}, true},
		{"by two", FaultTwoCommits, 2, []Event{first, by(t, 1, another)}, false},
		{"two attempts", FaultTwoCommits, 2, []Event{first, by(t, 2, elsewhere)}, false},
		{"of two aggregators", FaultTwoCommits, 2, []Event{first, by(t, 2, others)}, false},
		{"of no aggregator", FaultTwoCommits, 2, []Event{by(t, 2, nobodys), first}, false},
		{"long after", FaultTwoCommits, 2, []Event{first, late}, false},
		{"said twice", FaultTwoCommits, 2, []Event{first, first}, false},
		{"thrice", FaultTwoCommits, 2, []Event{first, by(t, 2, another), first}, false},
		{"does not open", FaultFalseReveal, 2, []Event{first, by(t, 2, lie)}, true},
		{"opens", FaultFalseReveal, 2, []Event{first, by(t, 2, reveal)}, false},
		{"of another commit", FaultFalseReveal, 2, []Event{first, by(t, 2, stray)}, false},
		{"the wrong way round", FaultFalseReveal, 2, []Event{by(t, 2, lie), first}, false},
		{"unknown fault", "rudeness", 2, []Event{first, by(t, 2, another)}, false},
	}
}

func receiptCases(t testing.TB) []faultCase {
	r := testReceipt(t)
	fork, twice, free, next := r, badReceipt(t), r, r
	fork.Shard, fork.PayRef = 8, "x"
	twice.Seq, twice.Prev = 10, testID(15)
	next.Shard, next.Seq, next.Prev = 8, 10, by(t, 1, r).ID
	astray := next
	astray.Prev = testID(33)
	free.Seq, free.Prev, free.Shard = 0, ID{}, 8
	swapped := r
	swapped.Payer, swapped.Provider, swapped.Verdict, swapped.Amount, swapped.Blame = r.Provider, r.Payer, VerdictUnpaid, 0, BlameClient
	return []faultCase{
		{"a fork", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, fork)}, true},
		{"two judgements", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, twice)}, true},
		{"a fork over both roles", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, swapped)}, true},
		{"a row with another between", FaultTwoReceipts, 1, []Event{by(t, 1, astray), by(t, 1, r)}, true},
		{"two in order", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, next)}, false},
		{"outside the chain", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, free)}, false},
		{"the same", FaultTwoReceipts, 1, []Event{by(t, 1, r), by(t, 1, r)}, false},
		{"of strangers", FaultTwoReceipts, 3, []Event{by(t, 3, r), by(t, 3, fork)}, false},
	}
}

func disclosureCases(t testing.TB) []faultCase {
	secret, provider := testID(13), testKey(t, 2).PubKey()
	commit := by(t, 2, Commit{Job: testID(1), Shard: 7, Attempt: 1, C: testID(4), StartedMS: 1, EndedMS: 2})
	asked := by(t, 1, RevealRequest{Job: testID(1), Shard: 7, Attempt: 1, Commits: []ID{testID(5), commit.ID}})
	strangers := by(t, 1, RevealRequest{Job: testID(1), Shard: 7, Attempt: 1, Commits: []ID{testID(5)}})
	row := Drawn{Shard: 7, Attempt: 1, RatePPM: 500_000}
	row.Audited = Audited(AuditDraw(secret, testID(1), 7, 1, testID(4)), row.RatePPM)
	show := func(secret ID, least uint32, row Drawn) Event {
		return by(t, 1, Disclosure{Job: testID(1), Provider: provider, Secret: secret, AuditMin: least, Rows: []Drawn{row}})
	}
	honest, lie, cheap := show(secret, 100_000, row), row, row
	lie.Audited, cheap.RatePPM = !row.Audited, 50_000
	offer := *samples(t)[0].msg.(*JobOffer)
	offer.AuditCommit, offer.AuditMin = SecretHash(secret), 100_000
	lease := Lease{Quote: testID(3), Job: testID(1), Model: testCID, Unit: "credits", Rail: "credit", Budget: 1, Window: 1,
		Deadline: epoch.Unix(), AuditCommit: offer.AuditCommit, AuditMin: 100_000}
	silent := lease
	silent.AuditCommit, silent.AuditMin = ID{}, 0
	return []faultCase{
		{"two secrets", FaultTwoDisclosures, 1, []Event{honest, show(testID(14), 100_000, row)}, true},
		{"two tales", FaultTwoDisclosures, 1, []Event{honest, show(secret, 100_000, lie)}, true},
		{"one tale", FaultTwoDisclosures, 1, []Event{honest, honest}, false},
		{"another secret", FaultFalseSecret, 1, []Event{by(t, 1, offer), show(testID(14), 100_000, row)}, true},
		{"another promise", FaultFalseSecret, 1, []Event{by(t, 1, offer), show(secret, 50_000, row)}, true},
		{"below the promise", FaultFalseSecret, 1, []Event{show(secret, 100_000, cheap), by(t, 1, offer)}, true},
		{"kept", FaultFalseSecret, 1, []Event{by(t, 1, offer), honest}, false},
		{"another's offer", FaultFalseSecret, 1, []Event{by(t, 3, offer), show(testID(14), 100_000, row)}, false},
		{"a lease's secret", FaultFalseSecret, 1, []Event{by(t, 1, lease), show(testID(14), 100_000, row)}, true},
		{"a lease kept", FaultFalseSecret, 1, []Event{by(t, 1, lease), honest}, false},
		{"nothing promised", FaultFalseSecret, 1, []Event{by(t, 1, silent), honest}, false},
		{"a false draw", FaultFalseSecret, 1, []Event{show(secret, 100_000, lie), commit, asked}, true},
		{"a true draw", FaultFalseSecret, 1, []Event{honest, commit, asked}, false},
		{"a commit not asked for", FaultFalseSecret, 1, []Event{show(secret, 100_000, lie), commit, strangers}, false},
		{"a commit alone", FaultFalseSecret, 1, []Event{show(secret, 100_000, lie), commit}, false},
	}
}

func TestFraudProofs(t *testing.T) {
	t.Parallel()
	proven := map[string]bool{}
	for _, c := range append(append(append(commitCases(t), noteCases(t)...), receiptCases(t)...), disclosureCases(t)...) {
		m := FraudProof{Subject: testKey(t, c.by).PubKey(), Fault: c.fault, Docs: c.docs}
		if err := m.Validate(); (err == nil) != c.holds || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, %s: %v", c.fault, c.name, err)
		}
		if !c.holds {
			continue
		}
		proven[c.fault] = true
		e := by(t, 5, m)
		if n := len(e.Bytes()); n > MaxFraudProof {
			t.Errorf("%s, %s: %d bytes", c.fault, c.name, n)
		}
		m.Subject = testKey(t, 4).PubKey()
		if err := m.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, %s: proves it of another: %v", c.fault, c.name, err)
		}
		m.Subject, m.Docs = testKey(t, c.by).PubKey(), append([]Event(nil), c.docs...)
		m.Docs[0].Sig[9]++
		if err := m.Validate(); !errors.Is(err, ErrInvalid) || !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s, %s: a forged document: %v", c.fault, c.name, err)
		}
	}
	if len(proven) != 6 {
		t.Errorf("only %v are proven", proven)
	}
}

// TestLongestLieIsProven wants room for the largest documents that an author
// can make a contradiction of.
func TestLongestLieIsProven(t *testing.T) {
	t.Parallel()
	secret, provider := testID(13), testKey(t, 2).PubKey()
	commit := by(t, 2, Commit{Job: testID(1), Shard: maxShards - 1, Attempt: maxAttempts - 1, C: testID(4), Units: maxAmount,
		Size: maxBytes, StartedMS: 1e13, EndedMS: 1e13, Aggregator: testKey(t, 1).PubKey()})
	asked := RevealRequest{Job: testID(1), Shard: maxShards - 1, Attempt: maxAttempts - 1, Commits: []ID{commit.ID}}
	for i := range MaxReplicas - 1 {
		asked.Commits = append(asked.Commits, testID(byte(100+i)))
	}
	d := Disclosure{Job: testID(1), Provider: provider, Secret: secret, AuditMin: PPM}
	for i := range uint32(MaxDrawn) {
		d.Rows = append(d.Rows, Drawn{maxShards - MaxDrawn + i, maxAttempts - 1, PPM, i < MaxDrawn-1})
	}
	m := FraudProof{Subject: testKey(t, 1).PubKey(), Fault: FaultFalseSecret, Docs: []Event{by(t, 1, d), commit, by(t, 1, asked)}}
	e := by(t, 5, m)
	if n := len(e.Bytes()); n > MaxFraudProof {
		t.Errorf("%d bytes", n)
	}
	m.Fault, m.Docs = FaultTwoDisclosures, []Event{by(t, 1, d), {}}
	d.Secret = testID(14)
	m.Docs[1] = by(t, 1, d)
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

func TestFraudProofRefuses(t *testing.T) {
	t.Parallel()
	m := testFraud(t)
	base := by(t, 5, m)
	for name, content := range map[string]string{
		"empty": "", "nothing": "[]", "no array": "{}", "open": base.Content[:len(base.Content)-1], "one": "[" + string(m.Docs[0].Bytes()) + "]",
		"trailing": base.Content + "]", "long": strings.Repeat(" ", MaxFraudProof+1),
		"four": "[" + strings.Repeat("{},", 3) + "{}]",
	} {
		e := resigned(t, base, func(e *Event) { e.Content = content })
		if _, err := Decode[FraudProof](e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := by(t, 2, Commit{Job: testID(1), Shard: 7, Attempt: 1, C: testID(6), StartedMS: 1, EndedMS: 2, Aggregator: testKey(t, 1).PubKey()})
	later.CreatedAt += 60
	m.Docs[1] = later
	if got := m.When(); !got.Equal(epoch.Add(time.Minute)) {
		t.Errorf("dated %v", got)
	}
}

// FuzzFraudProof changes a proof's documents: what still decodes is a
// contradiction in documents that are signed.
func FuzzFraudProof(f *testing.F) {
	all := append(append(append(commitCases(f), noteCases(f)...), receiptCases(f)...), disclosureCases(f)...)
	for _, c := range all {
		f.Add(c.fault, c.by, string(docsText(c.docs)))
	}
	key := testKey(f, 5)
	f.Fuzz(func(t *testing.T, fault string, by byte, content string) {
		subject := testKey(t, max(by, 1)).PubKey()
		e := Event{PubKey: key.PubKey(), CreatedAt: epoch.Unix(), Kind: KindFraudProof, Content: content,
			Tags: [][]string{{"v", version}, {"p", subject.Hex()}, {"fault", fault}}}
		m, err := Decode[FraudProof](e)
		if err != nil {
			return
		}
		for _, d := range m.Docs {
			if d.Verify() != nil {
				t.Fatal("a document that nobody signed")
			}
		}
		if Contradiction(m.Subject, m.Fault, m.Docs) != nil || m.When().IsZero() {
			t.Fatal("no contradiction")
		}
	})
}

// FuzzParseBinding wants an error or a binding that its author signed.
func FuzzParseBinding(f *testing.F) {
	f.Add(string(testBinding(f, testKey(f, 1).PubKey()).Bytes()))
	f.Fuzz(func(t *testing.T, raw string) {
		b, author, err := ParseBinding(raw)
		if err == nil && (author.IsZero() || b.Validate() != nil || len(raw) > maxBinding) {
			t.Fatalf("%+v by %v", b, author)
		}
	})
}
