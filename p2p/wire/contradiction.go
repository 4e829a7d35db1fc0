package wire

import (
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// What contradictions say when they are none.
const (
	notTwo      = "takes two documents"
	notSubjects = "is of documents that the subject did not sign"
	notApart    = "is of documents that are not of one thing"
	noConflict  = "is of documents that agree"
)

// pair decodes two documents of one kind by the subject and asks what is
// missing to a contradiction between them; "" is nothing.
func pair[T any, PT interface {
	*T
	Message
	walk(codec)
}](subject identity.PubKey, docs []Event, judge func(a, b T) string) string {
	if len(docs) != 2 {
		return notTwo
	}
	if docs[0].PubKey != subject || docs[1].PubKey != subject {
		return notSubjects
	}
	a, err := Decode[T, PT](docs[0])
	if err != nil {
		return "is of a document that is not one: " + err.Error()
	}
	b, err := Decode[T, PT](docs[1])
	if err != nil {
		return "is of a document that is not one: " + err.Error()
	}
	return judge(a, b)
}

// maxForgotten is how long after a commit its provider surely remembers it: a
// later one of the same name may be honest.
const maxForgotten = 30 * 24 * time.Hour

// twoCommits asks for one attempt of one aggregator: strangers may give their
// work the same name, so as to have two commits signed.
func twoCommits(subject identity.PubKey, docs []Event) string {
	return pair(subject, docs, func(a, b Commit) string {
		apart := time.Duration(docs[0].CreatedAt-docs[1].CreatedAt) * time.Second
		if apart.Abs() > maxForgotten {
			return notApart
		}
		return sameAttempt(a, b)
	})
}

func sameAttempt(a, b Commit) string {
	switch {
	case a.Job != b.Job || a.Shard != b.Shard || a.Attempt != b.Attempt:
		return notApart
	case a.Aggregator.IsZero() || a.Aggregator != b.Aggregator:
		return notApart
	case a.C == b.C && a.Size == b.Size:
		return noConflict
	}
	return ""
}

func falseReveal(subject identity.PubKey, docs []Event) string {
	if len(docs) != 2 {
		return notTwo
	}
	if docs[0].PubKey != subject || docs[1].PubKey != subject {
		return notSubjects
	}
	c, err := Decode[Commit](docs[0])
	if err != nil {
		return "takes a Commit first"
	}
	r, err := Decode[Reveal](docs[1])
	switch {
	case err != nil:
		return "takes a Reveal second"
	case r.Commit != docs[0].ID:
		return notApart
	case r.Opens(c, subject) == nil:
		return noConflict
	}
	return ""
}

func twoReceipts(subject identity.PubKey, docs []Event) string {
	return pair(subject, docs, func(a, b Receipt) string {
		// A chain is of two parties, whichever of them paid.
		if !a.between(b) || subject != a.Payer && subject != a.Provider {
			return notApart
		}
		placeA, placeB := a.Seq, b.Seq
		follows := placeA+1 == placeB && b.Prev != docs[0].ID || placeB+1 == placeA && a.Prev != docs[1].ID
		a.Prev, a.Seq, b.Prev, b.Seq = ID{}, 0, ID{}, 0
		one := a.Job == b.Job && a.Shard == b.Shard && a.Attempt == b.Attempt && a.Provider == b.Provider
		switch {
		case placeA == 0 || placeB == 0:
			return "is of receipts outside the chain"
		case one && (a.Verdict != b.Verdict || a.Amount != b.Amount || a.Root != b.Root):
			return "" // two judgements of one attempt
		case placeA == placeB && a != b:
			return ""
		case follows: // on another one in the other's place
			return ""
		case placeA != placeB && !one:
			return notApart
		}
		return noConflict
	})
}

// between reports whether both receipts have the same two parties.
func (m Receipt) between(o Receipt) bool {
	return m.Payer == o.Payer && m.Provider == o.Provider || m.Payer == o.Provider && m.Provider == o.Payer
}

// twoNotes asks for one number with two contents. That a later number tells a
// lower sum proves nothing: a refused note uses its number up and not its sum,
// so that a payee could make any payer sign that.
func twoNotes(a, b CreditNote) string {
	switch {
	case a.Payee != b.Payee || a.Channel != b.Channel || a.Unit != b.Unit:
		return notApart
	case a.Seq == b.Seq && !a.same(b):
		return ""
	}
	return noConflict
}

func twoDisclosures(a, b Disclosure) string {
	if a.Job != b.Job || a.Provider != b.Provider {
		return notApart
	}
	if a.Secret != b.Secret || a.AuditMin != b.AuditMin {
		return ""
	}
	for _, r := range a.Rows {
		if other, ok := b.Row(r.Shard, r.Attempt); ok && other != r {
			return ""
		}
	}
	return noConflict
}

func falseSecret(subject identity.PubKey, docs []Event) string {
	var d *Disclosure
	for _, e := range docs {
		if m, err := Decode[Disclosure](e); err == nil && e.PubKey == subject && d == nil {
			d = &m
		}
	}
	switch {
	case d == nil:
		return "takes a Disclosure of the subject"
	case len(docs) == 2:
		return falsePromise(subject, *d, docs)
	case len(docs) == 3:
		return falseDraw(subject, *d, docs)
	}
	return notTwo
}

// falsePromise holds a disclosure against the offer or lease of its job.
func falsePromise(subject identity.PubKey, d Disclosure, docs []Event) string {
	for _, e := range docs {
		job, commit, least, ok := Promise(e)
		switch {
		case !ok:
			continue
		case e.PubKey != subject || job != d.Job || commit.IsZero():
			return notApart
		}
		for _, r := range d.Rows {
			if r.RatePPM < least {
				return ""
			}
		}
		if SecretHash(d.Secret) == commit && d.AuditMin == least {
			return noConflict
		}
		return ""
	}
	return "takes a JobOffer or a Lease"
}

// Promise returns what a JobOffer or a Lease says of its audits: the job, the
// hash of the secret and the least rate; ok is false for other documents.
func Promise(e Event) (job ID, commit Hash, least uint32, ok bool) {
	if o, err := Decode[JobOffer](e); err == nil {
		return o.Job, o.AuditCommit, o.AuditMin, true
	}
	if l, err := Decode[Lease](e); err == nil {
		return l.Job, l.AuditCommit, l.AuditMin, true
	}
	return ID{}, Hash{}, 0, false
}

// falseDraw replays the lottery of one attempt. The RevealRequest shows that
// the subject had that Commit and no other: without it the provider could
// sign a second one to make an honest draw look false.
func falseDraw(subject identity.PubKey, d Disclosure, docs []Event) string {
	var c *Commit
	var commit ID
	var asked *RevealRequest
	for _, e := range docs {
		if m, err := Decode[Commit](e); err == nil && e.PubKey == d.Provider {
			c, commit = &m, e.ID
		}
		if m, err := Decode[RevealRequest](e); err == nil && e.PubKey == subject {
			asked = &m
		}
	}
	if c == nil || asked == nil {
		return "takes the provider's Commit and the subject's RevealRequest"
	}
	row, ok := d.Row(c.Shard, c.Attempt)
	switch {
	case c.Job != d.Job || asked.Job != d.Job || !ok || asked.Shard != c.Shard || asked.Attempt != c.Attempt:
		return notApart
	case !slices.Contains(asked.Commits, commit):
		return "is of a Commit that was not asked to be opened"
	case d.Replay(row, c.C):
		return noConflict
	}
	return ""
}
