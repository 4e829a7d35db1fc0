package infer

import (
	"fmt"

	"infernet.tech/infernet/p2p/wire"
)

// receipt exchanges the receipt of a paid window, on a stream on which the
// window was accepted, and ends it.
func (r *Router) receipt(t *talk, l *lease, w *window) error {
	if w.Doc.InTokens+w.Doc.OutTokens == 0 { // the end of a lease, nothing more
		return r.done(l, w)
	}
	doc, err := r.receiptOf(l, w)
	if err != nil {
		return err
	}
	by, err := r.say(t, doc)
	if err != nil {
		return r.unsigned(l, w, err)
	}
	pair := wire.Countersigned{Doc: doc, By: by}
	if err := pair.Verify(l.Provider); err != nil {
		return r.unsigned(l, w, fmt.Errorf("%w: %w", errProtocol, err))
	}
	// The payment is made: a ledger that fails must not hold up the lease.
	if _, err := r.d.Ledger.AddReceipt(pair); err != nil {
		r.log.Error("store a receipt", "lease", l.ID.Short(), "seq", w.Doc.Seq, "err", err)
	}
	return r.done(l, w)
}

// unsigned counts a try; after some the receipt is kept with this side's
// signature alone.
func (r *Router) unsigned(l *lease, w *window, cause error) error {
	l.mu.Lock()
	tries := 0
	if l.Open != nil {
		l.Open.Tries++
		tries = l.Open.Tries
	}
	l.mu.Unlock()
	if tries < receiptTries && transient(cause) {
		return cause
	}
	r.log.Debug("receipt not countersigned", "lease", l.ID.Short(), "seq", w.Doc.Seq, "err", cause)
	if w.Doc.InTokens+w.Doc.OutTokens > 0 { // the ledger keeps it as it was issued
		if _, err := r.receiptOf(l, w); err != nil {
			return err
		}
	}
	return r.done(l, w)
}

// receiptOf signs the receipt once and returns the one that stands.
func (r *Router) receiptOf(l *lease, w *window) (wire.Event, error) {
	if len(w.Receipt) > 0 {
		return wire.Parse(w.Receipt)
	}
	l.mu.Lock()
	c := l.record
	l.mu.Unlock()
	ref := ""
	if w.Doc.Amount > 0 {
		ref = string(windowRef(w))
	}
	doc, err := r.sealReceipt(c, w, wire.VerdictOK, "", ref)
	if err != nil {
		return doc, err
	}
	// Kept, so that a second try sends the same bytes: the provider signs one
	// receipt for each window.
	w.Receipt = doc.Bytes()
	return doc, r.commit(l, func(c *record) { c.Open = copied(w) })
}

// sealReceipt issues the receipt of a window. The ledger signs one for each.
func (r *Router) sealReceipt(c record, w *window, verdict, blame, ref string) (wire.Event, error) {
	m := r.receiptFor(c, verdict)
	m.Shard, m.Blame, m.PayRef, m.StartedMS, m.EndedMS = w.Doc.Seq, blame, ref, w.Began, w.Ended
	m.Units, m.InTokens, m.OutTokens = w.Doc.InTokens+w.Doc.OutTokens, w.Doc.InTokens, w.Doc.OutTokens
	m.Audits, m.RatePPM = w.Audits, w.Rate
	if verdict == wire.VerdictOK {
		m.Amount = w.Doc.Amount
	}
	return r.d.Ledger.Issue(r.d.Key, m, r.now())
}

// receiptFor is what all receipts of a lease have in common.
func (r *Router) receiptFor(c record, verdict string) wire.Receipt {
	return wire.Receipt{
		Job: c.ID, Provider: c.Provider, Payer: r.d.Key.PubKey(), Image: c.Image, ModelCID: c.Model,
		Unit: string(c.Rate.Unit), Rail: c.Rail, Verdict: verdict, Label: wire.LabelClaimed, Class: c.Class,
	}
}

// done ends a window and, when it was the last, the lease.
func (r *Router) done(l *lease, w *window) error {
	return r.commit(l, func(c *record) {
		c.Stated.In, c.Stated.Out = w.Doc.TotalIn, w.Doc.TotalOut
		c.Asked += w.Doc.Requests
		c.Next, c.Open = w.Doc.Seq+1, nil
		c.Passed -= min(c.Passed, w.Audits)
		if w.Doc.Last {
			c.Ended = true
			if c.State != stateDisputed {
				c.State = stateClosed
			}
		}
	})
}
