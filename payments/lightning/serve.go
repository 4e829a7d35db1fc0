package lightning

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/account"
)

// settler is the rail as its account sees it.
type settler struct{ *Rail }

// Due implements account.Settler.
func (s settler) Due(peer identity.PubKey) { s.noted(peer) }

// Serve implements account.Settler. What goes wrong on our side is answered by
// account.CodeBusy, after which the peer may send the same again.
func (s settler) Serve(ctx context.Context, peer identity.PubKey, e wire.Event) ([]wire.Event, error) {
	m, err := s.answer(ctx, peer, e)
	if errors.Is(err, account.ErrNote) {
		return nil, err
	}
	if err != nil {
		s.log.Warn("lightning: not answered", "peer", peer.Short(), "kind", e.Kind, "err", err)
		m = refuse(e.ID, account.CodeBusy, "not decided, send again")
	}
	a, err := s.seal(m)
	return []wire.Event{a}, err
}

// answer decides on one document.
func (r *Rail) answer(ctx context.Context, peer identity.PubKey, e wire.Event) (wire.Message, error) {
	var rail string
	var do func() (wire.Message, error)
	var err error
	switch e.Kind {
	case wire.KindPayTermsAsk:
		var m wire.PayTermsAsk
		m, err = wire.Decode[wire.PayTermsAsk](e)
		rail, do = m.Rail, func() (wire.Message, error) { return r.ourTerms(ctx, peer, e.ID) }
	case wire.KindInvoiceAsk:
		var m wire.InvoiceAsk
		m, err = wire.Decode[wire.InvoiceAsk](e)
		rail, do = m.Rail, func() (wire.Message, error) {
			if m.Hold.IsZero() {
				return r.serveWindow(ctx, peer, e, m)
			}
			return r.serveHold(ctx, peer, e, m)
		}
	case wire.KindRelease:
		var m wire.Release
		m, err = wire.Decode[wire.Release](e)
		rail, do = m.Rail, func() (wire.Message, error) { return r.serveRelease(ctx, peer, e, m) }
	default:
		return nil, fmt.Errorf("%w: a %s", account.ErrNote, e.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", account.ErrNote, err)
	}
	if rail != Name {
		return nil, fmt.Errorf("%w: rail %.40q", account.ErrNote, rail)
	}
	return do()
}

// ourTerms is how we want to be paid by peer, and what our books say of it.
func (r *Rail) ourTerms(ctx context.Context, peer identity.PubKey, ask wire.ID) (wire.Message, error) {
	if err := r.refresh(ctx, peer); err != nil {
		return nil, err
	}
	t, err := r.acc.Terms(peer, ask)
	if err != nil {
		return nil, err
	}
	info, err := r.node.Info(ctx)
	if err != nil {
		return nil, err
	}
	t.Network, t.Account, t.Least = info.Network, info.PubKey.String(), r.cfg.Least
	return t, nil
}
