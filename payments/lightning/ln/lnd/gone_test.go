package lnd_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/invoicesrpc"
)

// keeper is a parrot with one invoice, which says accepted, and channels.
type keeper struct {
	parrot
	secret   ln.Preimage
	state    lnrpc.Invoice_InvoiceState
	counted  []*lnrpc.InvoiceHTLC
	channels []*lnrpc.Channel
	meddle   func(*keeper) // while the channels are listed
}

func (k *keeper) LookupInvoiceV2(context.Context, *invoicesrpc.LookupInvoiceMsg) (*lnrpc.Invoice, error) {
	inv := &lnrpc.Invoice{State: k.state, ValueMsat: toll, Htlcs: k.counted}
	if k.state == lnrpc.Invoice_SETTLED {
		inv.RPreimage = k.secret[:]
	}
	return inv, nil
}

func (k *keeper) ListChannels(context.Context, *lnrpc.ListChannelsRequest) (*lnrpc.ListChannelsResponse, error) {
	if k.meddle != nil {
		k.meddle(k)
	}
	return &lnrpc.ListChannelsResponse{Channels: k.channels}, nil
}

func (k *keeper) CancelInvoice(context.Context, *invoicesrpc.CancelInvoiceMsg) (*invoicesrpc.CancelInvoiceResp, error) {
	if k.state == lnrpc.Invoice_SETTLED {
		return nil, status.Error(codes.Unknown, "invoice already settled")
	}
	k.state = lnrpc.Invoice_CANCELED
	return &invoicesrpc.CancelInvoiceResp{}, nil
}

func (k *keeper) SettleInvoice(context.Context, *invoicesrpc.SettleInvoiceMsg) (*invoicesrpc.SettleInvoiceResp, error) {
	if k.state == lnrpc.Invoice_CANCELED {
		return nil, status.Error(codes.Unknown, "invoice already canceled")
	}
	k.state = lnrpc.Invoice_SETTLED
	return &invoicesrpc.SettleInvoiceResp{}, nil
}

// TestGone: an invoice that lnd calls accepted, and whose money it gave back, is
// told as cancelled and never settled; whatever may still bring money is.
func TestGone(t *testing.T) {
	t.Parallel()
	p := ln.Preimage(secret())
	hash := p.Hash()
	in := func(id uint64, locks ...[]byte) *lnrpc.Channel {
		c := &lnrpc.Channel{ChanId: id}
		for _, l := range locks {
			c.PendingHtlcs = append(c.PendingHtlcs, &lnrpc.HTLC{Incoming: true, HashLock: l})
		}
		return c
	}
	part := func(id uint64, s lnrpc.InvoiceHTLCState) *lnrpc.InvoiceHTLC {
		return &lnrpc.InvoiceHTLC{ChanId: id, State: s}
	}
	const held, dropped = lnrpc.InvoiceHTLCState_ACCEPTED, lnrpc.InvoiceHTLCState_CANCELED
	one := []*lnrpc.InvoiceHTLC{part(7, held)}
	outgoing := in(7)
	outgoing.PendingHtlcs = []*lnrpc.HTLC{{HashLock: hash[:]}}
	for name, c := range map[string]struct {
		counted  []*lnrpc.InvoiceHTLC
		channels []*lnrpc.Channel
		few      bool
		meddle   func(*keeper)
		want     ln.State
	}{
		"there":              {counted: one, channels: []*lnrpc.Channel{in(6), in(7, make([]byte, 32), hash[:])}, want: ln.Accepted},
		"gone":               {counted: one, channels: []*lnrpc.Channel{in(7)}, want: ln.Canceled},
		"another's":          {counted: one, channels: []*lnrpc.Channel{in(7, make([]byte, 32))}, want: ln.Canceled},
		"in another channel": {counted: one, channels: []*lnrpc.Channel{in(7), in(8, hash[:])}, want: ln.Canceled},
		"our own payment":    {counted: one, channels: []*lnrpc.Channel{outgoing}, want: ln.Canceled},
		"half of it gone": {counted: append(one, part(8, held)), channels: []*lnrpc.Channel{in(7, hash[:]), in(8)},
			want: ln.Canceled},
		"given back before": {counted: append(one, part(8, dropped)), channels: []*lnrpc.Channel{in(7, hash[:]), in(8)},
			want: ln.Accepted},
		"the channel closes": {counted: one, channels: []*lnrpc.Channel{in(8)}, want: ln.Accepted},
		"no right to look":   {counted: one, channels: []*lnrpc.Channel{in(7)}, few: true, want: ln.Accepted},
		"settled meanwhile": {counted: one, channels: []*lnrpc.Channel{in(7)}, want: ln.Settled,
			meddle: func(k *keeper) { k.state = lnrpc.Invoice_SETTLED }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &keeper{secret: p, state: lnrpc.Invoice_ACCEPTED, counted: c.counted, channels: c.channels, meddle: c.meddle}
			n := k.open(t, c.few)
			if s, err := n.Lookup(t.Context(), hash); err != nil || s.State != c.want {
				t.Errorf("Lookup = %+v, %v; want %s", s, err, c.want)
			}
			k.state = lnrpc.Invoice_ACCEPTED // as if nobody had looked
			k.meddle = nil
			switch err := n.Settle(t.Context(), p); {
			case c.want == ln.Canceled && (!errors.Is(err, ln.ErrCanceled) || k.state != lnrpc.Invoice_CANCELED):
				t.Errorf("Settle = %v, the invoice is %s", err, k.state)
			case c.want == ln.Accepted && (err != nil || k.state != lnrpc.Invoice_SETTLED):
				t.Errorf("Settle = %v, the invoice is %s", err, k.state)
			}
		})
	}
}

// open serves it to a driver with all rights, or with those for invoices alone.
func (k *keeper) open(t *testing.T, few bool) *lnd.Node {
	t.Helper()
	text := adminMacaroon
	if few {
		text = invoicesMacaroon
	}
	b, err := hex.DecodeString(text)
	must(t, err)
	address, cert, _ := listen(t, k)
	return connect(t, lnd.Config{Address: address, CertPEM: cert, Macaroon: b, Timeout: patience})
}
