package lightning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Expect implements payments.Payee. A payment for which money is locked counts
// no credit; any other does, and is refused to a peer whose window is overdue.
func (r *Rail) Expect(ctx context.Context, p payments.Payment) error {
	if err := p.Validate(payments.MilliSat); err != nil {
		return err
	}
	if p.Ref.Class() != "" {
		return fmt.Errorf("ref %.40q is the rail's own: %w", string(p.Ref), payments.ErrSyntax)
	}
	if done, err := r.expectLocked(ctx, p); done || err != nil {
		return err
	}
	if err := r.pausedFor(ctx, p); err != nil {
		return err
	}
	err := r.acc.Expect(ctx, p)
	if errors.Is(err, payments.ErrOverLimit) {
		// The peer may have paid and we not have heard.
		if lerr := r.refresh(ctx, p.Peer); lerr != nil {
			return errors.Join(err, lerr)
		}
		err = r.acc.Expect(ctx, p)
	}
	return err
}

// expectLocked expects p out of a hold, where there is one.
func (r *Rail) expectLocked(ctx context.Context, p payments.Payment) (bool, error) {
	unlock, err := r.holds.lock(ctx, berth{lane{payments.In, p.Peer}, p.Ref})
	if err != nil {
		return false, err
	}
	defer unlock()
	i, err := r.in(p.Peer)
	if err != nil {
		return false, err
	}
	h, known := i.Holds[p.Ref]
	if !known {
		return false, nil
	}
	if h.Amount != p.Amount.Value {
		return false, fmt.Errorf("%s is locked for %s, not %s: %w", msat(h.Amount), p.Ref, p.Amount, payments.ErrConflict)
	}
	if h, err = r.lookHold(ctx, p.Peer, h); err != nil {
		return false, fmt.Errorf("%w: %w", ErrNotLocked, err)
	}
	if left := h.Until.Sub(r.clock()); h.Phase == accepted && left < p.Work {
		// It would be the payer's again before the work is done.
		return false, fmt.Errorf("%w: locked for another %v, the work may last %v", ErrNotLocked, left.Round(time.Second), p.Work)
	}
	switch h.Phase {
	case accepted:
		return true, r.acc.ExpectSecured(ctx, p, lockedBy(h.Hash))
	case settling, taken: // expected long ago
		return true, nil
	}
	return false, fmt.Errorf("%w: the hold is %s", ErrNotLocked, h.Phase)
}

// Waive implements payments.Payee. What is locked for ref is given back.
func (r *Rail) Waive(ctx context.Context, peer identity.PubKey, ref payments.Ref, reason string) error {
	if _, err := r.acc.Journal().Of(payments.In, peer, ref); err != nil {
		return err
	}
	unlock, err := r.holds.lock(ctx, berth{lane{payments.In, peer}, ref})
	if err != nil {
		return err
	}
	defer unlock()
	i, err := r.in(peer)
	if err != nil {
		return err
	}
	h, known := i.Holds[ref]
	if !known {
		return r.acc.Waive(ctx, peer, ref, reason)
	}
	if h.Phase == settling {
		return fmt.Errorf("waive %s, whose preimage was shown: %w", ref, payments.ErrTransition)
	}
	// Waived first: from here on no preimage is taken for it.
	if err := r.acc.Waive(ctx, peer, ref, reason); err != nil {
		return err
	}
	_, err = r.giveBack(ctx, peer, h, "waived: "+reason)
	if err != nil {
		// It is written down; Reconcile cancels it.
		r.log.Warn("lightning: hold not cancelled yet", "peer", peer.Short(), "ref", ref, "err", err)
	}
	return nil
}
