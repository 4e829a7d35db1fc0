package polygon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// debtAge is since when what a peer has made good has not moved although it
// owes. The account's own dates are exact to a day only.
type debtAge struct {
	settled uint64
	since   time.Time
	told    bool
}

// Expect implements payments.Payee. New work is refused, as over the limit,
// from a peer that is late to pay or closes its channel, and while the chain
// cannot be relied upon.
func (r *Rail) Expect(ctx context.Context, p payments.Payment) error {
	e, err := r.acct.Journal().Of(payments.In, p.Peer, p.Ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return r.acct.Expect(ctx, p) // it says what is wrong
	}
	if err != nil || e.State == payments.StateReleased {
		if err := r.willing(ctx, p.Peer); err != nil {
			return err
		}
	}
	return r.acct.Expect(ctx, p)
}

// RoomFor returns how much more work for that peer may be accepted: nothing
// where Expect would refuse it.
func (r *Rail) RoomFor(ctx context.Context, peer identity.PubKey) (payments.Amount, error) {
	if err := r.willing(ctx, peer); err != nil {
		r.log.Debug("polygon: no room", "peer", peer.Short(), "err", err)
		return r.amount(0), nil
	}
	return r.acct.RoomFor(ctx, peer)
}

// Waive implements payments.Payee.
func (r *Rail) Waive(ctx context.Context, peer identity.PubKey, ref payments.Ref, reason string) error {
	return r.acct.Waive(ctx, peer, ref, reason)
}

func (r *Rail) willing(ctx context.Context, peer identity.PubKey) error {
	if err := r.fresh(ctx); err != nil {
		return fmt.Errorf("%w: %w", payments.ErrOverLimit, err)
	}
	if err := r.lookAgain(ctx, peer); err != nil {
		return fmt.Errorf("%w: its channel: %w", payments.ErrOverLimit, err)
	}
	closing, err := r.closingFrom(peer)
	if err != nil {
		return err
	}
	if closing {
		return fmt.Errorf("%w: %w: its channel is being closed", payments.ErrOverLimit, ErrLate)
	}
	age, err := r.ageOf(ctx, peer)
	if err != nil {
		return err
	}
	if age >= r.cfg.NoWork {
		return fmt.Errorf("%w: %w: it owes since %s", payments.ErrOverLimit, ErrLate, age.Round(time.Second))
	}
	return nil
}

// ageOf is for how long peer owes without making anything good.
func (r *Rail) ageOf(ctx context.Context, peer identity.PubKey) (time.Duration, error) {
	d, err := r.acct.Owed(ctx, peer)
	if err != nil {
		return 0, err
	}
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Total <= d.Settled {
		delete(r.late, peer)
		return 0, nil
	}
	a, ok := r.late[peer]
	if !ok || a.settled != d.Settled {
		a = debtAge{settled: d.Settled, since: now}
		r.late[peer] = a
	}
	return now.Sub(a.since), nil
}

// report tells of peers that are late, once for each debt.
func (r *Rail) report(ctx context.Context) error {
	_, owed, err := r.acct.Debts(ctx)
	if err != nil {
		return err
	}
	for _, d := range owed {
		age, err := r.ageOf(ctx, d.Peer)
		if err != nil {
			return err
		}
		closing, err := r.closingFrom(d.Peer)
		if err != nil {
			return err
		}
		if closing && d.Total > d.Settled {
			r.tell(d.Peer, fmt.Sprintf("closes its channel and owes %s", r.amount(d.Total-d.Settled)))
		}
		if age >= r.cfg.Patience {
			r.tell(d.Peer, fmt.Sprintf("owes %s for %s", r.amount(d.Total-d.Settled), age.Round(time.Second)))
		}
	}
	return nil
}

func (r *Rail) tell(peer identity.PubKey, why string) {
	r.mu.Lock()
	a, ok := r.late[peer]
	if !ok || a.told {
		r.mu.Unlock()
		return
	}
	a.told = true
	r.late[peer] = a
	r.mu.Unlock()
	r.log.Warn("polygon: peer is late", "peer", peer.Short(), "why", why)
	if r.unpaid == nil {
		return
	}
	refs, err := r.unpaidRefs(peer, a.settled)
	if err != nil {
		r.log.Error("polygon: what is unpaid cannot be listed", "peer", peer.Short(), "err", err)
	}
	r.unpaid(peer, refs, why)
}

// mostUnpaid is how many refs are told of at most: the newest.
const mostUnpaid = 100

// unpaidRefs are those of the newest payments whose notes come after what is
// settled.
func (r *Rail) unpaidRefs(peer identity.PubKey, settled uint64) (refs []payments.Ref, err error) {
	page, _, err := r.acct.Journal().Page(payments.Filter{
		Direction: payments.In, Peer: peer, State: payments.StateCaptured, Work: true, Limit: mostUnpaid,
	})
	if err != nil {
		return nil, err
	}
	err = r.s.View(func(tx store.Reader) error {
		refs = nil
		for _, e := range page {
			if total, ok := r.acct.Noted(tx, e); ok && total > settled {
				refs = append(refs, e.Ref)
			}
		}
		return nil
	})
	return refs, err
}
