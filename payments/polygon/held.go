package polygon

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/store"
)

// Held returns the channels in the books of a rail with which money of the node
// stands or falls: those it pays through that have not ended, and those that pay
// it whose vouchers were not redeemed in full. The rail need not run; s is its
// Deps.Store. Channel.Wallet says whose key it takes to get the money.
func Held(s store.Store) (list []Channel, err error) {
	err = s.View(func(tx store.Reader) error {
		list = nil
		outs, err := all[outgoing](tx, outPrefix)
		if err != nil {
			return err
		}
		ins, err := all[incoming](tx, inPrefix)
		for _, c := range outs {
			if !c.State.ended() {
				list = append(list, c.show())
			}
		}
		for _, c := range ins {
			if c.unclaimed() > 0 {
				list = append(list, c.show())
			}
		}
		return err
	})
	return list, err
}

// safe is until when what was promised and not redeemed cannot be lost although
// this node stands still: the payer needs the channel's delay to get its deposit
// back, and had not asked for it when the chain was last looked at. Zero where
// nothing is at stake.
func (c incoming) safe() time.Time {
	switch {
	case c.unclaimed() == 0:
		return time.Time{}
	case !c.CloseAt.IsZero():
		return c.CloseAt
	}
	return c.Seen.Add(time.Duration(c.Terms.Delay) * time.Second)
}

// AtRisk is what vouchers to this node promise and was not redeemed, and what of
// it was lost because a channel ended before.
type AtRisk struct {
	Due   uint64
	Until time.Time // from then on part of Due can be lost if the node stands still; zero where Due is
	Lost  uint64
	Ended []common.Hash // the channels in which that was lost
}

// AtRisk adds it up over all channels that pay this node; amounts are in
// millionths of a USDC.
func (r *Rail) AtRisk() (a AtRisk, err error) {
	list, err := r.incomings()
	for _, c := range list {
		a.Due += c.unclaimed()
		if t := c.safe(); !t.IsZero() && (a.Until.IsZero() || t.Before(a.Until)) {
			a.Until = t
		}
		if a.Lost += c.Lost; c.Lost > 0 {
			a.Ended = append(a.Ended, c.ID)
		}
	}
	return a, err
}
