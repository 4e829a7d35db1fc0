package lnd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/invoicesrpc"
)

// CreateInvoice is ln.Receiver's.
func (n *Node) CreateInvoice(ctx context.Context, spec ln.InvoiceSpec) (ln.Invoice, error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	r, err := n.lnd.AddInvoice(ctx, &lnrpc.Invoice{
		ValueMsat: int64(spec.AmountMsat), DescriptionHash: spec.DescriptionHash[:],
		Expiry: int64(spec.Expiry / time.Second), CltvExpiry: uint64(spec.CLTVExpiry),
	})
	if err != nil {
		return ln.Invoice{}, err
	}
	return made(r.PaymentRequest)
}

// CreateHold is ln.Receiver's.
func (n *Node) CreateHold(ctx context.Context, spec ln.HoldSpec) (ln.Invoice, error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	r, err := n.invoices.AddHoldInvoice(ctx, &invoicesrpc.AddHoldInvoiceRequest{
		Hash: spec.Hash[:], ValueMsat: int64(spec.AmountMsat), DescriptionHash: spec.DescriptionHash[:],
		Expiry: int64(spec.Expiry / time.Second), CltvExpiry: uint64(spec.CLTVExpiry),
	})
	if err != nil {
		return ln.Invoice{}, err
	}
	inv, err := made(r.PaymentRequest)
	if err == nil && inv.Hash != spec.Hash {
		err = fmt.Errorf("%w: lnd made one on another hash", ln.ErrInvoice)
	}
	return inv, err
}

// made reads what lnd made of a spec.
func made(text string) (ln.Invoice, error) {
	inv, err := bolt11.Decode(text)
	if err != nil {
		return ln.Invoice{}, err
	}
	return ln.Invoice{Bolt11: text, Hash: inv.Hash, ExpiresAt: inv.ExpiresAt()}, nil
}

// Settle is ln.Receiver's.
func (n *Node) Settle(ctx context.Context, preimage ln.Preimage) error {
	if s, err := n.Lookup(ctx, preimage.Hash()); err == nil && s.State == ln.Canceled {
		return ln.ErrCanceled
	}
	_, err := n.invoices.SettleInvoice(ctx, &invoicesrpc.SettleInvoiceMsg{Preimage: preimage[:]})
	if errors.Is(err, ln.ErrSettled) {
		return nil
	}
	return err
}

// Cancel is ln.Receiver's.
func (n *Node) Cancel(ctx context.Context, hash ln.Hash) error {
	_, err := n.invoices.CancelInvoice(ctx, &invoicesrpc.CancelInvoiceMsg{PaymentHash: hash[:]})
	if errors.Is(err, ln.ErrCanceled) {
		return nil
	}
	return err
}

// Lookup is ln.Receiver's.
func (n *Node) Lookup(ctx context.Context, hash ln.Hash) (ln.InvoiceState, error) {
	r, err := n.lookup(ctx, hash)
	if err != nil {
		return ln.InvoiceState{}, err
	}
	return n.held(ctx, hash, r)
}

func (n *Node) lookup(ctx context.Context, hash ln.Hash) (*lnrpc.Invoice, error) {
	return n.invoices.LookupInvoiceV2(ctx, &invoicesrpc.LookupInvoiceMsg{
		InvoiceRef: &invoicesrpc.LookupInvoiceMsg_PaymentHash{PaymentHash: hash[:]},
	})
}

// Subscribe is ln.Receiver's.
func (n *Node) Subscribe(ctx context.Context, hash ln.Hash, changed func(ln.InvoiceState)) error {
	// lnd would wait for an unknown one to be made.
	if _, err := n.Lookup(ctx, hash); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const method = invoicesrpc.Invoices_SubscribeSingleInvoice_FullMethodName
	stream, err := n.invoices.SubscribeSingleInvoice(ctx, &invoicesrpc.SubscribeSingleInvoiceRequest{RHash: hash[:]})
	if err != nil {
		return n.explain(ctx, method, err)
	}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: lnd ended the subscription", ln.ErrUnavailable)
		}
		if err != nil {
			return n.explain(ctx, method, err)
		}
		s, err := invoiceState(hash, r)
		if err != nil {
			return err
		}
		changed(s)
		if s.State.Final() {
			return nil
		}
	}
}

func invoiceState(hash ln.Hash, r *lnrpc.Invoice) (ln.InvoiceState, error) {
	s := ln.InvoiceState{
		Hash: hash, AmountMsat: sat(r.ValueMsat), Hold: r.State == lnrpc.Invoice_ACCEPTED || len(r.RPreimage) == 0,
		ExpiresAt: time.Unix(r.CreationDate, 0).Add(time.Duration(r.Expiry) * time.Second),
	}
	switch r.State {
	case lnrpc.Invoice_OPEN:
		s.State = ln.Open
	case lnrpc.Invoice_ACCEPTED:
		s.State = ln.Accepted
	case lnrpc.Invoice_SETTLED:
		s.State = ln.Settled
		if copy(s.Preimage[:], r.RPreimage); s.Preimage.Hash() != hash {
			return ln.InvoiceState{}, fmt.Errorf("lnd tells a wrong preimage for %s", hash)
		}
	case lnrpc.Invoice_CANCELED:
		s.State = ln.Canceled
	default:
		return ln.InvoiceState{}, fmt.Errorf("lnd tells an unknown state of an invoice: %v", r.State)
	}
	for _, h := range r.Htlcs {
		if h.State == lnrpc.InvoiceHTLCState_CANCELED {
			continue
		}
		s.PaidMsat += h.AmtMsat
		if s.State == ln.Accepted && (s.ExpiryHeight == 0 || uint32(h.ExpiryHeight) < s.ExpiryHeight) {
			s.ExpiryHeight = uint32(h.ExpiryHeight)
		}
	}
	return s, nil
}
