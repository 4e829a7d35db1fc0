package provider

import (
	"encoding/json"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// After a job has ended its aggregator shows the secret that drew the audits,
// and what it drew for each attempt of this provider. What was promised in the
// offer and what follows from the secret and our own commits is checked here.
// A promise that is broken is logged and told to the aggregator; where signed
// documents alone prove it, a FraudProof is made.

// maxDisclosures bounds the documents of one job, which hold all rows that one
// provider can have in it.
const maxDisclosures = 1 + 10_000/wire.MaxDrawn

// disclosed is what was shown for one job.
type disclosed struct {
	Docs   []wire.Event
	Faults []string `json:",omitempty"` // broken promises, in words
}

func disclosedKey(aggregator identity.PubKey, job wire.ID) []byte {
	return fmt.Appendf(nil, "dis/%s/%s", aggregator.Hex(), job)
}

// serveDisclosure reads all documents of one disclosure. It answers with
// nothing but the end of the stream when they are in order.
func (p *Provider) serveDisclosure(s *p2p.Stream, first wire.Event) error {
	from := s.Peer()
	docs, job, err := readDisclosure(s, first)
	if err != nil {
		return err
	}
	agreed, err := readAgreement(p.Store, from, job)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeUnknown, "no such job here")
	} else if err != nil {
		return err
	}
	records, err := jobRecords(p.Store, from, job)
	if err != nil {
		return err
	}
	shown := checkDisclosure(agreed, records, docs)
	old, err := loadDisclosed(p.Store, from, job)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if err := saveDisclosed(p.Store, from, job, shown.disclosed); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		shown.against(from, old.Docs)
	}
	p.broken(from, job, shown)
	if len(shown.Faults) > 0 {
		return refuse(CodePromise, "%s", shown.Faults[0])
	}
	return nil
}

// broken tells of promises that were not kept.
func (p *Provider) broken(from identity.PubKey, job wire.ID, c checked) {
	for _, f := range c.Faults {
		p.Log.Warn("a promise of audits was broken", "aggregator", from.Short(), "job", job, "how", f)
	}
	if c.proof != nil && p.Fraud != nil {
		p.Fraud(*c.proof)
	}
}

// readDisclosure reads to the document that says it is the last.
func readDisclosure(s *p2p.Stream, ev wire.Event) (docs []shownDoc, job wire.ID, err error) {
	for {
		m, err := wire.Decode[wire.Disclosure](ev)
		if err != nil {
			return nil, job, refuse(CodeMalformed, "%v", err)
		}
		if ev.PubKey != s.Peer() || len(docs) > 0 && m.Job != job {
			return nil, job, refuse(CodeMalformed, "a disclosure by another, or of another job, among the first's")
		}
		docs, job = append(docs, shownDoc{ev, m}), m.Job
		if m.Last {
			return docs, job, nil
		}
		if len(docs) == maxDisclosures {
			return nil, job, refuse(CodeMalformed, "more than %d disclosures of a job", maxDisclosures)
		}
		if ev, err = wire.ReadEvent(s.Reader); err != nil {
			return nil, job, refuse(CodeMalformed, "disclosure: %v", err)
		}
	}
}

type shownDoc struct {
	ev wire.Event
	m  wire.Disclosure
}

// checked is a disclosure held against what was promised and committed to.
type checked struct {
	disclosed
	proof *wire.FraudProof // of the first fault that documents prove
}

// fault notes a broken promise, and its proof where docs are one.
func (c *checked) fault(subject identity.PubKey, kind string, docs []wire.Event, format string, args ...any) {
	c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
	if c.proof != nil || len(docs) == 0 {
		return
	}
	proof := wire.FraudProof{Subject: subject, Fault: kind, Docs: docs}
	if proof.Validate() == nil {
		c.proof = &proof
	}
}

// checkDisclosure holds each document against the offer, and each row against
// the attempt's commit.
func checkDisclosure(agreed agreement, records []record, docs []shownDoc) checked {
	var c checked
	subject := agreed.Offer.PubKey
	offer, err := wire.Decode[wire.JobOffer](agreed.Offer)
	if err != nil {
		c.Faults = []string{"the offer cannot be read: " + err.Error()}
		return c
	}
	for _, d := range docs {
		c.Docs = append(c.Docs, d.ev)
		both := []wire.Event{agreed.Offer, d.ev}
		if !offer.AuditCommit.IsZero() && wire.SecretHash(d.m.Secret) != offer.AuditCommit {
			c.fault(subject, wire.FaultFalseSecret, both, "the secret is not the one that the offer names")
		}
		if d.m.AuditMin != offer.AuditMin {
			c.fault(subject, wire.FaultFalseSecret, both, "audits of %d ppm were promised and it says %d", offer.AuditMin, d.m.AuditMin)
		}
	}
	for _, rec := range records {
		if rec.Commit != nil {
			c.row(agreed.Offer, offer, rec, docs)
		}
	}
	return c
}

// row checks what is said of one attempt.
func (c *checked) row(signed wire.Event, offer wire.JobOffer, rec record, docs []shownDoc) {
	id := rec.ID
	commit, err := wire.Decode[wire.Commit](*rec.Commit)
	if err != nil {
		return
	}
	for _, d := range docs {
		row, ok := d.m.Row(id.Shard, id.Attempt)
		if !ok {
			continue
		}
		if row.RatePPM < offer.AuditMin {
			c.fault(signed.PubKey, wire.FaultFalseSecret, []wire.Event{signed, d.ev},
				"shard %d: drawn at %d ppm, at least %d were promised", id.Shard, row.RatePPM, offer.AuditMin)
		}
		if !d.m.Replay(row, commit.C) {
			var docs []wire.Event
			if rec.Asked != nil {
				docs = []wire.Event{d.ev, *rec.Asked, *rec.Commit}
			}
			c.fault(signed.PubKey, wire.FaultFalseSecret, docs,
				"shard %d: the secret draws the opposite of what is said", id.Shard)
		}
		return
	}
	if rec.Asked != nil {
		c.fault(signed.PubKey, "", nil, "shard %d: nothing is said of an attempt that was revealed", id.Shard)
	}
}

// against holds it to what the aggregator had shown before.
func (c *checked) against(subject identity.PubKey, old []wire.Event) {
	for _, a := range old {
		for _, b := range c.Docs {
			docs := []wire.Event{a, b}
			if wire.Contradiction(subject, wire.FaultTwoDisclosures, docs) == nil {
				c.fault(subject, wire.FaultTwoDisclosures, docs, "two disclosures of the job contradict each other")
				return
			}
		}
	}
}

func saveDisclosed(st store.Store, aggregator identity.PubKey, job wire.ID, d disclosed) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode disclosure: %w", err)
	}
	return st.Update(func(tx store.Txn) error { return tx.Set(disclosedKey(aggregator, job), data) })
}

func loadDisclosed(st store.Store, aggregator identity.PubKey, job wire.ID) (d disclosed, err error) {
	err = st.View(func(r store.Reader) error {
		data, err := r.Get(disclosedKey(aggregator, job))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &d)
	})
	return d, err
}
