package rails

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Pay pays on the rail of p's unit: see payments.Payer.
func (s *Set) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	r, err := s.of(p.Amount.Unit)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	return r.Pay(ctx, p)
}

// Expect expects on the rail of p's unit: see payments.Payee.
func (s *Set) Expect(ctx context.Context, p payments.Payment) error {
	r, err := s.of(p.Amount.Unit)
	if err != nil {
		return err
	}
	return r.Expect(ctx, p)
}

// Fund locks money for p where its rail does so, and changes nothing where
// work is done on credit alone: see payments.Funder.
func (s *Set) Fund(ctx context.Context, p payments.Payment) error {
	r, err := s.of(p.Amount.Unit)
	if err != nil {
		return payments.Fail(p.Ref, payments.NotCharged, err)
	}
	if f, ok := r.(payments.Funder); ok {
		return f.Fund(ctx, p)
	}
	return nil
}

// Funds tells whether work in unit may be secured before it is done although
// there is no credit for it.
func (s *Set) Funds(unit payments.Unit) bool {
	r, err := s.of(unit)
	if err != nil {
		return false
	}
	_, ok := r.(payments.Funder)
	return ok
}

// Release gives up what was locked for ref in that unit: see payments.Funder.
func (s *Set) Release(ctx context.Context, unit payments.Unit, ref payments.Ref, reason string) error {
	r, err := s.of(unit)
	if err != nil {
		return err
	}
	if f, ok := r.(payments.Funder); ok {
		return f.Release(ctx, ref, reason)
	}
	return nil
}

// Waive gives up what is expected of p.Peer under p.Ref on the rail of p's unit,
// whatever its amount.
func (s *Set) Waive(ctx context.Context, p payments.Payment, reason string) error {
	r, err := s.of(p.Amount.Unit)
	if err != nil {
		return err
	}
	return r.Waive(ctx, p.Peer, p.Ref, reason)
}

// Received returns the entry of what p.Peer has paid this node as p, or is
// expected to: on the rail of p's unit and no other, whatever else has the same
// ref. It returns ErrNoEntry where there is none, and ErrConflict where it is of
// another amount.
func (s *Set) Received(_ context.Context, p payments.Payment) (payments.Entry, error) {
	r, err := s.of(p.Amount.Unit)
	if err != nil {
		return payments.Entry{}, err
	}
	e, err := r.Journal().Of(payments.In, p.Peer, p.Ref)
	if err != nil {
		return payments.Entry{}, err
	}
	return e, e.Same(p)
}

// Evidence returns the signed promise, and the answer to it, by which ref was paid
// to peer, or by peer: on the rail of that unit. They are nil where nothing was paid
// or where the rail keeps none.
func (s *Set) Evidence(_ context.Context, unit payments.Unit, d payments.Direction, peer identity.PubKey, ref payments.Ref) (doc, answer []byte, err error) {
	r, err := s.of(unit)
	if err != nil {
		return nil, nil, err
	}
	e, err := r.Journal().Of(d, peer, ref)
	switch {
	case errors.Is(err, payments.ErrNoEntry):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case e.Peer != peer || e.State != payments.StateCaptured:
		return nil, nil, nil
	}
	return r.Journal().EvidenceOf(e)
}

// RoomFor returns how much more work for peer, in unit, may be accepted unpaid.
func (s *Set) RoomFor(ctx context.Context, peer identity.PubKey, unit payments.Unit) (payments.Amount, error) {
	r, err := s.of(unit)
	if err != nil {
		return payments.Amount{}, err
	}
	return r.RoomFor(ctx, peer)
}

// Run runs every rail, those that join later too, until ctx ends. One that
// fails ends all: money that nobody looks after is none to accept.
func (s *Set) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	running := 0
	for {
		all, added := s.All()
		for _, r := range all[running:] {
			g.Go(func() error {
				if err := r.Run(ctx); err != nil && ctx.Err() == nil {
					return fmt.Errorf("%s: %w", r.Name(), err)
				}
				return nil
			})
		}
		running = len(all)
		select {
		case <-added:
		case <-ctx.Done():
			return g.Wait()
		}
	}
}

// Reconcile has each rail compare its journal with what is so, and returns one
// report for each; an error is of a rail that could not.
func (s *Set) Reconcile(ctx context.Context) (out []payments.Report, err error) {
	all, _ := s.All()
	var errs []error
	for _, r := range all {
		c, ok := r.(payments.Reconciler)
		if !ok {
			continue
		}
		report, err := c.Reconcile(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Name(), err))
			continue
		}
		out = append(out, report)
	}
	return out, errors.Join(errs...)
}
