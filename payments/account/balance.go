package account

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// balance is the account with peer for people. A Settler adds what it locked.
func (r *Rail) balance(peer identity.PubKey, a account) payments.Balance {
	now := r.clock()
	in, out := a.settled(r.cfg.Net)
	b := payments.Balance{
		Peer: peer, Unit: r.cfg.Unit,
		Paid: a.Paid.Total + a.Paid.Secured, Received: a.Got.Total + a.Got.Secured, Expected: a.Reserved + a.Covered, Covered: a.Covered,
		Net:   int64(a.Got.Total-in) - int64(a.Paid.Total-out),
		Limit: r.cfg.limit(peer, a, now), Ceiling: r.cfg.Ceiling,
		Dispute: a.Paid.Dispute, Exposure: a.Got.Total - in,
		Overdue: a.Got.old(a.Got.Total, in, now.Add(-r.cfg.overdue())), Since: a.Got.since(a.Got.Total, in),
	}
	if !r.cfg.Net {
		b.Settled, b.SettledOut = in+a.Got.Secured, out+a.Paid.Secured
	}
	b.Left = a.room(r.cfg.Net, b.Limit)
	if a.Paid.Pending != nil {
		b.Pending = a.Paid.Pending.Amount
	}
	if b.Dispute == "" {
		b.Dispute = a.Got.Dispute
	}
	return b
}
