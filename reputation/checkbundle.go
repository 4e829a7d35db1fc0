package reputation

import (
	"fmt"
	"slices"
	"strconv"

	"infernet.tech/infernet/p2p/wire"
)

// check is a bundle while it is verified.
type check struct {
	Bundle
	Checked
	promised  *promise
	committed *wire.Commit
}

// promise is what an offer says of audits.
type promise struct {
	hash wire.Hash
	rate uint32
}

// certain and uncertain add to what the receipt alone shows.
func (c *check) certain(format string, args ...any) {
	c.Certain = append(c.Certain, fmt.Sprintf(format, args...))
}

func (c *check) uncertain(format string, args ...any) {
	c.Uncertain = append(c.Uncertain, fmt.Sprintf(format, args...))
}

// fault notes what an author did wrong, with the proof when the documents are
// one.
func (c *check) fault(proof *wire.FraudProof, format string, args ...any) {
	c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
	if proof != nil && c.Proof == nil && proof.Validate() == nil {
		c.Proof = proof
	}
}

// stray is the error for a document that is not of this receipt.
func stray(name, why string) error { return fmt.Errorf("%w: the %s is %s", ErrReceipt, name, why) }

// percent shows parts per million.
func percent(ppm uint32) string { return strconv.FormatFloat(float64(ppm)/1e4, 'f', -1, 64) + "%" }

// offer reads what the payer promised before the work began.
func (c *check) offer() error {
	if c.Offer == nil {
		return nil
	}
	job, hash, least, ok := wire.Promise(*c.Offer)
	switch {
	case !ok:
		return stray("offer", "neither a JobOffer nor a Lease")
	case job != c.Receipt.Job:
		return stray("offer", "of another job")
	case c.Offer.PubKey != c.Receipt.Payer:
		return stray("offer", "not the payer's")
	case hash.IsZero():
		c.certain("the payer promised no audits")
		return nil
	}
	c.promised = &promise{hash, least}
	c.certain("the payer fixed the lottery's secret before the work, and promised to audit at least %s", percent(least))
	return nil
}

// commit wants the very document that the receipt names: the provider may have
// signed another, and the lottery hangs on it.
func (c *check) commit() error {
	if c.Commit == nil {
		if !c.Receipt.Commit.IsZero() {
			c.uncertain("what the provider committed to: its Commit %s is not here", c.Receipt.Commit.Short())
		}
		return nil
	}
	m, err := wire.Decode[wire.Commit](*c.Commit)
	switch {
	case err != nil:
		return stray("commit", "not a Commit")
	case c.Commit.PubKey != c.Receipt.Provider:
		return stray("commit", "not the provider's")
	case m.Job != c.Receipt.Job || m.Shard != c.Receipt.Shard || m.Attempt != c.Receipt.Attempt:
		return stray("commit", "of another attempt")
	case !m.Aggregator.IsZero() && m.Aggregator != c.Receipt.Payer:
		return stray("commit", "for another aggregator")
	case c.Commit.ID != c.Receipt.Commit:
		return stray("commit", "not the one that the receipt names")
	}
	c.committed = &m
	c.certain("the provider committed to one result, by its own signature")
	return c.request()
}

// request shows which commits the payer had when it asked for results; it is
// also what makes a false draw provable to strangers.
func (c *check) request() error {
	if c.Request == nil {
		return nil
	}
	m, err := wire.Decode[wire.RevealRequest](*c.Request)
	switch {
	case err != nil || c.Request.PubKey != c.Receipt.Payer:
		return stray("request", "not the payer's RevealRequest")
	case m.Job != c.Receipt.Job || m.Shard != c.Receipt.Shard || m.Attempt != c.Receipt.Attempt:
		return stray("request", "of another attempt")
	case !slices.Contains(m.Commits, c.Commit.ID):
		return stray("request", "for other commits")
	}
	if n := len(m.Commits); n > 1 {
		c.certain("the payer had the commits of %d providers before it asked for results", n)
	}
	return nil
}

// reveal opens the commit. A reveal that does not is the provider's own
// signature against itself.
func (c *check) reveal() error {
	if c.Reveal == nil {
		if c.committed != nil && c.Receipt.Root != "" {
			c.uncertain("that the commit opens to the result: the Reveal is not here")
		}
		return nil
	}
	m, err := wire.Decode[wire.Reveal](*c.Reveal)
	switch {
	case err != nil || c.Reveal.PubKey != c.Receipt.Provider:
		return stray("reveal", "not the provider's Reveal")
	case c.Reveal.ID != c.Receipt.Reveal:
		return stray("reveal", "not the one that the receipt names")
	case c.committed == nil:
		return stray("reveal", "of no use without the commit")
	case m.Commit != c.Commit.ID:
		return stray("reveal", "of another commit")
	}
	if err := m.Opens(*c.committed, c.Reveal.PubKey); err != nil {
		c.fault(&wire.FraudProof{Subject: c.Receipt.Provider, Fault: wire.FaultFalseReveal, Docs: []wire.Event{*c.Commit, *c.Reveal}},
			"the provider revealed another result than it had committed to")
		return nil
	}
	if m.Root != c.Receipt.Root {
		c.fault(nil, "the receipt names another result than the provider revealed")
		return nil
	}
	c.certain("the commit opens to the result that the receipt names")
	return nil
}

// disclosure holds the secret against its hash, the rates against the promise,
// and replays the attempt's draw.
func (c *check) disclosure() error {
	if c.Disclosure == nil {
		if c.promised != nil {
			c.uncertain("that audits were as promised: the secret is not here")
		}
		return nil
	}
	m, err := wire.Decode[wire.Disclosure](*c.Disclosure)
	switch {
	case err != nil:
		return stray("disclosure", "not a Disclosure")
	case c.Disclosure.PubKey != c.Receipt.Payer || m.Provider != c.Receipt.Provider:
		return stray("disclosure", "between others")
	case m.Job != c.Receipt.Job:
		return stray("disclosure", "of another job")
	}
	c.promiseKept(m)
	if c.window() {
		n := 0
		for _, r := range m.Rows {
			if r.Audited {
				n++
			}
		}
		c.uncertain("that the draws of %d requests, %d of them audited, were as told: it takes the answers", len(m.Rows), n)
		return nil
	}
	row, ok := m.Row(c.Receipt.Shard, c.Receipt.Attempt)
	if !ok {
		c.uncertain("how the lottery went: this disclosure does not tell of the attempt")
		return nil
	}
	c.drawn(m, row)
	return nil
}

// window reports whether the receipt is of inference: the rows of a lease's
// disclosure are of its requests, not of its windows.
func (c *check) window() bool {
	return c.Receipt.InTokens+c.Receipt.OutTokens > 0 || c.Offer != nil && c.Offer.Kind == wire.KindLease
}

// promiseKept holds the secret and the rates against the offer.
func (c *check) promiseKept(m wire.Disclosure) {
	if c.promised == nil {
		c.uncertain("that the secret was fixed before the work: the offer is not here")
		return
	}
	proof := &wire.FraudProof{Subject: c.Receipt.Payer, Fault: wire.FaultFalseSecret, Docs: []wire.Event{*c.Offer, *c.Disclosure}}
	if wire.SecretHash(m.Secret) != c.promised.hash {
		c.fault(proof, "the secret is not the one whose hash the payer offered")
		return
	}
	c.certain("the secret is the one that was fixed before the work")
	if m.AuditMin != c.promised.rate {
		c.fault(proof, "the disclosure tells of %s promised, the offer of %s", percent(m.AuditMin), percent(c.promised.rate))
	}
	for _, r := range m.Rows {
		if r.RatePPM < c.promised.rate {
			c.fault(proof, "shard %d was drawn at %s, below the promised %s", r.Shard, percent(r.RatePPM), percent(c.promised.rate))
			return
		}
	}
	c.certain("every rate it tells of is as promised or above")
}

// drawn replays the lottery of the attempt.
func (c *check) drawn(m wire.Disclosure, row wire.Drawn) {
	if row.RatePPM != c.Receipt.RatePPM {
		c.fault(nil, "the receipt tells of a rate of %s, the disclosure of %s", percent(c.Receipt.RatePPM), percent(row.RatePPM))
	}
	if c.committed == nil {
		c.uncertain("how the lottery went: it takes the commit")
		return
	}
	d := Draw{Ticket: wire.AuditDraw(m.Secret, m.Job, row.Shard, row.Attempt, c.committed.C), RatePPM: row.RatePPM, Said: row.Audited}
	if d.Audited = wire.Audited(d.Ticket, row.RatePPM); c.promised != nil {
		d.PromisedPPM = c.promised.rate
	}
	c.Draw = &d
	if d.Audited != d.Said {
		var proof *wire.FraudProof
		if c.Request != nil {
			proof = &wire.FraudProof{Subject: c.Receipt.Payer, Fault: wire.FaultFalseSecret,
				Docs: []wire.Event{*c.Disclosure, *c.Commit, *c.Request}}
		}
		c.fault(proof, "the disclosure says %s and the secret draws %s", drawnWord(d.Said), drawnWord(d.Audited))
		return
	}
	c.certain("the lottery replayed: %s at %s", drawnWord(d.Audited), percent(row.RatePPM))
	if d.Audited && c.Receipt.Verdict == wire.VerdictOK && c.Receipt.Label == wire.LabelClaimed && c.Receipt.Audits == 0 {
		c.uncertain("that the audit which was drawn took place: the receipt shows none")
	}
}

// drawnWord is an outcome of the lottery for people.
func drawnWord(audited bool) string {
	if audited {
		return "chosen for an audit"
	}
	return "not chosen for an audit"
}

// payment holds the payer's note of debt against the receipt, and the provider's
// signature under that note. That the debt was ever settled only the rail knows.
func (c *check) payment() error {
	if c.Payment == nil {
		if c.Taken != nil {
			return stray("taken", "of no use without the payment")
		}
		return nil
	}
	m, err := wire.Decode[wire.CreditNote](*c.Payment)
	amount, _, paid := m.Line(c.Receipt.PayRef)
	switch {
	case err != nil:
		return stray("payment", "not a CreditNote")
	case c.Payment.PubKey != c.Receipt.Payer || m.Payee != c.Receipt.Provider:
		return stray("payment", "between others")
	case !paid:
		return stray("payment", "for something else")
	case amount != c.Receipt.Amount || m.Unit != c.Receipt.Unit:
		c.fault(nil, "the receipt tells of %d %s, the payer's note of %d %s", c.Receipt.Amount, c.Receipt.Unit, amount, m.Unit)
		return nil
	}
	c.certain("the payer signed that it owes %d %s for this", amount, m.Unit)
	return c.taken()
}

// taken reads the provider's signature under the note: with it both books have
// the debt, and no more than its settlement is left to ask for.
func (c *check) taken() error {
	if c.Taken == nil {
		return nil
	}
	m, err := wire.Decode[wire.Countersign](*c.Taken)
	switch {
	case err != nil || m.Role != wire.RolePayee:
		return stray("taken", "not a payee's Countersign")
	case c.Taken.PubKey != c.Receipt.Provider:
		return stray("taken", "not the provider's")
	case m.Of != c.Payment.ID:
		return stray("taken", "of another document than the payment")
	}
	c.Noted = true
	c.certain("the provider countersigned that note: both hold that it is owed")
	unknown := c.unknownPayment()
	c.Uncertain = slices.DeleteFunc(c.Uncertain, func(s string) bool { return s == unknown })
	c.uncertain("that what is owed was made good: ask the rail %s", c.Receipt.Rail)
	return nil
}
