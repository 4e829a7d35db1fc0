package polygon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Redeem fetches now what vouchers promise, however little it is worth beside
// its gas, because a person asks.
func (r *Rail) Redeem(ctx context.Context) error {
	return r.redeem(ctx, func(incoming, uint64) bool { return true })
}

// redeemLast begins to redeem before the node stands still: what is left could
// be gone when it comes back. It ends when the transactions are sent; they go on
// alone, and the next start looks what became of them.
func (r *Rail) redeemLast(ctx context.Context) error {
	err := r.redeem(ctx, func(c incoming, cost uint64) bool {
		return r.worth(c, cost) || c.unclaimed()/max(cost, 1) >= r.cfg.LastFactor
	})
	return errors.Join(err, r.l.step(ctx))
}

// redeem looks after every channel that pays us: takes over what the chain says
// of those under way, and begins to redeem where that is due at the cost of
// redeeming one.
func (r *Rail) redeem(ctx context.Context, due func(c incoming, cost uint64) bool) error {
	unlock, err := r.redeeming.lock(ctx, struct{}{})
	if err != nil {
		return err
	}
	defer unlock()
	list, err := r.incomings()
	if err != nil {
		return err
	}
	if err := r.advanceIn(ctx, list); err != nil {
		return err
	}
	if list, err = r.incomings(); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c incoming) bool { return c.Op != nil || c.unclaimed() == 0 })
	if len(list) == 0 {
		return nil
	}
	cost, err := r.l.cost(ctx, 1)
	if err != nil {
		return err
	}
	// The dearest first: gas has a ceiling of its own, and small change of many
	// strangers must not use it up.
	slices.SortStableFunc(list, func(a, b incoming) int { return cmp.Compare(b.unclaimed(), a.unclaimed()) })
	var rows []claim
	for _, c := range list {
		if due(c, cost) {
			rows = append(rows, claim{ID: c.ID, Terms: c.Terms, Voucher: c.Last})
		}
	}
	var bad []error
	for len(rows) > 0 {
		n := min(len(rows), r.cfg.Batch)
		bad = append(bad, r.redeemBatch(ctx, rows[:n]))
		rows = rows[n:]
	}
	return errors.Join(bad...)
}

// worth decides by worth, age and danger; cost is that of redeeming one channel.
func (r *Rail) worth(c incoming, cost uint64) bool {
	sum := c.unclaimed()
	switch {
	case sum <= cost:
		return false // the gas would eat it; it stays promised
	case c.State == StateClosing, r.hinted(c.ID):
		return true
	case sum/max(cost, 1) >= r.cfg.GasFactor:
		return true
	}
	quarter := time.Duration(c.Terms.Delay) * time.Second / 4
	return !c.First.IsZero() && r.clock().Sub(c.First) >= quarter
}

// redeemBatch writes down and sends one transaction for rows, without those
// that the contract would skip.
func (r *Rail) redeemBatch(ctx context.Context, rows []claim) error {
	rows, err := r.l.sound(ctx, rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	name := ""
	err = r.s.Update(func(tx store.Txn) error {
		list := make([]incoming, 0, len(rows))
		h := sha256.New()
		for _, row := range rows {
			c, err := loadIn(tx, row.ID)
			if err != nil {
				return err
			}
			if c.Op != nil || c.State.ended() {
				return fmt.Errorf("channel %s moved meanwhile", c.ID)
			}
			c.Ops++
			// The count is in the name: the same vouchers after a transaction that
			// failed are another one, and what is done under a name is done once.
			fmt.Fprintf(h, "%s %d %d\n", row.ID, c.Ops, row.Voucher.Cum)
			list = append(list, c)
		}
		name = payments.ClassChain + opRedeem + "/" + hex.EncodeToString(h.Sum(nil)[:16])
		for i, c := range list {
			c.Op = &operation{Name: name, Kind: opRedeem, N: c.Ops, Voucher: &rows[i].Voucher, Since: r.now()}
			if err := put(tx, inKey(c.ID), c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.log.Info("polygon: redeeming", "channels", len(rows), "op", name)
	return r.l.do(ctx, name, call{Kind: opRedeem, Rows: rows})
}

// advanceIn takes the redeeming under way one step further, and looks again at
// channels whose close was seen.
func (r *Rail) advanceIn(ctx context.Context, list []incoming) error {
	batches := map[string][]claim{}
	for _, c := range list {
		if c.Op != nil {
			batches[c.Op.Name] = append(batches[c.Op.Name], claim{ID: c.ID, Terms: c.Terms, Voucher: *c.Op.Voucher})
		}
	}
	var bad []error
	for name, rows := range batches {
		st, err := r.l.done(ctx, name)
		switch {
		case err != nil:
		case st == outcomeNone:
			err = r.l.do(ctx, name, call{Kind: opRedeem, Rows: rows})
		case st == outcomeFinal || st == outcomeFailed:
			for _, row := range rows {
				err = errors.Join(err, r.refresh(ctx, row.ID, name))
			}
		}
		bad = append(bad, err)
	}
	for _, c := range list {
		if c.Op == nil && !c.State.ended() && r.stale(c.Seen) {
			bad = append(bad, r.refresh(ctx, c.ID, ""))
		}
	}
	return errors.Join(bad...)
}

// idle is how many times Config.StateAge a channel is let be when nothing points
// to a change: the events tell of closes, and an endpoint is asked for many.
const idle = 40

func (r *Rail) stale(seen time.Time) bool { return r.clock().Sub(seen) >= idle*r.cfg.StateAge }

// refresh takes over what the chain says of a channel that pays us; where done
// names its operation, that is over.
func (r *Rail) refresh(ctx context.Context, id common.Hash, done string) error {
	c, err := r.in(id)
	if err != nil {
		return err
	}
	on, err := r.l.channel(ctx, id, c.Terms)
	if err != nil {
		return err
	}
	return r.s.Update(func(tx store.Txn) error {
		c, err := loadIn(tx, id)
		if err != nil {
			return err
		}
		if err := r.enterIn(tx, &c, on); err != nil {
			return err
		}
		if c.Op != nil && c.Op.Name == done {
			c.Op = nil
		}
		return put(tx, inKey(id), c)
	})
}

// enterIn takes over what the chain says, and enters in the journal what was
// paid out, and what never will be.
func (r *Rail) enterIn(tx store.Txn, c *incoming, on onChain) error {
	if c.State.ended() {
		return nil
	}
	before := c.Claimed
	c.enter(on)
	if c.Lost > 0 {
		r.log.Error("polygon: a channel ended before its last voucher was redeemed; the rest went back to the payer",
			"peer", c.Peer.Short(), "channel", c.ID, "lost", r.amount(c.Lost).Human())
	}
	if c.Claimed > before {
		_, err := r.acct.Journal().Put(tx, payments.Entry{
			Direction: payments.In, Ref: chainRef(opRedeem, c.ID, c.Claimed), Peer: c.Peer,
			Amount: r.amount(c.Claimed - before), State: payments.StateCaptured, Reason: "paid out by the contract",
		})
		if err != nil {
			return err
		}
		c.First = r.now()
	}
	return nil
}

func (r *Rail) in(id common.Hash) (c incoming, err error) {
	err = r.s.View(func(tx store.Reader) error {
		c, err = loadIn(tx, id)
		return err
	})
	return c, err
}

func (r *Rail) incomings() (list []incoming, err error) {
	err = r.s.View(func(tx store.Reader) error {
		list, err = all[incoming](tx, inPrefix)
		return err
	})
	return list, err
}

// closingFrom reports whether a channel through which peer pays us is being
// closed while no other is open.
func (r *Rail) closingFrom(peer identity.PubKey) (bool, error) {
	closing, open := false, false
	var list []incoming
	err := r.s.View(func(tx store.Reader) (err error) {
		list, err = incomingFrom(tx, peer)
		return err
	})
	for _, c := range list {
		open = open || c.State == StateOpen && !c.Agreed && !r.hinted(c.ID)
		closing = closing || c.State == StateClosing || c.State == StateOpen && (c.Agreed || r.hinted(c.ID))
	}
	return closing && !open, err
}
