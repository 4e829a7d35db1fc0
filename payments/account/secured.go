package account

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// secure puts a lock under what was expected on credit.
func (r *Rail) secure(tx store.Txn, a account, known bool, e payments.Entry, p payments.Payment, by string) error {
	if err := e.Same(p); err != nil {
		return err
	}
	a.forget(e)
	e.Secured = by
	a.expect(e)
	if err := r.journal.Amend(tx, e); err != nil {
		return err
	}
	return r.save(tx, p.Peer, a, known)
}

// CaptureSecured enters that the money locked for p has changed hands, without
// a note: Out it was ours, In theirs. doc and answer are the evidence. Entering
// it again changes nothing. Nothing is owed for it afterwards; both sides'
// totals paid and received go up.
func (r *Rail) CaptureSecured(tx store.Txn, d payments.Direction, p payments.Payment, by string, doc, answer []byte) (payments.Entry, error) {
	if err := r.checkPayment(p); err != nil {
		return payments.Entry{}, err
	}
	e, err := r.journal.Get(tx, d, p.Peer, p.Ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return payments.Entry{}, err
	}
	if e.State.Terminal() {
		return e, e.Same(p)
	}
	a, known, err := load(tx, p.Peer)
	if err != nil {
		return payments.Entry{}, err
	}
	if e.State.Open() {
		if err := e.Same(p); err != nil {
			return payments.Entry{}, err
		}
		if e.Secured == "" && d == payments.Out {
			return payments.Entry{}, fmt.Errorf("%s is being paid by a note: %w", p.Ref, payments.ErrTransition)
		}
		if d == payments.In {
			a.forget(e)
		}
	}
	if d == payments.Out {
		a.Paid.Secured += p.Amount.Value
	} else {
		a.Got.Secured += p.Amount.Value
		a.History = r.cfg.Growth.grow(a.History, p.Amount.Value, r.clock())
	}
	if err := r.save(tx, p.Peer, a, known); err != nil {
		return payments.Entry{}, err
	}
	return r.journal.Put(tx, payments.Entry{
		Direction: d, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo, Secured: by,
		State: payments.StateCaptured, Reason: "paid out of what was locked", Doc: doc, Answer: answer,
	})
}
