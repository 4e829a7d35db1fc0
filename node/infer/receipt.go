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
	if w.Doc.InTokens+w.Doc.OutTokens > 0 {
		doc, err := r.receiptOf(l, w)
		if err != nil {
			return err
		}
		if _, err := r.d.Ledger.AddOneSided(doc); err != nil {
			r.log.Error("store a receipt", "lease", l.ID.Short(), "seq", w.Doc.Seq, "err", err)
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
	doc, err := r.sealReceipt(c, w, wire.VerdictOK, ref)
	if err != nil {
		return doc, err
	}
	// Kept, so that a second try sends the same bytes: the provider signs one
	// receipt for each window.
	w.Receipt = doc.Bytes()
	return doc, r.commit(l, func(c *record) { c.Open = copied(w) })
}

func (r *Router) sealReceipt(c record, w *window, verdict, ref string) (wire.Event, error) {
	m := wire.Receipt{
		Job: c.ID, Shard: w.Doc.Seq, Provider: c.Provider, Payer: r.d.Key.PubKey(),
		Image: c.Image, ModelCID: c.Model,
		Units: w.Doc.InTokens + w.Doc.OutTokens, InTokens: w.Doc.InTokens, OutTokens: w.Doc.OutTokens,
		Unit: string(c.Rate.Unit), Rail: c.Rail, Verdict: verdict, Label: wire.LabelClaimed,
		PayRef: ref, StartedMS: w.Began, EndedMS: w.Ended,
	}
	if verdict == wire.VerdictOK {
		m.Amount = w.Doc.Amount
	}
	return wire.Seal(r.d.Key, m, r.now())
}

// done ends a window and, when it was the last, the lease.
func (r *Router) done(l *lease, w *window) error {
	return r.commit(l, func(c *record) {
		c.Stated.In, c.Stated.Out = w.Doc.TotalIn, w.Doc.TotalOut
		c.Asked += w.Doc.Requests
		c.Next, c.Open = w.Doc.Seq+1, nil
		if w.Doc.Last {
			c.Ended, c.State = true, stateClosed
		}
	})
}
