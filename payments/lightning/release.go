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

// refKey says to which peer a ref was promised or locked.
const refKey = "ln/ref/"

// bindRef enters that ref is for peer alone, until freeRef.
func (r *Rail) bindRef(tx store.Txn, ref payments.Ref, peer identity.PubKey) error {
	got, err := tx.Get([]byte(refKey + string(ref)))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tx.Set([]byte(refKey+string(ref)), []byte(peer.Hex()))
	case err != nil:
		return err
	case string(got) != peer.Hex():
		return fmt.Errorf("%s is promised to another peer: %w", ref, payments.ErrConflict)
	}
	return nil
}

func (r *Rail) freeRef(tx store.Txn, ref payments.Ref) error {
	return tx.Delete([]byte(refKey + string(ref)))
}

// Release implements payments.Funder. What the payee does not give back at once
// Reconcile asks for again; it is the payer's in the end by the payment's own
// expiry. A ref whose preimage was shown or whose note is in flight is
// payments.ErrTransition.
func (r *Rail) Release(ctx context.Context, ref payments.Ref, reason string) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	peer, known, err := r.peerOf(ref)
	if !known || err != nil {
		return err
	}
	unlock, err := r.holds.lock(ctx, berth{lane{payments.Out, peer}, ref})
	if err != nil {
		return err
	}
	defer unlock()
	o, err := r.out(peer)
	if err != nil {
		return err
	}
	if _, ok := o.Credit[ref]; ok {
		return r.releaseCredit(peer, ref)
	}
	h, ok := o.Holds[ref]
	if !ok {
		return nil
	}
	switch h.Phase {
	case drawn:
		return r.holdBack(peer, h, reason)
	case revealed, charged, unsigned:
		return fmt.Errorf("release %s, whose preimage was shown: %w", ref, payments.ErrTransition)
	}
	return r.giveUp(ctx, peer, h, reason)
}

func (r *Rail) peerOf(ref payments.Ref) (peer identity.PubKey, known bool, err error) {
	err = r.s.View(func(tx store.Reader) error {
		raw, err := tx.Get([]byte(refKey + string(ref)))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			known = true
			peer, err = identity.ParsePubKey(string(raw))
		}
		return err
	})
	return peer, known, err
}

func (r *Rail) releaseCredit(peer identity.PubKey, ref payments.Ref) error {
	return r.changeOut(peer, func(tx store.Txn, o *out) error {
		e, err := r.acc.Journal().Get(tx, payments.Out, peer, ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		if e.State.Open() {
			return fmt.Errorf("release %s, whose note is in flight: %w", ref, payments.ErrTransition)
		}
		if e.State != payments.StateCaptured {
			if err := r.ceiling.Return(tx, string(ref)); err != nil {
				return err
			}
		}
		delete(o.Credit, ref)
		if err := r.reserve(tx, peer, o); err != nil && !errors.Is(err, payments.ErrCeiling) {
			return err
		}
		return r.freeRef(tx, ref)
	})
}

// giveUp writes down that the money is wanted back and asks for it. A nil error
// does not say that it came.
func (r *Rail) giveUp(ctx context.Context, peer identity.PubKey, h hold, why string) error {
	if h.Phase != giving {
		h.Phase, h.Why = giving, clip(why)
		if err := r.putHoldOut(peer, h, payments.StateUnknown, "given up: "+why); err != nil {
			return err
		}
	}
	back := r.askBack(ctx, peer, h)
	end, err := r.track(ctx, peer, h, h.Why)
	if (errors.Is(err, ln.ErrNotFound) || errors.Is(err, ErrElsewhere)) && back {
		// The invoice is cancelled and our node was never told of it, or is not the
		// one that was.
		return r.holdBack(peer, h, h.Why)
	}
	if err != nil || end == ln.InFlight {
		r.log.Info("lightning: locked money is not back yet", "peer", peer.Short(), "ref", h.Ref, "err", err)
	}
	return nil
}

// askBack asks the payee to cancel and reports whether it signed that it did.
func (r *Rail) askBack(ctx context.Context, peer identity.PubKey, h hold) bool {
	e, err := r.seal(wire.Release{Rail: Name, Ref: string(h.Ref), Hold: h.Hash})
	if err != nil {
		return false
	}
	a, err := r.ask(ctx, peer, e)
	if err != nil {
		return refusedBy(err, CodeGone)
	}
	c, err := wire.Decode[wire.Countersign](a)
	return err == nil && c.Of == e.ID && c.Role == wire.RolePayee
}

// track enters what the node says of the locked payment and returns it; why is
// entered where the money came back.
func (r *Rail) track(ctx context.Context, peer identity.PubKey, h hold, why string) (ln.State, error) {
	p, err := r.node.Track(ctx, ln.Hash(h.Hash))
	if errors.Is(err, ln.ErrNotFound) {
		if eerr := r.elsewhere(ctx, h.By); eerr != nil {
			return ln.InFlight, eerr
		}
	}
	// A wallet may forget; where the preimage was shown its silence is no answer.
	if errors.Is(err, ln.ErrNotFound) && !h.shown() && r.clock().After(h.Expires.Add(grace)) {
		return ln.Failed, r.holdBack(peer, h, "the node was never told in time")
	}
	if err != nil {
		return ln.InFlight, err
	}
	switch p.State {
	case ln.Succeeded:
		return p.State, r.holdPaid(peer, h, p)
	case ln.Failed:
		if why == "" {
			why = string(p.Reason)
		}
		return p.State, r.holdBack(peer, h, "given back: "+why)
	}
	if p.Unsent && !h.shown() && r.clock().After(h.Expires.Add(grace)) {
		// Nobody but us knows the preimage: whatever the node believes, nothing was
		// or will be taken.
		return ln.Failed, r.holdBack(peer, h, "the node died before it sent the payment, and holds nothing for it")
	}
	return ln.InFlight, nil
}

// holdPaid enters that the payee took the money, and with it the payment. Where
// the payee has not signed for it the hold stays, until it has.
func (r *Rail) holdPaid(peer identity.PubKey, h hold, p ln.Payment) error {
	return r.endHoldOut(peer, h, func(tx store.Txn, o *out) error {
		if h.Phase == revealed {
			h.Phase, h.Fee = unsigned, p.FeeMsat
			o.Holds[h.Ref] = h
		}
		if err := r.captureOut(tx, peer, h, nil); err != nil {
			return err
		}
		name := holdRef(payments.Out, peer, h.Ref)
		if err := r.spent(tx, peer, name, h.Amount, p); err != nil {
			return err
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: name, Peer: peer, Amount: msat(h.Amount), State: payments.StateCaptured,
			Reason: "taken, fees " + msat(p.FeeMsat).Human(), Doc: h.Doc, Answer: p.Preimage[:],
		})
	})
}

// holdBack enters that nothing is locked any more, or never was.
func (r *Rail) holdBack(peer identity.PubKey, h hold, why string) error {
	return r.endHoldOut(peer, h, func(tx store.Txn, _ *out) error {
		name := holdRef(payments.Out, peer, h.Ref)
		if err := r.ceiling.Return(tx, string(name)); err != nil {
			return err
		}
		e, err := r.acc.Journal().Get(tx, payments.Out, peer, h.Ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		if e.State.Open() && e.Secured == lockedBy(h.Hash) {
			e.State, e.Reason = payments.StateReleased, clip(why)
			if err := r.enter(tx, e); err != nil {
				return err
			}
		}
		return r.enterHold(tx, payments.Out, peer, h, payments.StateReleased, why)
	})
}

// endHoldOut takes the hold off, in one transaction with what end writes; end
// may put it back.
func (r *Rail) endHoldOut(peer identity.PubKey, h hold, end func(store.Txn, *out) error) error {
	return r.changeOut(peer, func(tx store.Txn, o *out) error {
		if old, ok := o.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			return nil // ended already
		}
		delete(o.Holds, h.Ref)
		if err := end(tx, o); err != nil {
			return err
		}
		if _, still := o.Holds[h.Ref]; still {
			return nil
		}
		return r.freeRef(tx, h.Ref)
	})
}
