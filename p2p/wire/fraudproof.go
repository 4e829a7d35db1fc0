package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// The faults that documents prove by themselves.
const (
	FaultTwoCommits     = "two_commits"     // two Commits of one attempt to different results
	FaultFalseReveal    = "false_reveal"    // a Reveal that does not open the Commit it names
	FaultTwoReceipts    = "two_receipts"    // two Receipts in one place of a chain, or two judgements of one attempt
	FaultTwoNotes       = "two_notes"       // CreditNotes of one channel that cannot both be
	FaultTwoDisclosures = "two_disclosures" // Disclosures of one job that cannot both be
	FaultFalseSecret    = "false_secret"    // a Disclosure against what its author promised or drew
)

// Faults returns the Fault constants.
func Faults() []string {
	return []string{FaultTwoCommits, FaultFalseReveal, FaultTwoReceipts, FaultTwoNotes, FaultTwoDisclosures, FaultFalseSecret}
}

// MaxFraudProof is the most bytes of a FraudProof's document.
const MaxFraudProof = 8 << 10

// fraudEnvelope is at least what a FraudProof takes beside its content.
const fraudEnvelope = 640

// FraudProof shows documents that cannot all be honest. It needs no trust in
// its author: whoever reads it checks the signatures and the contradiction, as
// Validate does. See Contradiction for what each fault takes.
type FraudProof struct {
	Subject identity.PubKey // who signed the contradiction
	Fault   string          // one of the Fault constants
	Docs    []Event         // two or three
}

// Kind returns KindFraudProof.
func (FraudProof) Kind() Kind { return KindFraudProof }

func (m FraudProof) write(c codec) { m.walk(c) }

func (m *FraudProof) walk(c codec) {
	c.pub("p", &m.Subject)
	c.str("fault", &m.Fault)
	text := string(docsText(m.Docs))
	c.body(&text)
	if !c.write {
		m.Docs = c.parseDocs(text)
	}
}

// docsText is a JSON array of the events, each as Event.Bytes.
func docsText(docs []Event) []byte {
	b := []byte{'['}
	for i, e := range docs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.Bytes()...)
	}
	return append(b, ']')
}

// parseDocs reads the events; Validate verifies them.
func (c codec) parseDocs(text string) (docs []Event) {
	if len(text) > MaxFraudProof {
		c.fail("content", "has %d bytes, at most %d", len(text), MaxFraudProof)
		return nil
	}
	p := parser{buf: []byte(text)}
	err := p.list(func() error {
		if len(docs) == maxDocs {
			return p.fail("more than %d documents", maxDocs)
		}
		e, err := p.unverified()
		docs = append(docs, e)
		return err
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		c.fail("content", "is not documents: %v", err)
		return nil
	}
	return docs
}

// maxDocs is the most documents a contradiction takes.
const maxDocs = 3

// Validate checks the size, the signature of each document, and that together
// they are the fault of the subject.
func (m FraudProof) Validate() error {
	var c checks
	c.pub("subject", m.Subject)
	c.oneOf("fault", m.Fault, Faults()...)
	c.that(len(m.Docs) >= 2, "docs", "are too few")
	c.count("docs", len(m.Docs), maxDocs)
	if err := c.err(); err != nil {
		return err
	}
	for i, e := range m.Docs {
		if err := e.Verify(); err != nil {
			return fmt.Errorf("%w: document %d: %w", ErrInvalid, i, err)
		}
	}
	if n := textSize(string(docsText(m.Docs))) + fraudEnvelope; n > MaxFraudProof {
		return fmt.Errorf("%w: proof has %d bytes, at most %d", ErrInvalid, n, MaxFraudProof)
	}
	return Contradiction(m.Subject, m.Fault, m.Docs)
}

// When is the date of the fault: that of the subject's newest document. It
// stays the same whoever proves it and whenever.
func (m FraudProof) When() time.Time {
	var at int64
	for _, e := range m.Docs {
		if e.PubKey == m.Subject {
			at = max(at, e.CreatedAt)
		}
	}
	return time.Unix(at, 0).UTC()
}

// Contradiction returns nil when the documents, whose signatures the caller
// has verified, prove that fault of the subject, and ErrInvalid when not:
//
//	two_commits      two Commits of the subject, one attempt of one aggregator, different hash or
//	                 size, at most 30 days apart
//	false_reveal     its Commit and its Reveal naming that, which does not open it
//	two_receipts     its Receipts, different, with one number in one chain; in a row, the
//	                 second not naming the first; or of one attempt with different
//	                 verdict, amount or root
//	two_notes        its CreditNotes of one channel: one number, different content
//	two_disclosures  its Disclosures of one job to one provider: different secret or
//	                 promise, or different rows of one attempt
//	false_secret     its JobOffer or Lease and its Disclosure of that job: secret, promise
//	                 or a row's rate differ. Or its Disclosure, its RevealRequest and the
//	                 Commit of the provider that the request names: the lottery differs
func Contradiction(subject identity.PubKey, fault string, docs []Event) error {
	var why string
	switch fault {
	case FaultTwoCommits:
		why = twoCommits(subject, docs)
	case FaultFalseReveal:
		why = falseReveal(subject, docs)
	case FaultTwoReceipts:
		why = twoReceipts(subject, docs)
	case FaultTwoNotes:
		why = pair(subject, docs, twoNotes)
	case FaultTwoDisclosures:
		why = pair(subject, docs, twoDisclosures)
	case FaultFalseSecret:
		why = falseSecret(subject, docs)
	default:
		why = "is unknown"
	}
	if why != "" {
		return fmt.Errorf("%w: fault %s", ErrInvalid, why)
	}
	return nil
}

// MarshalJSON shows the proof to people and programs.
func (m FraudProof) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Subject identity.PubKey `json:"subject"`
		Fault   string          `json:"fault"`
		Docs    []Event         `json:"docs"`
	}{m.Subject, m.Fault, m.Docs})
}
