package infer

import (
	"encoding/json"
	"errors"
	"fmt"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// guilt is what is stored of a lease whose provider was found to answer by
// something else than it is paid for, before the receipt that says so is
// signed: a crash in between does not forget it.
type guilt struct {
	Seq    uint32      `json:"seq"` // of the receipt; no window has it
	Unpaid meter.Count `json:"unpaid"`
	Audits uint32      `json:"audits"`
	Rate   uint32      `json:"rate"`
	Began  int64       `json:"began"` // unix milliseconds
	Ended  int64       `json:"ended"`
}

// Proof is what was found about a provider, with all that it was found by.
type Proof struct {
	Provider identity.PubKey `json:"provider"`
	Model    string          `json:"model"`
	Image    string          `json:"image"`
	Class    string          `json:"class,omitempty"`
	Lease    wire.ID         `json:"lease"` // the last of the answers
	At       int64           `json:"at"`    // unix seconds
	Answers  []ProofAnswer   `json:"answers"`
	Findings []ProofFinding  `json:"findings"`
	Cut      int             `json:"cut,omitempty"` // answers left out for their size
}

// ProofAnswer is one answer that was replayed: its claim, as it was sent to who
// replayed it, and the text that was given.
type ProofAnswer struct {
	Lease   wire.ID         `json:"lease"`
	Request uint32          `json:"request"` // its number in the lease
	Claim   json.RawMessage `json:"claim"`
	Text    string          `json:"text"`
}

// ProofFinding is what one side found: its answer, and what it saw of each
// token of each answer.
type ProofFinding struct {
	By     []identity.PubKey `json:"by"`
	Answer compare.Answer    `json:"answer"`
	Why    string            `json:"why"`
	Stats  compare.Stats     `json:"stats"`
	Seen   json.RawMessage   `json:"seen"`
}

// maxProof bounds one proof in the store, in bytes of its answers.
const maxProof = 1 << 20

const proofPrefix = "proof/"

// convict acts on what two sides found: the lease ends, what is open is not
// paid, and the receipt says why. The order is that of what a crash may cut
// short: the proof, the lease, the receipt.
func (r *Router) convict(l *lease, d *dossier, found []finding) {
	now := r.now()
	r.health.failed(l.Provider, restAt+1, now) // others are asked from here on
	l.settling.Lock()
	defer l.settling.Unlock()
	reason := "its answers are not the model's: " + found[0].why
	r.log.Warn("provider found wrong", "provider", l.Provider.Short(), "model", l.Model, "lease", l.ID.Short(), "answers", len(d.cases), "reason", reason)
	if err := r.keepProof(l, d, found); err != nil {
		r.log.Error("store a proof", "lease", l.ID.Short(), "err", err)
	}
	for _, other := range r.leases() {
		if other.subject() == l.subject() {
			r.retire(other, reason)
		}
	}
	l.mu.Lock()
	c := l.record
	g := &guilt{
		Seq: c.Next, Unpaid: sub(c.Total, c.Stated), Audits: uint32(len(d.cases)), Rate: l.rate,
		Began: min(c.Created*1000, now.UnixMilli()), Ended: now.UnixMilli(),
	}
	open := c.Open
	l.mu.Unlock()
	switch {
	case c.Guilt != nil:
		return
	case open.kept(): // what is paid, or may be, is receipted too
		g.Seq++
		g.Unpaid = sub(c.Total, meter.Count{In: open.Doc.TotalIn, Out: open.Doc.TotalOut})
	case c.State == stateDisputed: // that has a receipt by this number
		g.Seq++
	}
	err := r.commit(l, func(c *record) {
		c.State, c.Reason, c.Guilt = stateDisputed, wire.Printable(reason), g
		if !c.Open.kept() {
			c.Open = nil
		}
		c.Evidence = append(c.Evidence, fmt.Sprintf("%d answers replayed by %d sides, see the proof", len(d.cases), len(found)))
	})
	if err == nil {
		err = r.pronounce(c, g)
	}
	if err != nil {
		r.log.Error("receipt of a wrong answer", "lease", l.ID.Short(), "err", err)
	}
}

// pronounce signs the receipt of a guilt, once however often it is called.
func (r *Router) pronounce(c record, g *guilt) error {
	m := r.receiptFor(c, wire.VerdictBad)
	m.Shard, m.StartedMS, m.EndedMS = g.Seq, g.Began, g.Ended
	m.Units, m.InTokens, m.OutTokens = g.Unpaid.In+g.Unpaid.Out, g.Unpaid.In, g.Unpaid.Out
	m.Blame, m.Audits, m.RatePPM = wire.BlameProvider, g.Audits, g.Rate
	_, err := r.d.Ledger.Issue(r.d.Key, m, r.now())
	return err
}

// keepProof stores what convicts, as far as it is not too much.
func (r *Router) keepProof(l *lease, d *dossier, found []finding) error {
	p := Proof{Provider: l.Provider, Model: l.Model, Image: l.Image, Class: l.Class, Lease: l.ID, At: r.now().Unix()}
	size := 0
	for _, c := range d.cases {
		raw, err := json.Marshal(c.req)
		if err != nil {
			return err
		}
		if size += len(raw) + len(c.text); size > maxProof {
			break
		}
		p.Answers = append(p.Answers, ProofAnswer{c.lease, c.number, raw, c.text})
	}
	p.Cut = len(d.cases) - len(p.Answers)
	for _, f := range found {
		seen, err := json.Marshal(f.seen[:min(len(f.seen), len(p.Answers))])
		if err != nil {
			return err
		}
		p.Findings = append(p.Findings, ProofFinding{f.by, f.answer, f.why, f.stats, seen})
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return r.d.Store.Update(func(tx store.Txn) error { return tx.Set([]byte(proofPrefix+l.ID.String()), raw) })
}

// ProofOf returns what was found about the provider of a lease, and false when
// nothing was.
func (r *Router) ProofOf(lease wire.ID) (p Proof, ok bool, err error) {
	err = r.d.Store.View(func(tx store.Reader) error {
		raw, err := tx.Get([]byte(proofPrefix + lease.String()))
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &p)
	})
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}
