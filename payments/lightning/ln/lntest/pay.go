package lntest

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
)

// outcome is what the payee's end of a payment has decided.
type outcome int

const (
	pending outcome = iota
	won             // the preimage is known from hop at on backwards
	lost            // it goes back
)

// payment is one attempt to pay a hash.
type payment struct {
	net      *Net
	hash     ln.Hash
	state    ln.State
	amount   uint64
	route    []*htlc
	at       int // the last hop that is locked
	arrived  bool
	unsent   bool
	outcome  outcome
	preimage ln.Preimage
	reason   ln.Reason
}

func (p *payment) last() *htlc { return p.route[len(p.route)-1] }

// decide is the payee settling or giving back, unless the chain was faster.
func (p *payment) decide(o outcome, why ln.Reason) {
	if p.state == ln.InFlight && p.outcome == pending {
		p.outcome, p.reason = o, why
	}
}

// end is the outcome reaching the payer.
func (p *payment) end() {
	p.state = ln.Failed
	if p.outcome == won {
		p.state = ln.Succeeded
	} else if p.reason == "" {
		p.reason = ln.ReasonTimeout
	}
}

func (p *payment) tell() ln.Payment {
	out := ln.Payment{Hash: p.hash, State: p.state, AmountMsat: p.amount, Reason: p.reason}
	switch p.state {
	case ln.Succeeded:
		out.Preimage, out.FeeMsat, out.Reason = p.preimage, p.route[0].amount-p.amount, ""
	case ln.InFlight:
		out.ExpiryHeight, out.Reason, out.Unsent = p.route[0].expiry, "", p.unsent
	}
	return out
}

// Pay is ln.Sender's.
func (v *Node) Pay(ctx context.Context, spec ln.PaySpec) (paid ln.Payment, err error) {
	if err := spec.Validate(); err != nil {
		return ln.Payment{}, err
	}
	inv, err := bolt11.Decode(spec.Bolt11)
	if err != nil {
		return ln.Payment{}, err
	}
	if inv.Network != Network || inv.AmountMsat == 0 {
		return ln.Payment{}, fmt.Errorf("%w: for %d msat on %s", ln.ErrInvoice, inv.AmountMsat, inv.Network)
	}
	err = v.call(ctx, "Pay", ln.CanPay, func() error {
		if p, ok := v.paid[inv.Hash]; ok && p.state != ln.Failed {
			return nil
		}
		return v.send(spec, inv)
	})
	if err != nil {
		return ln.Payment{}, err
	}
	return v.await(ctx, spec, inv.Hash)
}

// send locks the first hop, or says why not.
func (v *Node) send(spec ln.PaySpec, inv bolt11.Invoice) error {
	if !v.net.clock().Before(inv.ExpiresAt()) {
		return fmt.Errorf("%w: it expired at %s", ln.ErrInvoice, inv.ExpiresAt().UTC().Format(time.RFC3339))
	}
	p := &payment{net: v.net, hash: inv.Hash, state: ln.Failed, reason: ln.ReasonNoRoute, amount: inv.AmountMsat}
	v.paid[inv.Hash] = p
	defer v.net.tell()
	var to *Node
	for _, o := range v.net.order {
		if o.PubKey() == inv.Payee {
			to = o
		}
	}
	if to == nil || to == v {
		return nil
	}
	way, ok := v.net.route(v, to, inv.AmountMsat, v.net.height+inv.CLTVExpiry+padBlocks)
	if !ok || way.amount-inv.AmountMsat > spec.FeeLimitMsat ||
		(spec.CLTVLimit > 0 && way.expiry-v.net.height > spec.CLTVLimit) {
		return nil
	}
	p.state, p.reason, p.route = ln.InFlight, "", way.hops
	if p.unsent = v.sunk; p.unsent {
		return nil
	}
	p.route[0].lock()
	v.net.payments = append(v.net.payments, p)
	v.net.sweep()
	return nil
}

// await waits for the outcome, or for what spec is content with.
func (v *Node) await(ctx context.Context, spec ln.PaySpec, hash ln.Hash) (ln.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	for {
		wait := v.net.wait()
		var p ln.Payment
		err := v.locked("Pay", ln.CanPay, func() error { p = v.paid[hash].tell(); return nil })
		switch {
		case err != nil:
			return ln.Payment{Hash: hash, State: ln.InFlight}, fmt.Errorf("%w: %w", ln.ErrInFlight, err)
		case p.State == ln.Failed:
			return p, fmt.Errorf("%w: %s", ln.ErrFailed, p.Reason)
		case p.State == ln.Succeeded, spec.Hold:
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("%w: %w", ln.ErrInFlight, ctx.Err())
		case <-wait:
		}
	}
}

// Track is ln.Sender's.
func (v *Node) Track(ctx context.Context, hash ln.Hash) (out ln.Payment, err error) {
	err = v.call(ctx, "Track", ln.CanPay, func() error {
		p, ok := v.paid[hash]
		if !ok {
			return fmt.Errorf("%w: %s", ln.ErrNotFound, hash)
		}
		out = p.tell()
		return nil
	})
	return out, err
}
