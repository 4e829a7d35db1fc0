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

// expect writes p down, and with it what else waits to be expected of its peer:
// each alone would rewrite the same account, and wait for a disk of its own.
func (r *Rail) expect(p payments.Payment, by string) error {
	if err := r.checkPayment(p); err != nil {
		return err
	}
	t := &turn{p: p, by: by, done: make(chan outcome, 1)}
	s := r.expecting.queue(p.Peer, t)
	defer r.expecting.leave(p.Peer, s)
	select {
	case s.token <- struct{}{}:
	case o := <-t.done:
		return o.err
	}
	defer func() { <-s.token }()
	if !r.expecting.quit(s, t) {
		return (<-t.done).err // told before the lock was given back
	}
	turns := append([]*turn{t}, r.expecting.company(s, t, mostExpected-1)...)
	errs := r.expectAll(turns)
	for i, other := range turns[1:] {
		other.done <- outcome{err: errs[i+1]}
	}
	return errs[0]
}

// mostExpected is how many payments of one peer are expected in one update.
const mostExpected = 64

// expectAll expects each by itself, in one update where that can be: what is
// refused before anything is written is in nobody's way.
func (r *Rail) expectAll(turns []*turn) []error {
	errs := make([]error, len(turns))
	err := r.s.Update(func(tx store.Txn) error {
		for i, t := range turns {
			wrote, err := r.expectIn(tx, t.p, t.by)
			if errs[i] = err; err != nil && (wrote || len(turns) == 1) {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil:
	case len(turns) == 1:
		errs[0] = err
	default:
		for i, t := range turns {
			errs[i] = r.expectAll([]*turn{t})[0]
		}
	}
	return errs
}

// expectIn is expect in a transaction; wrote says whether that has to be given
// up after an error.
func (r *Rail) expectIn(tx store.Txn, p payments.Payment, by string) (wrote bool, err error) {
	e, err := r.journal.Get(tx, payments.In, p.Peer, p.Ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return false, err
	}
	again := e.State == payments.StateQuoted || e.State == payments.StateCaptured
	if again && (by == "" || e.Secured != "" || e.State == payments.StateCaptured) {
		return false, e.Same(p)
	}
	a, known, err := load(tx, p.Peer)
	if err != nil {
		return false, err
	}
	if again {
		return true, r.secure(tx, a, known, e, p, by)
	}
	reason := "work accepted on credit"
	if by != "" {
		reason = "work accepted on locked money"
	} else if err := r.fits(tx, a, p); err != nil {
		return false, err
	}
	e = payments.Entry{
		Direction: payments.In, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo,
		State: payments.StateQuoted, Reason: reason, Secured: by,
	}
	a.expect(e)
	if err := r.save(tx, p.Peer, a, known); err != nil {
		return true, err
	}
	_, err = r.journal.Put(tx, e)
	return true, err
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
