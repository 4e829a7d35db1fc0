package lightning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// serveWindow answers the ask for an invoice over a span of the peer's notes.
// One such invoice is open at a time; before another is made the last one is
// settled, over, or cancelled, so that nothing can be paid twice.
func (r *Rail) serveWindow(ctx context.Context, peer identity.PubKey, e wire.Event, ask wire.InvoiceAsk) (wire.Message, error) {
	unlock, err := r.windows.lock(ctx, lane{payments.In, peer})
	if err != nil {
		return nil, err
	}
	defer unlock()
	i, err := r.in(peer)
	if err != nil {
		return nil, err
	}
	if i.Window != nil {
		if err := r.lookWindow(ctx, peer, *i.Window, false); err != nil {
			return nil, err
		}
	}
	w, m, err := r.judgeWindow(ctx, peer, e, ask)
	if m != nil || err != nil {
		return m, err
	}
	if i, err = r.in(peer); err != nil {
		return nil, err
	}
	if old := i.Window; old != nil {
		same := old.From == w.From && old.To == w.To && old.Root == w.Root
		if same && r.clock().Add(2*r.cfg.PayFor).Before(old.Expires) {
			return wire.Invoice{Ask: e.ID, Bolt11: old.Bolt11, Amount: old.amount()}, nil
		}
		if err := r.lookWindow(ctx, peer, *old, true); err != nil {
			return nil, err
		}
		// It may have been paid in the last moment.
		if w, m, err = r.judgeWindow(ctx, peer, e, ask); m != nil || err != nil {
			return m, err
		}
	}
	if w, err = r.makeWindow(ctx, peer, ask, w); err != nil {
		return nil, err
	}
	r.hint(peer) // Run has the node tell of it
	return wire.Invoice{Ask: e.ID, Bolt11: w.Bolt11, Amount: w.amount()}, nil
}

// judgeWindow lays the ask beside our own book. It returns the window that both
// mean, or what to answer when they are not the same: our terms, which say what
// is settled, where the payer knows of less.
func (r *Rail) judgeWindow(ctx context.Context, peer identity.PubKey, e wire.Event, ask wire.InvoiceAsk) (w window, m wire.Message, err error) {
	var d, at account.Debt
	err = r.s.View(func(tx store.Reader) error {
		if d, err = r.acc.OwedIn(tx, peer); err != nil {
			return err
		}
		at = d
		if ask.Seq == d.Seq {
			return nil
		}
		at, err = r.acc.OwedAt(tx, peer, ask.Seq) // notes that came since do not matter
		return err
	})
	moved := errors.Is(err, account.ErrPassed)
	if err != nil && !moved {
		return w, nil, err
	}
	switch {
	case ask.Channel != d.Channel:
		m = refuse(e.ID, account.CodeDiverged, "foreign channel")
	case ask.From < d.Settled:
		m, err = r.ourTerms(ctx, peer, e.ID)
		return w, m, err
	case moved:
		m = refuse(e.ID, CodeMoved, fmt.Sprintf("we are at note %d", d.Seq))
	case ask.From > d.Settled:
		m = refuse(e.ID, account.CodeDiverged, fmt.Sprintf("%d is settled here, not %d", d.Settled, ask.From))
	case ask.To != at.Total || ask.Root != at.Root:
		m = refuse(e.ID, account.CodeDiverged, fmt.Sprintf("note %d brought the total to %d here, or by other notes", at.Seq, at.Total))
	case ask.Amount < r.cfg.Least:
		m = refuse(e.ID, CodeSmall, fmt.Sprintf("%d msat is the least", r.cfg.Least))
	}
	return window{Channel: d.Channel, Seq: at.Seq, From: d.Settled, To: at.Total, Root: at.Root}, m, nil
}

// makeWindow has the node make the invoice and writes it down. An invoice that
// could not be written down is known to nobody.
func (r *Rail) makeWindow(ctx context.Context, peer identity.PubKey, ask wire.InvoiceAsk, w window) (window, error) {
	life := min(time.Duration(ask.Expiry)*time.Second, r.cfg.InvoiceFor)
	made, err := r.node.CreateInvoice(ctx, ln.InvoiceSpec{
		AmountMsat: w.amount(), Expiry: max(life, 2*r.cfg.PayFor),
		DescriptionHash: windowDescription(w.Channel, w.From, w.To, w.Root),
	})
	if err != nil {
		return w, err
	}
	w.Bolt11, w.Hash, w.Begun, w.Expires = made.Bolt11, wire.ID(made.Hash), r.clock(), made.ExpiresAt
	return w, r.changeIn(peer, func(tx store.Txn, i *in) error {
		if i.Window != nil {
			return fmt.Errorf("%w: a window is open already", ErrBooks)
		}
		i.Window = &w
		return r.enter(tx, payments.Entry{
			Direction: payments.In, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()),
			State: payments.StateQuoted, Reason: fmt.Sprintf("invoice over notes up to %d", w.Seq), Doc: []byte(w.Bolt11),
		})
	})
}

// lookWindow asks the node what became of the open invoice and enters it. With
// cancel an invoice that is still open is cancelled; a nil error then means that
// it is off.
func (r *Rail) lookWindow(ctx context.Context, peer identity.PubKey, w window, cancel bool) error {
	s, err := r.node.Lookup(ctx, ln.Hash(w.Hash))
	switch {
	case errors.Is(err, ln.ErrNotFound) && r.clock().After(w.Expires.Add(grace)):
		// The node forgot it, or the operator took another one; nobody can pay it
		// there any more.
		return r.windowOff(peer, w, "the node does not know the invoice")
	case err != nil:
		return err
	}
	switch s.State {
	case ln.Settled:
		return r.windowIn(peer, w, s)
	case ln.Canceled:
		return r.windowOff(peer, w, "not paid in time")
	}
	over := r.clock().After(w.Expires.Add(grace))
	if !cancel && !over {
		return nil
	}
	err = r.node.Cancel(ctx, ln.Hash(w.Hash))
	switch {
	case errors.Is(err, ln.ErrSettled):
		return r.lookWindow(ctx, peer, w, false)
	case errors.Is(err, ln.ErrUnsupported) && over && s.State == ln.Open:
		// A wallet that cannot cancel; nobody can pay what is over.
	case errors.Is(err, ln.ErrUnsupported):
		return fmt.Errorf("an invoice is open until %s: %w", w.Expires.Format(time.TimeOnly), err)
	case err != nil:
		return err
	}
	return r.windowOff(peer, w, "cancelled, not paid in time")
}

// windowIn enters that the peer paid.
func (r *Rail) windowIn(peer identity.PubKey, w window, s ln.InvoiceState) error {
	if s.PaidMsat < w.amount() {
		return fmt.Errorf("%w: invoice of %d msat settled with %d", ErrBooks, w.amount(), s.PaidMsat)
	}
	return r.changeIn(peer, func(tx store.Txn, i *in) error {
		if i.Window == nil || i.Window.Hash != w.Hash {
			return nil // entered already
		}
		i.Window, i.Due, i.Reported = nil, time.Time{}, 0
		if err := r.acc.SettledIn(tx, peer, w.To, r.clock()); err != nil {
			return err
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.In, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()), State: payments.StateCaptured,
			Reason: "invoice settled", Doc: []byte(w.Bolt11), Answer: s.Preimage[:],
		})
	})
}

// windowOff enters that the invoice can be paid no more.
func (r *Rail) windowOff(peer identity.PubKey, w window, why string) error {
	return r.changeIn(peer, func(tx store.Txn, i *in) error {
		if i.Window == nil || i.Window.Hash != w.Hash {
			return nil
		}
		i.Window = nil
		return r.enter(tx, payments.Entry{
			Direction: payments.In, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()),
			State: payments.StateReleased, Reason: why, Doc: []byte(w.Bolt11),
		})
	})
}
