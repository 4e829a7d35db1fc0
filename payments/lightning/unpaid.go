package lightning

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// mostUnpaid is how many refs are named when a peer is reported.
const mostUnpaid = 64

// overdue keeps since when the peer has a window to pay, and reports it when
// that is too long ago. What is too little for an invoice is never overdue.
func (r *Rail) overdue(ctx context.Context, peer identity.PubKey) error {
	d, err := r.acc.Owed(ctx, peer)
	if err != nil {
		return err
	}
	i, err := r.in(peer)
	if err != nil {
		return err
	}
	now := r.clock()
	due := d.Total-d.Settled >= r.cfg.Least
	switch {
	case due && i.Due.IsZero():
		return r.changeIn(peer, func(_ store.Txn, i *in) error { i.Due = now; return nil })
	case !due && !i.Due.IsZero():
		return r.changeIn(peer, func(_ store.Txn, i *in) error { i.Due, i.Reported = time.Time{}, 0; return nil })
	case !due || now.Sub(i.Due) < r.cfg.ReportAfter || i.Reported == d.Total:
		return nil
	}
	refs, err := r.unpaidRefs(peer, d.Settled)
	if err != nil {
		return err
	}
	r.unpaid(peer, refs, fmt.Sprintf("%s unpaid for %v", msat(d.Total-d.Settled).Human(), now.Sub(i.Due).Round(time.Second)))
	return r.changeIn(peer, func(_ store.Txn, i *in) error { i.Reported = d.Total; return nil })
}

// unpaidRefs are those whose notes come after what is settled.
func (r *Rail) unpaidRefs(peer identity.PubKey, settled uint64) (refs []payments.Ref, err error) {
	f := payments.Filter{Direction: payments.In, Peer: peer, State: payments.StateCaptured}
	err = r.s.View(func(tx store.Reader) error {
		refs = nil
		return r.acc.Journal().Each(tx, f, func(e payments.Entry) error {
			if e.Ref.Class() != "" || e.Secured != "" || len(refs) == mostUnpaid {
				return nil
			}
			if total, ok := r.acc.Noted(tx, e); ok && total > settled {
				refs = append(refs, e.Ref)
			}
			return nil
		})
	})
	return refs, err
}

// pausedFor returns ErrUnpaid for a peer whose window is overdue. What is
// expected already stays so.
func (r *Rail) pausedFor(ctx context.Context, p payments.Payment) error {
	for again := false; ; again = true {
		if err := r.overdue(ctx, p.Peer); err != nil {
			return err
		}
		i, err := r.in(p.Peer)
		if err != nil {
			return err
		}
		late := r.clock().Sub(i.Due)
		if i.Due.IsZero() || late <= r.cfg.PauseAfter {
			return nil
		}
		e, err := r.entry(payments.In, p)
		if err != nil || e.State.Open() || e.State.Terminal() {
			return err
		}
		if again {
			return fmt.Errorf("%w: for %v", ErrUnpaid, late.Round(time.Second))
		}
		// It may have paid and we not have heard.
		if err := r.refresh(ctx, p.Peer); err != nil {
			return err
		}
	}
}
