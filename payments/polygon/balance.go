package polygon

import (
	"context"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Channel is one channel for people and programs; amounts are in millionths of
// a USDC.
type Channel struct {
	ID        common.Hash        `json:"id"`
	Peer      identity.PubKey    `json:"peer"`
	Direction payments.Direction `json:"direction"` // Out: we pay through it
	State     State              `json:"state"`
	Account   common.Address     `json:"account"`  // the other side's
	Wallet    common.Address     `json:"wallet"`   // ours, whose key it takes
	Deposit   uint64             `json:"deposit"`  // in the contract, or on its way
	Final     uint64             `json:"final"`    // of it, in a final block
	Promised  uint64             `json:"promised"` // by the last voucher
	Answered  bool               `json:"answered"` // the payee signed for it
	Redeemed  uint64             `json:"redeemed"` // of it, paid out
	Lost      uint64             `json:"lost"`     // of it, never to be paid out
	Delay     time.Duration      `json:"delay"`    // nanoseconds from a close to its end
	CloseAt   time.Time          `json:"close_at,omitzero"`
	Safe      time.Time          `json:"safe,omitzero"`    // until when what we did not redeem cannot be lost
	Doing     string             `json:"doing,omitempty"`  // on the chain
	Reason    string             `json:"reason,omitempty"` // why it is in this state
	Created   time.Time          `json:"created,omitzero"`
}

// Channels returns all that there are records of, those we pay through first.
func (r *Rail) Channels(context.Context) ([]Channel, error) {
	var out []Channel
	err := r.s.View(func(tx store.Reader) error {
		outs, err := all[outgoing](tx, outPrefix)
		if err != nil {
			return err
		}
		ins, err := all[incoming](tx, inPrefix)
		if err != nil {
			return err
		}
		out = nil
		for _, c := range outs {
			out = append(out, c.show())
		}
		for _, c := range ins {
			out = append(out, c.show())
		}
		return nil
	})
	return out, err
}

func (c outgoing) show() Channel {
	s := Channel{
		ID: c.ID, Peer: c.Peer, Direction: payments.Out, State: c.State, Account: c.Terms.Payee, Wallet: c.Terms.Payer,
		Deposit: c.Deposit, Final: c.Balance, Promised: c.Last.Cum, Answered: !c.unsettled(), Redeemed: c.Claimed,
		Delay: time.Duration(c.Terms.Delay) * time.Second, CloseAt: c.CloseAt, Reason: c.Reason, Created: c.Created,
	}
	if c.Op != nil {
		s.Doing = c.Op.Kind
	}
	return s
}

func (c incoming) show() Channel {
	s := Channel{
		ID: c.ID, Peer: c.Peer, Direction: payments.In, State: c.State, Account: c.Terms.Payer, Wallet: c.Terms.Payee, Safe: c.safe(),
		Deposit: c.Balance, Final: c.Balance, Promised: c.Last.Cum, Answered: true, Redeemed: c.Claimed, Lost: c.Lost,
		Delay: time.Duration(c.Terms.Delay) * time.Second, CloseAt: c.CloseAt,
	}
	if c.Agreed {
		s.Reason = "the close is agreed on"
	}
	if c.Op != nil {
		s.Doing = c.Op.Kind
	}
	return s
}

// Wallet is where the rail's money is.
type Wallet struct {
	Network  string          `json:"network"`
	Account  common.Address  `json:"account"`
	Contract common.Address  `json:"contract"`
	Signer   common.Address  `json:"signer"`
	Held     payments.Amount `json:"held"`       // by the account, at a final block
	Locked   payments.Amount `json:"locked"`     // in our channels, promised to nobody
	Promised payments.Amount `json:"promised"`   // by vouchers of ours not redeemed yet
	Due      payments.Amount `json:"due"`        // by vouchers to us not redeemed yet
	Left     payments.Amount `json:"left_today"` // under the ceiling
}

// Wallet asks the chain what the account holds and adds up the channels.
func (r *Rail) Wallet(ctx context.Context) (Wallet, error) {
	p := r.l.place()
	w := Wallet{Network: p.Network, Account: p.Wallet, Contract: p.Contract, Signer: p.Signer}
	var locked, promised, due uint64
	err := r.s.View(func(tx store.Reader) error {
		locked, promised, due = 0, 0, 0
		outs, err := all[outgoing](tx, outPrefix)
		for _, c := range outs {
			locked += c.locked()
			if !c.State.ended() {
				promised += c.Last.Cum - min(c.Last.Cum, c.Claimed)
			}
		}
		if err != nil {
			return err
		}
		ins, err := all[incoming](tx, inPrefix)
		for _, c := range ins {
			due += c.unclaimed()
		}
		return err
	})
	if err != nil {
		return w, err
	}
	if w.Left, err = r.ceiling.Left(ctx); err != nil {
		return w, err
	}
	w.Locked, w.Promised, w.Due = r.amount(locked), r.amount(promised), r.amount(due)
	held, err := r.l.held(ctx)
	w.Held = r.amount(held)
	return w, err
}

// CheckContract asks the chain whether the contract is one of channels for the
// token that is paid in; it returns ErrConfig where it is not.
func (r *Rail) CheckContract(ctx context.Context) error { return r.l.check(ctx) }

// Balances implements payments.Rail: the accounts of notes, with what is locked
// in channels. What channels hold is not exposed: a voucher says no more than
// countersigned notes do, and the rest comes back.
func (r *Rail) Balances(ctx context.Context) ([]payments.Balance, error) {
	list, err := r.acct.Balances(ctx)
	if err != nil {
		return nil, err
	}
	outs, err := r.outgoings()
	if err != nil {
		return nil, err
	}
	for _, c := range outs {
		if c.State.ended() {
			continue
		}
		i := slices.IndexFunc(list, func(b payments.Balance) bool { return b.Peer == c.Peer })
		if i < 0 {
			i = len(list)
			list = append(list, payments.Balance{Peer: c.Peer, Unit: r.Unit(), Ceiling: r.cfg.Account.Ceiling})
		}
		list[i].Locked += c.locked()
		if room := c.room(); c.State == StateOpen {
			if list[i].Available != nil {
				room += *list[i].Available
			}
			list[i].Available = &room
		}
	}
	return list, nil
}

func (r *Rail) outgoings() (list []outgoing, err error) {
	err = r.s.View(func(tx store.Reader) error {
		list, err = all[outgoing](tx, outPrefix)
		return err
	})
	return list, err
}
