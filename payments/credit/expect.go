package credit

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Expect implements payments.Payee.
func (r *Rail) Expect(_ context.Context, p payments.Payment) error {
	if err := r.checkPayment(p); err != nil {
		return err
	}
	return r.s.Update(func(tx store.Txn) error {
		e, err := r.journal.Get(tx, payments.In, p.Ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		if e.State == payments.StateQuoted || e.State == payments.StateCaptured {
			return e.Same(p)
		}
		a, known, err := load(tx, p.Peer)
		if err != nil {
			return err
		}
		if room := a.room(r.cfg.limit(p.Peer)); p.Amount.Value > room {
			return fmt.Errorf("%s has room for %d of %s: %w", p.Peer.Short(), room, p.Amount, payments.ErrOverLimit)
		}
		a.Reserved += p.Amount.Value
		if err := r.save(tx, p.Peer, a, known); err != nil {
			return err
		}
		_, err = r.journal.Put(tx, payments.Entry{
			Direction: payments.In, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo,
			State: payments.StateQuoted, Reason: "work accepted on credit",
		})
		return err
	})
}

// Waive implements payments.Payee.
func (r *Rail) Waive(_ context.Context, ref payments.Ref, reason string) error {
	return r.s.Update(func(tx store.Txn) error {
		e, err := r.journal.Get(tx, payments.In, ref)
		if err != nil {
			return err
		}
		if e.State == payments.StateReleased {
			return nil
		}
		a, known, err := load(tx, e.Peer)
		if err != nil {
			return err
		}
		a.Reserved -= min(e.Amount.Value, a.Reserved)
		e.State, e.Reason = payments.StateReleased, "waived: "+reason
		if _, err := r.journal.Put(tx, e); err != nil {
			return err
		}
		return r.save(tx, e.Peer, a, known)
	})
}

// checkPayment refuses what no note could say.
func (r *Rail) checkPayment(p payments.Payment) error {
	if err := p.Validate(payments.Credits); err != nil {
		return err
	}
	if p.Peer == r.key.PubKey() {
		return fmt.Errorf("payment to oneself: %w", payments.ErrSyntax)
	}
	return nil
}
