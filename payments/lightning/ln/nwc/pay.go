package nwc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
)

// Pay is ln.Sender's. The wallet decides what fee is too much.
func (n *Node) Pay(ctx context.Context, spec ln.PaySpec) (ln.Payment, error) {
	inv, err := bolt11.Payable(spec, time.Now())
	if err != nil {
		return ln.Payment{}, err
	}
	// A wallet need not know that it has paid already.
	before, err := n.Track(ctx, inv.Hash)
	switch {
	case err == nil && before.State == ln.Succeeded, err == nil && before.State == ln.InFlight && spec.Hold:
		return before, nil
	case err == nil && before.State == ln.InFlight:
		return n.settle(ctx, inv, spec)
	case err != nil && !errors.Is(err, ln.ErrNotFound):
		return ln.Payment{}, err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.err = n.call(inner, spec.Timeout, "pay_invoice", map[string]string{"invoice": spec.Bolt11}, &o)
		done <- o
	}()
	if spec.Hold {
		return n.locked(ctx, inv, done)
	}
	return n.judge(ctx, inv, <-done)
}

// outcome is the wallet's answer to pay_invoice.
type outcome struct {
	Preimage string `json:"preimage"`
	FeesPaid uint64 `json:"fees_paid"`
	err      error
}

// judge says what is certain after the answer, or after none.
func (n *Node) judge(ctx context.Context, inv bolt11.Invoice, o outcome) (ln.Payment, error) {
	p := ln.Payment{Hash: inv.Hash, State: ln.InFlight, AmountMsat: inv.AmountMsat}
	if o.err == nil {
		preimage, err := proof(inv.Hash, o.Preimage)
		if err != nil {
			return p, fmt.Errorf("%w: %w", ln.ErrInFlight, err)
		}
		p.State, p.Preimage, p.FeeMsat = ln.Succeeded, preimage, o.FeesPaid
		return p, nil
	}
	if errors.Is(o.err, errSilent) {
		return p, fmt.Errorf("%w: %w", ln.ErrInFlight, o.err)
	}
	switch code(o.err) {
	case "", "NOT_IMPLEMENTED", "RESTRICTED", "UNAUTHORIZED", "RATE_LIMITED", "UNSUPPORTED_ENCRYPTION":
		return ln.Payment{Hash: inv.Hash}, o.err // before anything was sent
	case "INSUFFICIENT_BALANCE", "QUOTA_EXCEEDED":
		p.State, p.Reason = ln.Failed, ln.ReasonBalance
		return p, fmt.Errorf("%w: %w", ln.ErrFailed, o.err)
	}
	// A failure that the wallet reports may be one of its patience only; that it
	// knows of no payment then says nothing, for some forget, or tell only of what
	// has ended well.
	after, err := n.Track(ctx, inv.Hash)
	switch {
	case err == nil && after.State == ln.Failed:
		p.State, p.Reason = ln.Failed, ln.ReasonError
		return p, fmt.Errorf("%w: %w", ln.ErrFailed, o.err)
	case err == nil && after.State == ln.Succeeded:
		return after, nil
	}
	return p, fmt.Errorf("%w: %w", ln.ErrInFlight, o.err)
}

// locked waits until the wallet tells of the payment, or has its answer. The
// request goes on in the wallet after we have stopped waiting for its answer.
func (n *Node) locked(ctx context.Context, inv bolt11.Invoice, done <-chan outcome) (ln.Payment, error) {
	tick := time.NewTicker(n.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case o := <-done:
			return n.judge(ctx, inv, o)
		case <-tick.C:
		}
		p, err := n.Track(ctx, inv.Hash)
		if err == nil && (p.State == ln.InFlight || p.State == ln.Succeeded) {
			return p, nil
		}
	}
}

// settle waits for the end of a payment that is on its way.
func (n *Node) settle(ctx context.Context, inv bolt11.Invoice, spec ln.PaySpec) (ln.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	tick := time.NewTicker(n.cfg.Poll)
	defer tick.Stop()
	for {
		p, err := n.Track(ctx, inv.Hash)
		switch {
		case err == nil && p.State == ln.Succeeded:
			return p, nil
		case err == nil && p.State == ln.Failed:
			return p, fmt.Errorf("%w: %s", ln.ErrFailed, p.Reason)
		}
		select {
		case <-ctx.Done():
			return ln.Payment{Hash: inv.Hash, State: ln.InFlight, AmountMsat: inv.AmountMsat}, fmt.Errorf("%w: %w", ln.ErrInFlight, ctx.Err())
		case <-tick.C:
		}
	}
}

// Track is ln.Sender's.
func (n *Node) Track(ctx context.Context, hash ln.Hash) (ln.Payment, error) {
	t, err := n.lookup(ctx, hash, "outgoing")
	if err != nil {
		return ln.Payment{}, err
	}
	p := ln.Payment{Hash: hash, State: ln.InFlight, AmountMsat: t.Amount}
	switch {
	case t.State == "settled" || (t.State == "" && t.SettledAt > 0):
		p.State, p.FeeMsat = ln.Succeeded, t.FeesPaid
		p.Preimage, err = proof(hash, t.Preimage)
	case t.State == "failed" || t.State == "expired":
		// Why is not told; by far the most are refused or find no way.
		p.State, p.Reason = ln.Failed, ln.ReasonError
	}
	return p, err
}
