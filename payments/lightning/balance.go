package lightning

import (
	"context"
	"errors"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Balances implements payments.Rail. Locked and OurExposure are what is in holds
// of ours and not earned yet.
func (r *Rail) Balances(ctx context.Context) ([]payments.Balance, error) {
	list, err := r.acc.Balances(ctx)
	if err != nil {
		return nil, err
	}
	at := map[identity.PubKey]int{}
	for i, b := range list {
		at[b.Peer] = i
	}
	peers, err := r.peers(outPrefix)
	if err != nil {
		return nil, err
	}
	for _, peer := range peers {
		o, err := r.out(peer)
		if err != nil {
			return nil, err
		}
		if len(o.Holds) == 0 {
			continue
		}
		i, ok := at[peer]
		if !ok {
			i = len(list)
			list = append(list, payments.Balance{Peer: peer, Unit: payments.MilliSat, Ceiling: r.cfg.Account.Ceiling})
		}
		for _, h := range o.Holds {
			b := &list[i]
			switch h.Phase {
			case paying, locked, giving:
				b.Locked += h.Amount
				b.OurExposure += h.Amount
			case revealed:
				b.Locked += h.Amount
				b.Pending += h.Amount
			}
		}
	}
	return list, nil
}

// Left is what may still be spent of the day's ceiling.
func (r *Rail) Left(ctx context.Context) (payments.Amount, error) { return r.ceiling.Left(ctx) }

// entry returns the journal's entry for p; none is the zero Entry.
func (r *Rail) entry(d payments.Direction, p payments.Payment) (e payments.Entry, err error) {
	err = r.s.View(func(tx store.Reader) error {
		e, err = r.acc.Journal().Get(tx, d, p.Peer, p.Ref)
		if errors.Is(err, payments.ErrNoEntry) {
			e, err = payments.Entry{}, nil
		}
		return err
	})
	return e, err
}
