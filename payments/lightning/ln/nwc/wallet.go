package nwc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
)

// transaction is what a wallet tells of an invoice or a payment.
type transaction struct {
	Type        string `json:"type"` // incoming or outgoing
	State       string `json:"state"`
	Invoice     string `json:"invoice"`
	Preimage    string `json:"preimage"`
	PaymentHash string `json:"payment_hash"`
	Amount      uint64 `json:"amount"`
	FeesPaid    uint64 `json:"fees_paid"`
	ExpiresAt   int64  `json:"expires_at"`
	SettledAt   int64  `json:"settled_at"`
}

// Info is ln.Viewer's.
func (n *Node) Info(ctx context.Context) (ln.Info, error) {
	var r struct {
		Alias, Pubkey, Network string
		BlockHeight            uint32 `json:"block_height"`
		Methods                []string
	}
	if err := n.call(ctx, n.cfg.Timeout, "get_info", struct{}{}, &r); err != nil {
		return ln.Info{}, err
	}
	info := ln.Info{Alias: r.Alias, Network: r.Network, Height: r.BlockHeight, Synced: true, Can: abilities(r.Methods)}
	if r.Pubkey == "" {
		return info, nil // some wallets hide their node
	}
	var err error
	info.PubKey, err = ln.ParsePubKey(r.Pubkey)
	return info, err
}

// abilities reads a wallet's list of methods. Paying without being able to ask
// what became of it is none.
func abilities(methods []string) (can ln.Ability) {
	for _, a := range []struct {
		can   ln.Ability
		needs []string
	}{
		{ln.CanReceive, []string{"make_invoice", "lookup_invoice"}},
		{ln.CanHold, []string{"make_hold_invoice", "settle_hold_invoice", "cancel_hold_invoice", "lookup_invoice"}},
		{ln.CanPay, []string{"pay_invoice", "lookup_invoice"}},
		{ln.CanBalance, []string{"get_balance"}},
	} {
		if !slices.ContainsFunc(a.needs, func(m string) bool { return !slices.Contains(methods, m) }) {
			can |= a.can
		}
	}
	return can
}

// Balance is ln.Viewer's. Only what can be spent is told.
func (n *Node) Balance(ctx context.Context) (ln.Balance, error) {
	var r struct{ Balance uint64 }
	err := n.call(ctx, n.cfg.Timeout, "get_balance", struct{}{}, &r)
	return ln.Balance{LocalMsat: r.Balance}, err
}

type makeInvoice struct {
	Amount          uint64 `json:"amount"`
	DescriptionHash string `json:"description_hash"`
	Expiry          int64  `json:"expiry"`
	PaymentHash     string `json:"payment_hash,omitempty"`
	MinCLTV         uint32 `json:"min_cltv_expiry_delta,omitempty"`
}

// CreateInvoice is ln.Receiver's. The blocks for the last hop are the wallet's
// choice.
func (n *Node) CreateInvoice(ctx context.Context, spec ln.InvoiceSpec) (ln.Invoice, error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	return n.create(ctx, "make_invoice", params(spec), spec)
}

// CreateHold is ln.Receiver's.
func (n *Node) CreateHold(ctx context.Context, spec ln.HoldSpec) (ln.Invoice, error) {
	if err := spec.Validate(); err != nil {
		return ln.Invoice{}, err
	}
	p := params(spec.InvoiceSpec)
	p.PaymentHash, p.MinCLTV = spec.Hash.String(), spec.CLTVExpiry
	inv, err := n.create(ctx, "make_hold_invoice", p, spec.InvoiceSpec)
	if code(err) != "" {
		// The standard has no word for a hash in use.
		if _, lookErr := n.Lookup(ctx, spec.Hash); lookErr == nil {
			return ln.Invoice{}, fmt.Errorf("%w: %w", ln.ErrExists, err)
		}
	}
	if err == nil && inv.Hash != spec.Hash {
		err = fmt.Errorf("%w: the wallet made one on another hash", ln.ErrInvoice)
	}
	return inv, err
}

func params(spec ln.InvoiceSpec) makeInvoice {
	return makeInvoice{Amount: spec.AmountMsat, DescriptionHash: spec.DescriptionHash.String(), Expiry: int64(spec.Expiry / time.Second)}
}

// create reads the invoice itself: what else the wallet says of it does not
// count.
func (n *Node) create(ctx context.Context, method string, p makeInvoice, spec ln.InvoiceSpec) (ln.Invoice, error) {
	var t transaction
	if err := n.call(ctx, n.cfg.Timeout, method, p, &t); err != nil {
		return ln.Invoice{}, err
	}
	inv, err := bolt11.Decode(t.Invoice)
	switch {
	case err != nil:
		return ln.Invoice{}, err
	case inv.AmountMsat != spec.AmountMsat || inv.DescriptionHash != spec.DescriptionHash:
		return ln.Invoice{}, fmt.Errorf("%w: the wallet made another one than it was asked for (%d msat for %s)", ln.ErrInvoice, inv.AmountMsat, inv.DescriptionHash)
	}
	return ln.Invoice{Bolt11: t.Invoice, Hash: inv.Hash, ExpiresAt: inv.ExpiresAt()}, nil
}

// Settle is ln.Receiver's.
func (n *Node) Settle(ctx context.Context, preimage ln.Preimage) error {
	err := n.call(ctx, n.cfg.Timeout, "settle_hold_invoice", map[string]string{"preimage": hex.EncodeToString(preimage[:])}, nil)
	return n.because(ctx, preimage.Hash(), err, map[ln.State]error{
		ln.Open: ln.ErrNotAccepted, ln.Canceled: ln.ErrCanceled, ln.Settled: nil,
	})
}

// Cancel is ln.Receiver's.
func (n *Node) Cancel(ctx context.Context, hash ln.Hash) error {
	err := n.call(ctx, n.cfg.Timeout, "cancel_hold_invoice", map[string]string{"payment_hash": hash.String()}, nil)
	return n.because(ctx, hash, err, map[ln.State]error{ln.Canceled: nil, ln.Settled: ln.ErrSettled})
}

// because says why a wallet refused: the standard has no words for it, but the
// invoice's state tells.
func (n *Node) because(ctx context.Context, hash ln.Hash, err error, states map[ln.State]error) error {
	if code(err) == "" || errors.Is(err, ln.ErrUnsupported) || errors.Is(err, ln.ErrDenied) {
		return err
	}
	s, lookErr := n.Lookup(ctx, hash)
	if lookErr != nil {
		return lookErr
	}
	why, known := states[s.State]
	if known && why != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	if known {
		return nil
	}
	return err
}

// Lookup is ln.Receiver's.
func (n *Node) Lookup(ctx context.Context, hash ln.Hash) (ln.InvoiceState, error) {
	t, err := n.lookup(ctx, hash, "incoming")
	if err != nil {
		return ln.InvoiceState{}, err
	}
	s := ln.InvoiceState{Hash: hash, AmountMsat: t.Amount, Hold: true, ExpiresAt: time.Unix(t.ExpiresAt, 0)}
	switch {
	case t.State == "settled" || (t.State == "" && t.SettledAt > 0):
		s.State, s.PaidMsat = ln.Settled, t.Amount
		s.Preimage, err = proof(hash, t.Preimage)
	case t.State == "accepted":
		s.State, s.PaidMsat = ln.Accepted, t.Amount
	case t.State == "failed" || t.State == "expired" || t.State == "canceled" || t.State == "cancelled":
		s.State = ln.Canceled
	case t.ExpiresAt > 0 && time.Now().Unix() > t.ExpiresAt:
		s.State = ln.Canceled
	default:
		s.State = ln.Open
	}
	return s, err
}

// lookup asks for one side of a hash.
func (n *Node) lookup(ctx context.Context, hash ln.Hash, side string) (transaction, error) {
	var t transaction
	if err := n.call(ctx, n.cfg.Timeout, "lookup_invoice", map[string]string{"payment_hash": hash.String()}, &t); err != nil {
		return transaction{}, err
	}
	if t.PaymentHash != hash.String() || t.Amount > ln.MaxMsat {
		return transaction{}, fmt.Errorf("%w: the wallet tells of %d msat on %.80q", ln.ErrInvoice, t.Amount, t.PaymentHash)
	}
	if t.Type != side {
		return transaction{}, fmt.Errorf("%w: it is %.20q", ln.ErrNotFound, t.Type)
	}
	return t, nil
}

// proof reads a preimage and checks it.
func proof(hash ln.Hash, text string) (p ln.Preimage, err error) {
	b, err := hex.DecodeString(text)
	if copy(p[:], b); err != nil || len(b) != len(p) || p.Hash() != hash {
		return ln.Preimage{}, fmt.Errorf("%w: the wallet tells a wrong preimage for %s", ln.ErrInvoice, hash)
	}
	return p, nil
}

// Subscribe is ln.Receiver's. It looks again and again.
func (n *Node) Subscribe(ctx context.Context, hash ln.Hash, changed func(ln.InvoiceState)) error {
	tick := time.NewTicker(n.cfg.Poll)
	defer tick.Stop()
	var last ln.InvoiceState
	for {
		s, err := n.Lookup(ctx, hash)
		if err != nil {
			return orEnded(ctx, err)
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
		case <-tick.C:
		}
	}
}

func unsupported(what string) error {
	return fmt.Errorf("%w: %s: NIP-47 has no such method", ln.ErrUnsupported, what)
}

// Channels is ln.Viewer's.
func (n *Node) Channels(context.Context) ([]ln.Channel, error) { return nil, unsupported("channels") }

// OpenChannel is ln.Opener's.
func (n *Node) OpenChannel(context.Context, ln.OpenSpec) (ln.ChannelPoint, error) {
	return ln.ChannelPoint{}, unsupported("opening a channel")
}

// CloseChannel is ln.Opener's.
func (n *Node) CloseChannel(context.Context, ln.ChannelPoint, bool) error {
	return unsupported("closing a channel")
}

// NewAddress is ln.Opener's.
func (n *Node) NewAddress(context.Context) (string, error) { return "", unsupported("an address") }
