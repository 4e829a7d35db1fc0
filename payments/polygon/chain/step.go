package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"infernet.tech/infernet/store"
)

// round is one Step's look at the chain.
type round struct {
	view   View
	nonces nonces
	now    time.Time
	fees   *Fees // asked when first needed
	given  int   // Ops with a nonce
}

// Step looks at the chain once and does all that is to be done now: what Run
// does, and what a reconciler calls. Its error says that the chain cannot be
// relied on or the journal not written; what keeps one Op is in its Waiting.
func (s *Sender) Step(ctx context.Context) error {
	s.stepping.Lock()
	defer s.stepping.Unlock()
	open, err := s.open()
	if err != nil || len(open) == 0 {
		return err
	}
	s.forget(open)
	r := &round{now: s.clock()}
	r.view, err = s.c.View(ctx)
	if err == nil {
		r.nonces, err = s.c.nonces(ctx, r.view, s.addr)
	}
	if err != nil {
		for _, x := range open {
			s.wait(x.Op.Ref, err)
		}
		return err
	}
	given, queued := split(open)
	r.given = len(given)
	s.markLowest(given, r)
	for _, x := range given {
		if err := s.follow(ctx, r, x); err != nil {
			return err
		}
	}
	if err := s.fillGaps(ctx, r); err != nil {
		return err
	}
	for _, x := range queued {
		if ctx.Err() != nil {
			break
		}
		if err := s.begin(ctx, r, x); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// forget drops what is remembered of Ops that are done.
func (s *Sender) forget(open []Sent) {
	here := map[string]bool{}
	for _, x := range open {
		here[x.Op.Ref] = true
	}
	gone := func(ref string, _ time.Time) bool { return !here[ref] }
	maps.DeleteFunc(s.memory.sent, gone)
	maps.DeleteFunc(s.memory.missing, gone)
	maps.DeleteFunc(s.memory.refused, gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	// An Op that was put since is told of at the next look.
	maps.DeleteFunc(s.waiting, func(ref, _ string) bool { return !here[ref] })
}

// split parts those with a nonce, by nonce, from those without, in their order.
func split(open []Sent) (given, queued []Sent) {
	for _, x := range open {
		if x.Nonce != nil {
			given = append(given, x)
		} else {
			queued = append(queued, x)
		}
	}
	slices.SortFunc(given, func(a, b Sent) int { return cmp.Compare(*a.Nonce, *b.Nonce) })
	slices.SortFunc(queued, func(a, b Sent) int { return cmp.Compare(a.Seq, b.Seq) })
	return given, queued
}

// begin gives a queued Op a nonce, signs and sends it, if nothing speaks
// against it.
func (s *Sender) begin(ctx context.Context, r *round, x Sent) error {
	ref := x.Op.Ref
	fails, why := s.hindered(ctx, r, &x)
	if fails != "" {
		s.wait(ref, nil)
		return ignoreGone(s.change(ref, func(_ store.Txn, x *Sent) error {
			if x.State != Queued {
				return ErrUnderway
			}
			x.State, x.Reason = Failed, fails
			return nil
		}))
	}
	if why != nil {
		s.wait(ref, why)
		return nil
	}
	err := s.change(ref, func(tx store.Txn, now *Sent) error {
		if now.State != Queued { // taken back meanwhile
			return ErrUnderway
		}
		now.Gas = x.Gas
		next, err := s.number(tx, "next")
		if err != nil {
			return err
		}
		next = max(next, r.nonces.least)
		if err := s.budget.Take(tx, gasRef(ref), s.most(*now)); err != nil {
			return errors.Join(errBudget, err)
		}
		if err := s.give(tx, now, next); err != nil {
			return err
		}
		x = *now
		return s.setNumber(tx, "next", next+1)
	})
	switch {
	case errors.Is(err, errBudget):
		s.wait(ref, err)
		return nil
	case err != nil:
		return ignoreGone(err)
	}
	signed, err := s.sign(ctx, r, x)
	if signed {
		r.given++
	}
	return ignoreGone(err)
}

var errBudget = errors.New("the ceiling on gas is reached")

// ignoreGone drops that an Op was cancelled between a look and a change.
func ignoreGone(err error) error {
	if errors.Is(err, ErrUnderway) {
		return nil
	}
	return err
}

// hindered tells why a queued Op cannot be sent now, or never; and sets its gas.
func (s *Sender) hindered(ctx context.Context, r *round, x *Sent) (fails string, why error) {
	op := x.Op
	if !op.NotAfter.IsZero() && r.now.After(op.NotAfter) {
		return "not sent in time", nil
	}
	if fails, why := s.before(op); why != nil || fails != "" {
		return fails, why
	}
	if until := s.memory.refused[op.Ref]; r.now.Before(until) {
		return "", errors.New("the signer did not sign; it is asked again later")
	}
	if r.given >= s.cfg.MaxPending {
		return "", fmt.Errorf("%d transactions are under way", r.given)
	}
	if err := s.cheap(ctx, r); err != nil {
		return "", err
	}
	if x.Gas = op.Gas; x.Gas != 0 {
		return "", nil
	}
	gas, err := s.c.estimate(ctx, r.view, s.addr, op, s.cfg.MaxGas)
	x.Gas = gas
	var reverted *RevertError
	if errors.As(err, &reverted) {
		return err.Error(), nil
	}
	return "", err
}

// before looks at the Op that op comes after.
func (s *Sender) before(op Op) (fails string, why error) {
	if op.After == "" {
		return "", nil
	}
	x, err := s.Status(op.After)
	switch {
	case errors.Is(err, ErrNoOp):
		return "", fmt.Errorf("%s is not known yet", op.After)
	case err != nil:
		return "", err
	case x.State == Failed || x.State == Replaced:
		return fmt.Sprintf("%s is %s", op.After, x.State), nil
	case x.State == Queued || x.State == Pending:
		return "", fmt.Errorf("%s is %s", op.After, x.State)
	case x.Reverted:
		return "", fmt.Errorf("%s reverted in a block that is not final", op.After)
	}
	return "", nil
}
