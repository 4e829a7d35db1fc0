package lightning

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// lookHold asks the node what is locked and brings the hold on by one step where
// that says so. What it returns is what is written; a hold that ended has the
// phase returning and says why. The berth is locked by the caller.
func (r *Rail) lookHold(ctx context.Context, peer identity.PubKey, h hold) (hold, error) {
	s, err := r.node.Lookup(ctx, ln.Hash(h.Hash))
	if errors.Is(err, ln.ErrNotFound) && (h.Phase == making || h.Phase == open) {
		return r.ended(peer, h, "the node has no such invoice")
	}
	if errors.Is(err, ln.ErrNotFound) && r.clock().After(h.Until.Add(grace)) {
		return r.ended(peer, h, "the node does not know the invoice")
	}
	if err != nil {
		return h, err
	}
	switch {
	case s.State == ln.Settled:
		return r.taken(peer, h, s)
	case s.State == ln.Canceled:
		return r.ended(peer, h, "given back, too late or by the node")
	case h.Phase == settling:
		return r.take(ctx, peer, h, s)
	case h.Phase == making && (!s.Hold || s.AmountMsat != h.Amount):
		return r.ended(peer, h, "the hash is taken")
	case h.Phase == returning || h.Phase == making:
		return r.giveBack(ctx, peer, h, "not made to the end")
	}
	if why, err := r.overstayed(ctx, h, s); why != "" || err != nil {
		if err != nil {
			return h, err
		}
		return r.giveBack(ctx, peer, h, why)
	}
	if h.Phase == open && s.State == ln.Accepted && s.PaidMsat >= h.Amount {
		h.Phase = accepted
		return h, r.putHoldIn(peer, h, payments.StateHeld, "locked until "+h.Until.UTC().Format("15:04:05"))
	}
	return h, nil
}

// overstayed says why a hold that was not taken must be given back now: before
// the deadline that the payer named, and well before the blocks in which the
// node does so by itself to save its channel.
func (r *Rail) overstayed(ctx context.Context, h hold, s ln.InvoiceState) (string, error) {
	now := r.clock()
	switch {
	case now.After(h.Until):
		return "the time for the work is over", nil
	case s.State == ln.Open && now.After(h.Expires):
		return "not locked in time", nil
	case s.State != ln.Accepted || s.ExpiryHeight == 0:
		return "", nil
	}
	left, err := r.blocksLeft(ctx, s)
	if err != nil || left > int64(r.cfg.CancelBlocks) {
		return "", err
	}
	return fmt.Sprintf("%d blocks are left", left), nil
}

// blocksLeft is how many blocks are left before the locked payment is lost.
func (r *Rail) blocksLeft(ctx context.Context, s ln.InvoiceState) (int64, error) {
	info, err := r.node.Info(ctx)
	if err != nil {
		return 0, err
	}
	return int64(s.ExpiryHeight) - int64(info.Height), nil
}

// giveBack cancels the invoice, for whatever is locked there is the payer's. It
// is written down first, so that a hold on its way back is never expected from.
func (r *Rail) giveBack(ctx context.Context, peer identity.PubKey, h hold, why string) (hold, error) {
	if h.Phase != returning {
		h.Phase, h.Why = returning, clip(why)
		if err := r.putHoldIn(peer, h, payments.StateQuoted, why); err != nil {
			return h, err
		}
	}
	err := r.node.Cancel(ctx, ln.Hash(h.Hash))
	switch {
	case errors.Is(err, ln.ErrSettled): // with a preimage that we never saw
		s, err := r.node.Lookup(ctx, ln.Hash(h.Hash))
		if err != nil {
			return h, err
		}
		return r.taken(peer, h, s)
	case err != nil && !errors.Is(err, ln.ErrNotFound):
		return h, err
	}
	return r.ended(peer, h, h.Why)
}

func (r *Rail) ended(peer identity.PubKey, h hold, why string) (hold, error) {
	if h.Why == "" {
		h.Why = why
	}
	h.Phase = returning
	return h, r.holdOff(peer, h, h.Why)
}

// take claims what is locked, with the preimage that was written down.
func (r *Rail) take(ctx context.Context, peer identity.PubKey, h hold, s ln.InvoiceState) (hold, error) {
	if s.ExpiryHeight != 0 {
		left, err := r.blocksLeft(ctx, s)
		if err != nil {
			return h, err
		}
		if left <= int64(r.cfg.SettleBlocks) {
			return h, fmt.Errorf("%w: %d blocks are left", ErrLate, left)
		}
	}
	err := r.node.Settle(ctx, ln.Preimage(*h.Secret))
	if errors.Is(err, ln.ErrCanceled) {
		return r.ended(peer, h, "given back before it was taken")
	}
	if err != nil {
		return h, err
	}
	if s, err = r.node.Lookup(ctx, ln.Hash(h.Hash)); err != nil {
		return h, err
	}
	if s.State != ln.Settled {
		return h, fmt.Errorf("settled, and the node says %s", s.State)
	}
	return r.taken(peer, h, s)
}

// taken enters that what was locked is ours, and with it the payment.
func (r *Rail) taken(peer identity.PubKey, h hold, s ln.InvoiceState) (hold, error) {
	var by wire.Event
	if h.Doc != nil {
		shown, err := wire.Parse(h.Doc)
		if err != nil {
			return h, fmt.Errorf("%w: release: %w", payments.ErrCorrupt, err)
		}
		if by, err = r.seal(wire.Countersign{Of: shown.ID, Role: wire.RolePayee}); err != nil {
			return h, err
		}
	}
	h.Phase = taken
	return h, r.dropHoldIn(peer, h, func(tx store.Txn) error {
		e, err := r.acc.Journal().Get(tx, payments.In, peer, h.Ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		p := payments.Payment{Ref: h.Ref, Peer: peer, Amount: msat(h.Amount), Memo: e.Memo}
		if e.State == "" || e.Same(p) == nil {
			if _, err := r.acc.CaptureSecured(tx, payments.In, p, lockedBy(h.Hash), h.Doc, raw(by)); err != nil {
				return err
			}
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.In, Ref: holdRef(payments.In, peer, h.Ref), Peer: peer, Amount: msat(h.Amount),
			State: payments.StateCaptured, Reason: "taken with the preimage", Doc: h.Doc, Answer: s.Preimage[:],
		})
	})
}

func raw(e wire.Event) []byte {
	if e.ID.IsZero() {
		return nil
	}
	return e.Bytes()
}

// serveRelease answers a payer that shows the preimage, or asks for its money
// back.
func (r *Rail) serveRelease(ctx context.Context, peer identity.PubKey, e wire.Event, m wire.Release) (wire.Message, error) {
	ref := payments.Ref(m.Ref)
	unlock, err := r.holds.lock(ctx, berth{lane{payments.In, peer}, ref})
	if err != nil {
		return nil, err
	}
	defer unlock()
	shown := secret(m.Preimage)
	if !m.Preimage.IsZero() && !shown.opens(m.Hold) {
		return refuse(e.ID, CodePreimage, "it does not open the hash"), nil
	}
	i, err := r.in(peer)
	if err != nil {
		return nil, err
	}
	if h, known := i.Holds[ref]; known && h.Hash == m.Hold {
		var no wire.Message
		if m.Preimage.IsZero() {
			no, err = r.asked(ctx, peer, e, h)
		} else {
			no, err = r.shown(ctx, peer, e, h, shown)
		}
		if no != nil || err != nil {
			return no, err
		}
	}
	return r.released(peer, e, m)
}

// asked gives back what the payer wants back.
func (r *Rail) asked(ctx context.Context, peer identity.PubKey, e wire.Event, h hold) (wire.Message, error) {
	if h.Phase == settling {
		return refuse(e.ID, CodeHold, "you have shown the preimage"), nil
	}
	_, err := r.giveBack(ctx, peer, h, "the payer gave it up")
	return nil, err
}

// shown takes the money with the preimage, which is written down before it is
// used, if the payment is expected.
func (r *Rail) shown(ctx context.Context, peer identity.PubKey, e wire.Event, h hold, with secret) (wire.Message, error) {
	h, err := r.lookHold(ctx, peer, h)
	if err != nil {
		return nil, err
	}
	switch h.Phase {
	case open:
		return refuse(e.ID, CodeGone, "nothing is locked"), nil
	case accepted:
	default:
		return nil, nil
	}
	var entry payments.Entry
	err = r.s.View(func(tx store.Reader) (err error) {
		entry, err = r.acc.Journal().Get(tx, payments.In, peer, h.Ref)
		return err
	})
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return nil, err
	}
	if entry.State != payments.StateQuoted || entry.Secured != lockedBy(h.Hash) {
		return refuse(e.ID, account.CodeNotExpected, "no such payment is expected of you"), nil
	}
	h.Phase, h.Secret, h.Doc = settling, &with, e.Bytes()
	if err := r.putHoldIn(peer, h, payments.StateUnknown, "the preimage was shown"); err != nil {
		return nil, err
	}
	_, err = r.lookHold(ctx, peer, h)
	return nil, err
}

// released answers from the journal what became of a hold that is no more.
func (r *Rail) released(peer identity.PubKey, e wire.Event, m wire.Release) (wire.Message, error) {
	var entry payments.Entry
	err := r.s.View(func(tx store.Reader) (err error) {
		entry, err = r.acc.Journal().Get(tx, payments.In, peer, holdRef(payments.In, peer, payments.Ref(m.Ref)))
		return err
	})
	if err != nil && !errors.Is(err, payments.ErrNoEntry) && !errors.Is(err, payments.ErrSyntax) {
		return nil, err
	}
	took := false
	if entry.State == payments.StateCaptured && entry.Doc != nil {
		if d, err := wire.Parse(entry.Doc); err == nil {
			was, err := wire.Decode[wire.Release](d)
			took = err == nil && was.Hold == m.Hold
		}
	}
	switch {
	case took == !m.Preimage.IsZero():
		return wire.Countersign{Of: e.ID, Role: wire.RolePayee}, nil
	case took:
		return refuse(e.ID, CodeHold, "you have shown the preimage"), nil
	}
	return refuse(e.ID, CodeGone, "nothing is locked under that hash: "+entry.Reason), nil
}
