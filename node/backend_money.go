package node

import (
	"context"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
)

// moneyBackend shows the journal.
type moneyBackend struct{ n *Node }

var _ api.Money = moneyBackend{}

func (b moneyBackend) Balances(ctx context.Context) ([]api.Balance, error) {
	all, err := b.n.rail.Balances(ctx)
	if err != nil {
		return nil, err
	}
	out := []api.Balance{}
	for _, x := range all {
		out = append(out, api.Balance{
			Rail: b.n.rail.Name(), Peer: x.Peer.String(), Unit: string(x.Unit),
			Paid: x.Paid, Received: x.Received, Held: x.Expected, Unknown: x.Pending, Limit: x.Limit,
		})
	}
	return out, nil
}

func (b moneyBackend) Payments(context.Context) ([]api.Payment, error) {
	entries, err := b.n.rail.Journal().List(payments.Filter{})
	if err != nil {
		return nil, err
	}
	out := []api.Payment{}
	for _, e := range entries {
		memo := e.Memo
		if e.Reason != "" {
			memo += ": " + e.Reason
		}
		out = append(out, api.Payment{
			Ref: string(e.Ref), Rail: e.Rail, Direction: string(e.Direction), Peer: e.Peer.String(),
			Amount: api.Amount{Amount: e.Amount.Value, Unit: string(e.Amount.Unit)},
			State:  string(e.State), Memo: memo, AtMS: e.Updated.UnixMilli(),
		})
	}
	return out, nil
}
