package lnd

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
)

// held tells an invoice's state, having looked at what it says is held. An lnd that
// dies right after it accepted an HTLC takes it for a replay when it is back
// (v0.20), and gives it to the payer; the invoice stays accepted, and settling it
// would bring nothing. Such an invoice is cancelled here, which is what became of
// it. Without the right to list channels lnd's word is taken.
func (n *Node) held(ctx context.Context, hash ln.Hash, r *lnrpc.Invoice) (ln.InvoiceState, error) {
	if r.State != lnrpc.Invoice_ACCEPTED || !n.rights.Can().Has(ln.CanChannels|ln.CanHold) {
		return invoiceState(hash, r)
	}
	all, err := n.lnd.ListChannels(ctx, &lnrpc.ListChannelsRequest{})
	if err != nil {
		return ln.InvoiceState{}, err
	}
	if !gone(hash, r.Htlcs, all.Channels) {
		return invoiceState(hash, r)
	}
	// That it was settled in the meantime, lnd alone can say.
	if err := n.Cancel(ctx, hash); err != nil && !errors.Is(err, ln.ErrSettled) {
		return ln.InvoiceState{}, err
	}
	if r, err = n.lookup(ctx, hash); err != nil {
		return ln.InvoiceState{}, err
	}
	return invoiceState(hash, r)
}

// gone reports whether a channel that is open does not hold an HTLC which the
// invoice counts. What is in a channel that closes is claimed on the chain, and
// is never called gone.
func gone(hash ln.Hash, counted []*lnrpc.InvoiceHTLC, open []*lnrpc.Channel) bool {
	return slices.ContainsFunc(counted, func(h *lnrpc.InvoiceHTLC) bool {
		i := slices.IndexFunc(open, func(c *lnrpc.Channel) bool { return c.ChanId == h.ChanId })
		return h.State == lnrpc.InvoiceHTLCState_ACCEPTED && i >= 0 &&
			!slices.ContainsFunc(open[i].PendingHtlcs, func(p *lnrpc.HTLC) bool {
				return p.Incoming && bytes.Equal(p.HashLock, hash[:])
			})
	})
}
