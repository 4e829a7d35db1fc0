package lightning

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// lanes are those in which there may be something to do, from what is written
// down.
func (r *Rail) lanes(ctx context.Context) (map[lane]bool, error) {
	owing, owed, err := r.acc.Debts(ctx)
	if err != nil {
		return nil, err
	}
	all := map[lane]bool{}
	for i := range owing {
		if owing[i].Total-owing[i].Settled >= r.cfg.Least {
			all[lane{payments.Out, owing[i].Peer}] = true
		}
		if owed[i].Total-owed[i].Settled >= r.cfg.Least {
			all[lane{payments.In, owed[i].Peer}] = true
		}
	}
	for dir, prefix := range map[payments.Direction]string{payments.Out: outPrefix, payments.In: inPrefix} {
		some, err := r.peers(prefix)
		if err != nil {
			return nil, err
		}
		for _, peer := range some {
			all[lane{dir, peer}] = true
		}
	}
	return all, nil
}

// work brings on what is under way in a lane. With now nothing waits for its
// linger or its next try.
func (r *Rail) work(ctx context.Context, l lane, now bool) error {
	if l.dir == payments.In {
		return r.workIn(ctx, l.peer)
	}
	return r.workOut(ctx, l.peer, now)
}

// workOut brings on what is under way towards peer.
func (r *Rail) workOut(ctx context.Context, peer identity.PubKey, now bool) error {
	seen := r.seen(peer)
	o, err := r.out(peer)
	if err != nil {
		return err
	}
	var all []error
	for ref := range o.Holds {
		all = append(all, r.watchOut(ctx, peer, ref))
	}
	for ref, c := range o.Credit {
		if c.Paying || r.clock().Sub(c.At) > r.cfg.Account.ExpectFor {
			all = append(all, r.tidyUp(ctx, peer, ref))
		}
	}
	d, err := r.acc.Owing(ctx, peer)
	if err != nil {
		return err
	}
	if o.Window == nil && d.Total-d.Settled < r.cfg.Least {
		r.settled(peer, seen)
		return errors.Join(all...)
	}
	if wait := r.settleAt(peer, d.Total-d.Settled, o).Sub(r.clock()); wait > 0 && !now {
		return errors.Join(all...)
	}
	switch err = r.settle(ctx, peer); {
	case errors.Is(err, errMoved): // by notes that crossed, it seems
		r.tryLater(peer, movedAgain)
	case err != nil:
		r.tryLater(peer, r.cfg.Account.Reconcile)
	default:
		r.settled(peer, seen)
	}
	return errors.Join(append(all, err)...)
}

// tidyUp ends a promise unless a payment of it is just going on.
func (r *Rail) tidyUp(ctx context.Context, peer identity.PubKey, ref payments.Ref) error {
	unlock, ok := r.holds.try(berth{lane{payments.Out, peer}, ref})
	if !ok {
		return nil
	}
	defer unlock()
	return r.changeOut(peer, func(tx store.Txn, o *out) error { return r.tidyIn(tx, peer, o, ref) })
}

// watchOut brings one hold of ours on, unless somebody is at it.
func (r *Rail) watchOut(ctx context.Context, peer identity.PubKey, ref payments.Ref) error {
	unlock, ok := r.holds.try(berth{lane{payments.Out, peer}, ref})
	if !ok {
		return nil
	}
	defer unlock()
	o, err := r.out(peer)
	if err != nil {
		return err
	}
	h, known := o.Holds[ref]
	if !known {
		return nil
	}
	if h.Phase == drawn {
		return r.holdBack(peer, h, "nothing came of it")
	}
	if h.Phase == unsigned {
		return r.sign(ctx, peer, h)
	}
	end, err := r.track(ctx, peer, h, h.Why)
	if end != ln.InFlight {
		return err
	}
	late := r.clock().Sub(h.Until)
	switch {
	case h.Phase == revealed:
		return r.show(ctx, peer, h)
	case h.Phase == giving:
		r.tellStuck(peer, h, late)
		return r.giveUp(ctx, peer, h, h.Why)
	case h.Phase != charged && late > 0:
		return r.giveUp(ctx, peer, h, "the time for the work is over")
	}
	if errors.Is(err, ln.ErrNotFound) {
		return nil // Fund goes on with it, or its time comes
	}
	return err
}

// tellStuck reports a payee that does not give back what is not its own.
func (r *Rail) tellStuck(peer identity.PubKey, h hold, late time.Duration) {
	if h.Told || late < r.cfg.ReportAfter {
		return
	}
	r.unpaid(peer, []payments.Ref{h.Ref}, "keeps locked what it was asked to give back")
	h.Told = true
	if err := r.putHoldOut(peer, h, payments.StateUnknown, "given up: "+h.Why); err != nil {
		r.log.Warn("lightning: hold not written", "ref", h.Ref, "err", err)
	}
}

// workIn brings on what is under way from peer.
func (r *Rail) workIn(ctx context.Context, peer identity.PubKey) error {
	i, err := r.in(peer)
	if err != nil {
		return err
	}
	var all []error
	for ref := range i.Holds {
		all = append(all, r.watchIn(ctx, peer, ref))
	}
	return errors.Join(append(all, r.refresh(ctx, peer), r.overdue(ctx, peer))...)
}

// watchIn brings one hold for us on, unless somebody is at it.
func (r *Rail) watchIn(ctx context.Context, peer identity.PubKey, ref payments.Ref) error {
	unlock, ok := r.holds.try(berth{lane{payments.In, peer}, ref})
	if !ok {
		return nil
	}
	defer unlock()
	i, err := r.in(peer)
	if err != nil {
		return err
	}
	if h, known := i.Holds[ref]; known {
		_, err = r.lookHold(ctx, peer, h)
	}
	return err
}

// refresh looks whether the peer's open window was paid.
func (r *Rail) refresh(ctx context.Context, peer identity.PubKey) error {
	unlock, ok := r.windows.try(lane{payments.In, peer})
	if !ok {
		return nil
	}
	defer unlock()
	i, err := r.in(peer)
	if err != nil || i.Window == nil {
		return err
	}
	return r.lookWindow(ctx, peer, *i.Window, false)
}
