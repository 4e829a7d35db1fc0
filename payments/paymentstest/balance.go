package paymentstest

import (
	"context"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Balances implements payments.Rail.
func (f *Fake) Balances(context.Context) ([]payments.Balance, error) {
	all, err := f.journal.List(payments.Filter{})
	if err != nil {
		return nil, err
	}
	var out []payments.Balance
	at := map[identity.PubKey]int{}
	for _, e := range all {
		i, ok := at[e.Peer]
		if !ok {
			i = len(out)
			at[e.Peer] = i
			out = append(out, payments.Balance{Peer: e.Peer, Unit: f.Unit(), Limit: f.limit, Ceiling: payments.MaxValue})
		}
		addTo(&out[i], e)
	}
	for i, b := range out {
		out[i].Net = int64(b.Received) - int64(b.Paid)
		out[i].Left = uint64(max(0, int64(b.Limit)-out[i].Net-int64(b.Expected)))
	}
	return out, nil
}

// balanceOf returns the account with peer; an empty one with all its room where
// there is none.
func (f *Fake) balanceOf(ctx context.Context, peer identity.PubKey) (payments.Balance, error) {
	all, err := f.Balances(ctx)
	for _, b := range all {
		if b.Peer == peer {
			return b, err
		}
	}
	return payments.Balance{Peer: peer, Unit: f.Unit(), Limit: f.limit, Left: f.limit}, err
}

func addTo(b *payments.Balance, e payments.Entry) {
	v := e.Amount.Value
	switch {
	case e.Direction == payments.Out && e.State == payments.StateCaptured:
		b.Paid += v
	case e.Direction == payments.Out && e.State.Open():
		b.Pending += v
	case e.Direction == payments.In && e.State == payments.StateCaptured:
		b.Received += v
	case e.Direction == payments.In && e.State.Open():
		b.Expected += v
	}
}
