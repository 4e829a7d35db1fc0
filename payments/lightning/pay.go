package lightning

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// Pay implements payments.Payer: out of what Fund locked for the ref where it
// did, by a note that a window makes good later where it did not. Nothing is
// signed that the day's ceiling has no room for.
func (r *Rail) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	if p.Ref.Class() != "" {
		err := fmt.Errorf("ref %.40q is the rail's own: %w", string(p.Ref), payments.ErrSyntax)
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	if p.Validate(payments.MilliSat) != nil || p.Peer == r.key.PubKey() {
		return r.acc.Pay(ctx, p) // which says so
	}
	unlock, err := r.holds.lock(ctx, berth{lane{payments.Out, p.Peer}, p.Ref})
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	defer unlock()
	o, err := r.out(p.Peer)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	h, known := o.Holds[p.Ref]
	if known && h.Phase == drawn { // nothing is locked, nor will be
		if err := r.holdBack(p.Peer, h, "paid by a note"); err != nil {
			return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
		}
		known = false
	}
	if known && h.Phase != charged && h.Phase != unsigned {
		if err := r.payLocked(ctx, p, h); err != nil {
			return payments.Proof{}, err
		}
	} else if !known {
		return r.payNote(ctx, p)
	}
	return r.proofOf(ctx, p)
}

// proofOf is the proof of a payment out of a hold: the preimage that was shown,
// countersigned by the payee, or without its signature where only the node says
// that it was taken.
func (r *Rail) proofOf(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	e, err := r.entry(payments.Out, p)
	if err != nil || e.State != payments.StateCaptured || e.Answer != nil || e.Shared != "" {
		return r.acc.Pay(ctx, p)
	}
	if err := e.Same(p); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	return payments.Proof{Ref: p.Ref, Rail: Name, Doc: e.Doc}, nil
}

// payNote pays by a note, with the day's ceiling taken first.
func (r *Rail) payNote(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	e, err := r.entry(payments.Out, p)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	if e.State.Terminal() && e.Secured != "" {
		return r.proofOf(ctx, p)
	}
	if e.State.Terminal() || e.State.Open() { // taken when it was begun
		proof, err := r.acc.Pay(ctx, p)
		r.tidy(p.Peer, p.Ref)
		return proof, err
	}
	if err := r.promiseNote(p); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	proof, err := r.acc.Pay(ctx, p)
	r.tidy(p.Peer, p.Ref)
	return proof, err
}

// promiseNote takes the ceiling for a note that is about to be signed. What Fund
// set aside is taken already.
func (r *Rail) promiseNote(p payments.Payment) error {
	return r.changeOut(p.Peer, func(tx store.Txn, o *out) error {
		c, funded := o.Credit[p.Ref]
		if funded && c.Amount != p.Amount.Value {
			return fmt.Errorf("room for %s is set aside: %w", msat(c.Amount), payments.ErrConflict)
		}
		if !funded {
			if err := r.bindRef(tx, p.Ref, p.Peer); err != nil {
				return err
			}
			if err := r.ceiling.Take(tx, string(p.Ref), p.Amount.Value); err != nil {
				return err
			}
			c = promise{Amount: p.Amount.Value, At: r.clock()}
		}
		c.Paying = true
		if o.Credit == nil {
			o.Credit = map[payments.Ref]promise{}
		}
		o.Credit[p.Ref] = c
		return r.reserve(tx, p.Peer, o)
	})
}

// tidy ends a promise whose outcome is certain: kept, or not charged and given
// back to the ceiling. What it cannot do now Reconcile does.
func (r *Rail) tidy(peer identity.PubKey, ref payments.Ref) {
	err := r.changeOut(peer, func(tx store.Txn, o *out) error { return r.tidyIn(tx, peer, o, ref) })
	if err != nil {
		r.log.Warn("lightning: promise not tidied up yet", "peer", peer.Short(), "ref", ref, "err", err)
	}
}

func (r *Rail) tidyIn(tx store.Txn, peer identity.PubKey, o *out, ref payments.Ref) error {
	c, ok := o.Credit[ref]
	if !ok {
		return nil
	}
	e, err := r.acc.Journal().Get(tx, payments.Out, peer, ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return err
	}
	switch {
	case e.State.Open():
		return nil
	case e.State == payments.StateCaptured:
	case c.Paying || r.clock().Sub(c.At) > r.cfg.Account.ExpectFor:
		if err := r.ceiling.Return(tx, string(ref)); err != nil {
			return err
		}
	default:
		return nil // set aside by Fund, not paid yet
	}
	delete(o.Credit, ref)
	if err := r.reserve(tx, peer, o); err != nil && !errors.Is(err, payments.ErrCeiling) {
		return err
	}
	return r.freeRef(tx, ref)
}

// payLocked shows the preimage of what is locked for p. A nil error means that
// p is captured.
func (r *Rail) payLocked(ctx context.Context, p payments.Payment, h hold) error {
	if h.Amount != p.Amount.Value {
		return payments.Fail(p.Ref, payments.NotCharged, fmt.Errorf("%s is locked for it: %w", msat(h.Amount), payments.ErrConflict))
	}
	var err error
	if h.Phase == paying {
		// The payee may never say that it sees the money.
		within, cancel := context.WithTimeout(ctx, r.cfg.FundFor)
		defer cancel()
		if h, err = r.payHold(within, p.Peer, h); err != nil {
			return payments.Fail(p.Ref, payments.NotCharged, err)
		}
	}
	if h.Phase == giving {
		return payments.Fail(p.Ref, payments.NotCharged, fmt.Errorf("what was locked is being given up: %w", payments.ErrTransition))
	}
	if h.Phase == locked {
		var refused error
		if h, refused, err = r.reveal(p, h); refused != nil {
			return payments.Fail(p.Ref, payments.NotCharged, refused)
		} else if err != nil {
			return payments.Fail(p.Ref, payments.OutcomeUnknown, err)
		}
	}
	return r.show(ctx, p.Peer, h)
}

// reveal writes down that the preimage is about to be shown; nothing is sent.
// What is refused was not written.
func (r *Rail) reveal(p payments.Payment, h hold) (hold, error, error) {
	doc, err := r.seal(wire.Release{Rail: Name, Ref: string(h.Ref), Hold: h.Hash, Preimage: wire.ID(*h.Secret)})
	if err != nil {
		return h, err, nil
	}
	h.Phase, h.Doc = revealed, doc.Bytes()
	var refused error
	err = r.changeOut(p.Peer, func(tx store.Txn, o *out) error {
		if old, ok := o.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			refused = fmt.Errorf("%w: hold %s is gone", ErrBooks, h.Ref)
			return refused
		}
		o.Holds[h.Ref] = h
		refused = r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo, Secured: lockedBy(h.Hash),
			State: payments.StateHeld, Reason: "the preimage is shown", Doc: h.Doc,
		})
		if refused != nil {
			return refused
		}
		return r.enterHold(tx, payments.Out, p.Peer, h, payments.StateUnknown, "the preimage is shown")
	})
	return h, refused, err
}

// show sends the preimage and enters what came of it. After it was shown only
// the payee's signature or the node says how it ended.
func (r *Rail) show(ctx context.Context, peer identity.PubKey, h hold) error {
	doc, err := wire.Parse(h.Doc)
	if err != nil {
		return payments.Fail(h.Ref, payments.OutcomeUnknown, fmt.Errorf("%w: release: %w", payments.ErrCorrupt, err))
	}
	a, err := r.ask(ctx, peer, doc)
	if err == nil {
		c, derr := wire.Decode[wire.Countersign](a)
		if derr == nil && c.Of == doc.ID && c.Role == wire.RolePayee {
			return r.charge(ctx, peer, h, a)
		}
		err = fmt.Errorf("answered by a %s", a.Kind)
	}
	var no *refusal
	if errors.As(err, &no) {
		// They will not have it: then they must give it back. What they do is
		// seen by the node.
		r.askBack(ctx, peer, h)
	}
	end, terr := r.track(ctx, peer, h, err.Error())
	switch {
	case terr != nil:
		return r.lost(peer, h, errors.Join(err, terr))
	case end == ln.Succeeded:
		return nil
	case end == ln.Failed:
		return payments.Fail(h.Ref, payments.NotCharged, err)
	}
	return r.lost(peer, h, err)
}

// sign asks the payee once more to sign for what it took.
func (r *Rail) sign(ctx context.Context, peer identity.PubKey, h hold) error {
	doc, err := wire.Parse(h.Doc)
	if err != nil {
		return fmt.Errorf("%w: release: %w", payments.ErrCorrupt, err)
	}
	a, err := r.ask(ctx, peer, doc)
	if err == nil {
		c, derr := wire.Decode[wire.Countersign](a)
		if derr != nil || c.Of != doc.ID || c.Role != wire.RolePayee {
			err = fmt.Errorf("answered by a %s", a.Kind)
		}
	}
	if err != nil && r.clock().Sub(h.Until) < r.cfg.Account.ExpectFor {
		return err
	}
	// Signed, or it never will be: the node's word has to do.
	return r.endHoldOut(peer, h, func(tx store.Txn, _ *out) error {
		e, eerr := r.acc.Journal().Get(tx, payments.Out, peer, h.Ref)
		if eerr != nil || err != nil {
			return eerr
		}
		e.Answer = a.Bytes()
		return r.acc.Journal().Amend(tx, e)
	})
}

// charge enters the payee's signature for what was locked. The hold itself ends
// when the node says so.
func (r *Rail) charge(ctx context.Context, peer identity.PubKey, h hold, by wire.Event) error {
	h.Phase = charged
	err := r.changeOut(peer, func(tx store.Txn, o *out) error {
		if old, ok := o.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			return fmt.Errorf("%w: hold %s is gone", ErrBooks, h.Ref)
		}
		o.Holds[h.Ref] = h
		return r.captureOut(tx, peer, h, by.Bytes())
	})
	if err != nil {
		// They have it; only our book lags behind.
		return payments.Fail(h.Ref, payments.OutcomeUnknown, err)
	}
	if _, err := r.track(ctx, peer, h, ""); err != nil {
		r.log.Info("lightning: paid, and the node has not said so yet", "ref", h.Ref, "err", err)
	}
	return nil
}

func (r *Rail) captureOut(tx store.Txn, peer identity.PubKey, h hold, answer []byte) error {
	e, err := r.acc.Journal().Get(tx, payments.Out, peer, h.Ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return err
	}
	p := payments.Payment{Ref: h.Ref, Peer: peer, Amount: msat(h.Amount), Memo: e.Memo}
	_, err = r.acc.CaptureSecured(tx, payments.Out, p, lockedBy(h.Hash), h.Doc, answer)
	return err
}

// lost enters that nobody knows whether what was shown was taken.
func (r *Rail) lost(peer identity.PubKey, h hold, cause error) error {
	err := r.s.Update(func(tx store.Txn) error {
		e, err := r.acc.Journal().Get(tx, payments.Out, peer, h.Ref)
		if err != nil || !e.State.Open() {
			return err
		}
		e.State, e.Reason = payments.StateUnknown, clip(cause.Error())
		return r.enter(tx, e)
	})
	r.log.Info("lightning: outcome unknown", "peer", peer.Short(), "ref", h.Ref, "cause", cause)
	return payments.Fail(h.Ref, payments.OutcomeUnknown, errors.Join(fmt.Errorf("%w: %w", payments.ErrUnknown, cause), err))
}
