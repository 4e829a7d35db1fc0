package account

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Expect implements payments.Payee.
func (r *Rail) Expect(_ context.Context, p payments.Payment) error { return r.expect(p, "") }

// ExpectSecured is Expect for a payment for which money is locked already; by
// names the lock. It counts no credit, is never waived by Run, and is captured
// by CaptureSecured. What is expected without a lock becomes secured by it.
func (r *Rail) ExpectSecured(_ context.Context, p payments.Payment, by string) error {
	if by == "" || len(by) > payments.MaxRef {
		return fmt.Errorf("name of a lock of %d bytes: %w", len(by), payments.ErrSyntax)
	}
	return r.expect(p, by)
}

func (r *Rail) expect(p payments.Payment, by string) error {
	if err := r.checkPayment(p); err != nil {
		return err
	}
	return r.s.Update(func(tx store.Txn) error {
		e, err := r.journal.Get(tx, payments.In, p.Peer, p.Ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		again := e.State == payments.StateQuoted || e.State == payments.StateCaptured
		if again && (by == "" || e.Secured != "" || e.State == payments.StateCaptured) {
			return e.Same(p)
		}
		a, known, err := load(tx, p.Peer)
		if err != nil {
			return err
		}
		if again {
			return r.secure(tx, a, known, e, p, by)
		}
		reason := "work accepted on credit"
		if by != "" {
			reason = "work accepted on locked money"
		} else if err := r.fits(tx, a, p); err != nil {
			return err
		}
		e = payments.Entry{
			Direction: payments.In, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo,
			State: payments.StateQuoted, Reason: reason, Secured: by,
		}
		a.expect(e)
		if err := r.save(tx, p.Peer, a, known); err != nil {
			return err
		}
		_, err = r.journal.Put(tx, e)
		return err
	})
}

// fits refuses what the peer of that account may not come to owe.
func (r *Rail) fits(tx store.Reader, a account, p payments.Payment) error {
	window, err := r.window(tx, p.Peer, a)
	if err != nil {
		return err
	}
	if room := a.room(r.cfg.Net, window); p.Amount.Value > room {
		return fmt.Errorf("%s has room for %d of %s: %w", p.Peer.Short(), room, p.Amount, payments.ErrOverLimit)
	}
	return nil
}

// Waive implements payments.Payee.
func (r *Rail) Waive(_ context.Context, peer identity.PubKey, ref payments.Ref, reason string) error {
	return r.s.Update(func(tx store.Txn) error {
		e, err := r.journal.Get(tx, payments.In, peer, ref)
		if err != nil {
			return err
		}
		if e.State == payments.StateReleased {
			return nil
		}
		a, known, err := load(tx, peer)
		if err != nil {
			return err
		}
		a.forget(e)
		e.State, e.Reason = payments.StateReleased, "waived: "+reason
		if _, err := r.journal.Put(tx, e); err != nil {
			return err
		}
		return r.save(tx, peer, a, known)
	})
}

// checkPayment refuses what no note could say.
func (r *Rail) checkPayment(p payments.Payment) error {
	if err := r.journal.CheckPayment(p, r.cfg.Unit); err != nil {
		return err
	}
	if p.Peer == r.key.PubKey() {
		return fmt.Errorf("payment to oneself: %w", payments.ErrSyntax)
	}
	return nil
}
