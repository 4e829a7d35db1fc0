package lightning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// termsFor is how long a peer's terms are taken as still so.
const termsFor = 10 * time.Minute

// terms is how a peer wants to be paid, as it signed it.
type terms struct {
	wire.PayTerms
	payee ln.PubKey
	by    string // our own node, which pays
}

// terms returns the peer's terms: those on record while they are young, unless
// fresh, else new ones. An invoice is paid only to the Lightning node that is
// named there under the peer's own signature.
func (r *Rail) terms(ctx context.Context, peer identity.PubKey, fresh bool) (terms, error) {
	o, err := r.out(peer)
	if err != nil {
		return terms{}, err
	}
	if !fresh && o.Terms != nil && r.clock().Sub(o.Asked) < termsFor {
		e, err := wire.Parse(o.Terms)
		if err != nil {
			return terms{}, fmt.Errorf("%w: terms: %w", payments.ErrCorrupt, err)
		}
		return r.readTerms(ctx, peer, e)
	}
	ask, err := r.seal(wire.PayTermsAsk{Rail: Name})
	if err != nil {
		return terms{}, err
	}
	e, err := r.ask(ctx, peer, ask)
	if err != nil {
		return terms{}, err
	}
	return r.newTerms(ctx, peer, ask.ID, e)
}

// newTerms reads terms that have just come as the answer to ask and keeps them.
func (r *Rail) newTerms(ctx context.Context, peer identity.PubKey, ask wire.ID, e wire.Event) (terms, error) {
	t, err := r.readTerms(ctx, peer, e)
	if err != nil {
		return terms{}, err
	}
	if t.Ask != ask {
		return terms{}, fmt.Errorf("%w: not the answer to what was asked", ErrTerms)
	}
	d, err := r.acc.Owing(ctx, peer)
	if err != nil {
		return terms{}, err
	}
	return t, r.changeOut(peer, func(tx store.Txn, o *out) error {
		if o.Terms != nil && t.Account != r.accountIn(o.Terms) {
			r.log.Warn("lightning: peer is paid at another node from now on", "peer", peer.Short(), "node", t.Account)
		}
		o.Terms, o.Asked, o.Limit = e.Bytes(), r.clock(), t.Limit
		// The payee's own signature that it was paid more than we know of: it
		// can only be to our advantage.
		if good := min(t.Settled, d.Total); good > d.Settled {
			if err := r.acc.SettledOut(tx, peer, good, r.clock()); err != nil {
				return err
			}
			if err := r.reserve(tx, peer, o); err != nil && !errors.Is(err, payments.ErrCeiling) {
				return err
			}
		}
		return nil
	})
}

func (r *Rail) readTerms(ctx context.Context, peer identity.PubKey, e wire.Event) (t terms, err error) {
	if t.PayTerms, err = wire.Decode[wire.PayTerms](e); err != nil {
		return t, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	info, err := r.node.Info(ctx)
	if err != nil {
		return t, err
	}
	t.by = nameOf(info)
	switch {
	case e.PubKey != peer:
		return t, fmt.Errorf("%w: signed by %s", ErrTerms, e.PubKey.Short())
	case t.Rail != Name || payments.Unit(t.Unit) != payments.MilliSat:
		return t, fmt.Errorf("%w: rail %.40q in %.20q", ErrTerms, t.Rail, t.Unit)
	case t.Network != info.Network:
		return t, fmt.Errorf("%w: they are on %.20q, we on %q", ErrTerms, t.Network, info.Network)
	}
	if t.payee, err = ln.ParsePubKey(t.Account); err != nil {
		return t, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	if t.payee == info.PubKey {
		return t, fmt.Errorf("%w: they are paid at our own node", ErrTerms)
	}
	return t, nil
}

// nameOf is how a payment keeps in mind which node was told to make it; nothing
// for a wallet that hides its node.
func nameOf(info ln.Info) string {
	if info.PubKey == (ln.PubKey{}) {
		return ""
	}
	return info.PubKey.String()
}

// elsewhere returns ErrElsewhere where a payment was given to another node than
// the one that is connected now: that this one does not know it means nothing.
func (r *Rail) elsewhere(ctx context.Context, by string) error {
	info, err := r.node.Info(ctx)
	if err != nil {
		return err
	}
	if now := nameOf(info); by != "" && now != "" && by != now {
		return fmt.Errorf("%w: %s; connect that wallet again", ErrElsewhere, by)
	}
	return nil
}

func (r *Rail) accountIn(raw []byte) string {
	e, err := wire.Parse(raw)
	if err != nil {
		return ""
	}
	t, err := wire.Decode[wire.PayTerms](e)
	if err != nil {
		return ""
	}
	return t.Account
}
