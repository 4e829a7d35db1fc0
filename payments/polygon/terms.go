package polygon

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// payeeTerms is how a peer is paid, as it last said.
type payeeTerms struct {
	Account common.Address `json:"account"`
	Limit   uint64         `json:"limit"` // how much we may owe it
	Delay   uint64         `json:"delay"` // seconds, of channels that pay it
	// Cover is how much more we may owe it now, since channels to it hold that;
	// MaxCover the most that it ever lets that be.
	Cover    uint64    `json:"cover,omitempty"`
	MaxCover uint64    `json:"maxCover,omitempty"`
	At       time.Time `json:"at"`
}

// termsOf returns how peer is paid: from memory, or by asking.
func (r *Rail) termsOf(ctx context.Context, peer identity.PubKey) (t payeeTerms, err error) {
	known := false
	err = r.s.View(func(tx store.Reader) error {
		known, err = get(tx, wordKey(peer), &t)
		return err
	})
	if err != nil || known && r.clock().Sub(t.At) < r.cfg.TermsAge {
		return t, err
	}
	return r.askTerms(ctx, peer, wire.PayTermsAsk{Rail: Name})
}

// askTerms asks peer how it is paid and keeps the answer; a refusal that peer
// signed is returned as one.
func (r *Rail) askTerms(ctx context.Context, peer identity.PubKey, q wire.PayTermsAsk) (t payeeTerms, err error) {
	ask, err := wire.Seal(r.key, q, r.clock())
	if err != nil {
		return t, err
	}
	answers, err := r.acct.Ask(ctx, peer, ask)
	if err != nil {
		return t, fmt.Errorf("ask for terms: %w", err)
	}
	if len(answers) == 0 {
		return t, errors.New("ask for terms: no answer")
	}
	if no, err := wire.Decode[wire.Error](answers[0]); err == nil && no.Ref == ask.ID {
		return t, fmt.Errorf("%w: %w", ErrTerms, refuse(no.Code, "%s", no.Text))
	}
	m, err := wire.Decode[wire.PayTerms](answers[0])
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	if t, err = r.readTerms(m, ask.ID); err != nil {
		return t, err
	}
	return t, r.s.Update(func(tx store.Txn) error { return put(tx, wordKey(peer), t) })
}

func (r *Rail) readTerms(m wire.PayTerms, ask wire.ID) (t payeeTerms, err error) {
	p := r.l.place()
	switch {
	case m.Ask != ask || m.Rail != Name || m.Unit != string(r.Unit()):
		return t, fmt.Errorf("%w: an answer to something else", ErrTerms)
	case m.Network != p.Network:
		return t, fmt.Errorf("%w: paid on %.40q, we pay on %s", ErrTerms, m.Network, p.Network)
	case !common.IsHexAddress(m.Contract) || common.HexToAddress(m.Contract) != p.Contract:
		return t, fmt.Errorf("%w: paid through contract %.60q, we pay through %s", ErrTerms, m.Contract, p.Contract)
	case !common.IsHexAddress(m.Account) || common.HexToAddress(m.Account) == (common.Address{}):
		return t, fmt.Errorf("%w: paid at %.60q", ErrTerms, m.Account)
	case common.HexToAddress(m.Account) == p.Wallet:
		return t, fmt.Errorf("%w: paid at our own address", ErrTerms)
	case m.Delay > uint64(r.cfg.MaxDelay/time.Second):
		return t, fmt.Errorf("%w: it asks for a delay of %d s, at most %s is given", ErrTerms, m.Delay, r.cfg.MaxDelay)
	}
	return payeeTerms{
		Account: common.HexToAddress(m.Account), Limit: m.Limit, Delay: m.Delay,
		Cover: m.Cover, MaxCover: m.MaxCover, At: r.now(),
	}, nil
}

// serveTerms says how we are paid, and what a channel that was introduced with
// the question counts for.
func (r *Rail) serveTerms(ctx context.Context, peer identity.PubKey, e wire.Event, m wire.PayTermsAsk) (wire.Event, error) {
	if m.Channel != "" {
		if err := r.meet(ctx, peer, m); err != nil {
			return r.refusalFor(peer, e, err)
		}
	}
	t, err := r.acct.Terms(peer, e.ID)
	if err != nil {
		return wire.Event{}, err
	}
	t.MaxCover = r.cfg.MaxCover
	err = r.s.View(func(tx store.Reader) error {
		t.Cover, err = r.Cover(tx, peer)
		return err
	})
	if err != nil {
		return wire.Event{}, err
	}
	p := r.l.place()
	t.Network, t.Account, t.Contract = p.Network, p.Wallet.Hex(), p.Contract.Hex()
	t.Delay = uint64(r.cfg.MinDelay / time.Second)
	return wire.Seal(r.key, t, r.clock())
}

// Serve implements account.Settler.
func (r *Rail) Serve(ctx context.Context, peer identity.PubKey, e wire.Event) ([]wire.Event, error) {
	var a wire.Event
	var err error
	switch e.Kind {
	case wire.KindPayTermsAsk:
		m, derr := wire.Decode[wire.PayTermsAsk](e)
		if derr != nil || m.Rail != Name {
			a, err = r.refusal(e, &refusal{CodeForeign, "this is rail " + Name})
			break
		}
		a, err = r.serveTerms(ctx, peer, e, m)
	case wire.KindVoucher:
		a, err = r.takeVoucher(ctx, peer, e)
	case wire.KindRelease:
		m, derr := wire.Decode[wire.Release](e)
		if derr != nil {
			a, err = r.refusal(e, &refusal{CodeForeign, clip(derr.Error())})
			break
		}
		a, err = r.serveClose(ctx, peer, e, m)
	default:
		a, err = r.refusal(e, &refusal{CodeForeign, "no document of this rail"})
	}
	if err != nil {
		return nil, err
	}
	return []wire.Event{a}, nil
}

// newSalt tells channels between the same two apart.
func newSalt() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

func (r *Rail) amount(v uint64) payments.Amount {
	return payments.Amount{Value: v, Unit: payments.MicroUSDC}
}
