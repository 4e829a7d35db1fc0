package lntest

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
)

// invoice is what a payee's node keeps.
type invoice struct {
	state     ln.State
	hold      bool
	amount    uint64
	preimage  ln.Preimage
	cltv      uint32
	expiresAt time.Time
	by        *payment // that is held or settled it
}

func (v *Node) invoiceState(hash ln.Hash) ln.InvoiceState {
	i := v.invoices[hash]
	s := ln.InvoiceState{Hash: hash, State: i.state, Hold: i.hold, AmountMsat: i.amount, ExpiresAt: i.expiresAt}
	if i.state == ln.Accepted || i.state == ln.Settled {
		s.PaidMsat = i.amount
	}
	if i.state == ln.Accepted {
		s.ExpiryHeight = i.by.last().expiry
	}
	if i.state == ln.Settled {
		s.Preimage = i.preimage
	}
	return s
}

// Open is how many invoices of the node wait to be paid.
func (v *Node) Open() (n int) {
	v.change(func() {
		v.expire()
		for _, i := range v.invoices {
			if i.state == ln.Open {
				n++
			}
		}
	})
	return n
}

// CreateInvoice is ln.Receiver's.
func (v *Node) CreateInvoice(ctx context.Context, spec ln.InvoiceSpec) (inv ln.Invoice, err error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	err = v.call(ctx, "CreateInvoice", ln.CanReceive, func() error {
		preimage := ln.Preimage(v.net.draw())
		inv, err = v.create(spec, preimage.Hash(), &invoice{preimage: preimage})
		return err
	})
	return inv, err
}

// CreateHold is ln.Receiver's.
func (v *Node) CreateHold(ctx context.Context, spec ln.HoldSpec) (inv ln.Invoice, err error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	err = v.call(ctx, "CreateHold", ln.CanHold, func() error {
		if _, ok := v.invoices[spec.Hash]; ok {
			return fmt.Errorf("%w: %s", ln.ErrExists, spec.Hash)
		}
		inv, err = v.create(spec.InvoiceSpec, spec.Hash, &invoice{hold: true})
		return err
	})
	return inv, err
}

func (v *Node) create(spec ln.InvoiceSpec, hash ln.Hash, i *invoice) (ln.Invoice, error) {
	now := v.net.clock().Truncate(time.Second)
	i.state, i.amount, i.cltv, i.expiresAt = ln.Open, spec.AmountMsat, spec.CLTVExpiry, now.Add(spec.Expiry)
	if i.cltv == 0 {
		i.cltv = invoiceCLTV
	}
	text, err := Encode(v.key, Bolt11{
		Network: Network, Hash: hash, AmountMsat: i.amount, DescriptionHash: spec.DescriptionHash,
		CreatedAt: now, Expiry: spec.Expiry, CLTVExpiry: i.cltv, Secret: v.net.draw(),
	})
	if err != nil {
		return ln.Invoice{}, err
	}
	v.invoices[hash] = i
	v.net.tell()
	return ln.Invoice{Bolt11: text, Hash: hash, ExpiresAt: i.expiresAt}, nil
}

// Settle is ln.Receiver's.
func (v *Node) Settle(ctx context.Context, preimage ln.Preimage) error {
	return v.call(ctx, "Settle", ln.CanHold, func() error {
		i, ok := v.invoices[preimage.Hash()]
		if !ok {
			return fmt.Errorf("%w: no invoice on the hash of that preimage", ln.ErrNotFound)
		}
		switch i.state {
		case ln.Open:
			return ln.ErrNotAccepted
		case ln.Canceled:
			return ln.ErrCanceled
		case ln.Accepted:
			i.state, i.preimage, i.by.preimage = ln.Settled, preimage, preimage
			i.by.decide(won, "")
			v.net.sweep()
			v.net.tell()
		}
		return nil
	})
}

// Cancel is ln.Receiver's.
func (v *Node) Cancel(ctx context.Context, hash ln.Hash) error {
	return v.call(ctx, "Cancel", ln.CanHold, func() error {
		i, ok := v.invoices[hash]
		if !ok {
			return fmt.Errorf("%w: %s", ln.ErrNotFound, hash)
		}
		if i.state == ln.Settled {
			return ln.ErrSettled
		}
		v.cancel(i)
		v.net.sweep()
		v.net.tell()
		return nil
	})
}

func (v *Node) cancel(i *invoice) {
	if i.state == ln.Accepted {
		i.by.decide(lost, ln.ReasonRefused)
	}
	i.state = ln.Canceled
}

// expire does what the node does by itself: it closes invoices whose time is
// over and gives back holds before their blocks are.
func (v *Node) expire() {
	if !v.up {
		return
	}
	now := v.net.clock()
	for _, i := range v.invoices {
		if i.state == ln.Open && !now.Before(i.expiresAt) {
			i.state = ln.Canceled
		}
		if i.state == ln.Accepted && v.net.height+ln.SafetyBlocks >= i.by.last().expiry {
			v.cancel(i)
		}
	}
}

// arrive is an HTLC reaching the node that it is for.
func (v *Node) arrive(p *payment, h *htlc) outcome {
	v.expire()
	i, ok := v.invoices[p.hash]
	if !ok || i.state != ln.Open || h.amount < i.amount || h.expiry < v.net.height+i.cltv {
		p.reason = ln.ReasonRefused
		return lost
	}
	i.by = p
	if i.hold {
		i.state = ln.Accepted
		return pending
	}
	i.state = ln.Settled
	p.preimage = i.preimage
	return won
}

// Lookup is ln.Receiver's.
func (v *Node) Lookup(ctx context.Context, hash ln.Hash) (s ln.InvoiceState, err error) {
	err = v.call(ctx, "Lookup", ln.CanReceive, func() error {
		if _, ok := v.invoices[hash]; !ok {
			return fmt.Errorf("%w: %s", ln.ErrNotFound, hash)
		}
		s = v.invoiceState(hash)
		return nil
	})
	return s, err
}

// Subscribe is ln.Receiver's.
func (v *Node) Subscribe(ctx context.Context, hash ln.Hash, changed func(ln.InvoiceState)) error {
	var last ln.InvoiceState
	for {
		wait := v.net.wait()
		var s ln.InvoiceState
		err := v.call(ctx, "Subscribe", ln.CanReceive, func() error {
			if _, ok := v.invoices[hash]; !ok {
				return fmt.Errorf("%w: %s", ln.ErrNotFound, hash)
			}
			s = v.invoiceState(hash)
			return nil
		})
		if err != nil {
			return err
		}
		if s != last {
			changed(s)
			last = s
		}
		if s.State.Final() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

// wait returns what is closed at the next change.
func (n *Net) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}
