package polygon

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// chainRef names the entry of an operation that moves money of ours.
func chainRef(kind string, id common.Hash, n uint64) payments.Ref {
	return payments.Ref(fmt.Sprintf("%s%s/%s/%d", payments.ClassChain, kind, id, n))
}

// begin writes down the next operation of a channel; what it locks is entered
// as held.
func (r *Rail) begin(tx store.Txn, c *outgoing, kind string, amount uint64, v *voucher) error {
	c.Ops++
	ref := chainRef(kind, c.ID, c.Ops)
	c.Op = &operation{Name: string(ref), Kind: kind, Amount: amount, N: c.Ops, Voucher: v, Since: r.now()}
	if amount > 0 {
		_, err := r.acct.Journal().Put(tx, payments.Entry{
			Direction: payments.Out, Ref: ref, Peer: c.Peer, Amount: r.amount(amount),
			State: payments.StateHeld, Reason: kind + " to be sent",
		})
		if err != nil {
			return err
		}
	}
	return put(tx, outKey(c.ID), *c)
}

// advanceOut takes the operation of a channel we pay through one step further.
// It may be called at any time and any number of times.
func (r *Rail) advanceOut(ctx context.Context, id common.Hash) error {
	c, err := r.out(id)
	if err != nil || c.Op == nil {
		return err
	}
	op := *c.Op
	st, err := r.l.done(ctx, op.Name)
	if err != nil {
		return err
	}
	switch st {
	case outcomeNone:
		return r.l.do(ctx, op.Name, callOf(c))
	case outcomePending:
		return nil
	case outcomeFinal, outcomeFailed:
		on, err := r.l.channel(ctx, id, c.Terms)
		if err != nil && !errors.Is(err, ErrNoChannel) {
			return err
		}
		// Anyone may bring a consent or a close to the contract: ours fails where
		// somebody was quicker, and it is done all the same.
		if st == outcomeFailed && (err != nil || !op.shows(on, c.Deposit)) {
			return r.failed(c)
		}
		if err != nil {
			return nil // the endpoints are not as far as the sender was
		}
		return r.enterOut(id, on)
	}
	return nil
}

func callOf(c outgoing) call {
	k := call{Kind: c.Op.Kind, ID: c.ID, Terms: c.Terms, Amount: c.Op.Amount, N: c.Op.N, Since: c.Op.Since}
	if c.Op.Voucher != nil {
		k.Rows = []claim{{ID: c.ID, Terms: c.Terms, Voucher: *c.Op.Voucher}}
	}
	return k
}

// shows reports whether on is what the chain is like after the operation.
func (o operation) shows(on onChain, deposit uint64) bool {
	switch o.Kind {
	case opOpen, opTopUp:
		return on.Ended || on.Balance >= deposit
	case opClose:
		return on.Ended || !on.CloseAt.IsZero()
	case opFinish, opAgreed:
		return on.Ended
	}
	return false
}

// enterOut takes over what the chain says of a channel we pay through.
func (r *Rail) enterOut(id common.Hash, on onChain) error {
	return r.s.Update(func(tx store.Txn) error {
		c, err := loadOut(tx, id)
		if err != nil || c.State.ended() {
			return err
		}
		before := c.Balance
		c.Claimed, c.CloseAt, c.Seen = max(c.Claimed, on.Claimed), on.CloseAt, on.At
		if !on.Ended {
			c.Balance = max(c.Balance, on.Balance)
		}
		if c.Op != nil && c.Op.shows(on, c.Deposit) {
			if err := r.opDone(tx, c, payments.StateCaptured, "final on the chain"); err != nil {
				return err
			}
			c.Op = nil
		}
		switch {
		case on.Ended:
			return r.endOut(tx, c, before)
		case !on.CloseAt.IsZero() && c.State != StateClosing:
			c.State = StateClosing
		case c.State == StateOpening:
			c.State = StateOpen
		}
		if err := r.proven(tx, &c); err != nil {
			return err
		}
		return put(tx, outKey(id), c)
	})
}

// proven settles a voucher in doubt that the chain has paid.
func (r *Rail) proven(tx store.Txn, c *outgoing) error {
	if !c.unsettled() || c.Claimed < c.Last.Cum {
		return nil
	}
	c.Acked = true
	if err := r.voucherDone(tx, *c, payments.StateCaptured, "redeemed on the chain"); err != nil {
		return err
	}
	return r.acct.SettledOut(tx, c.Peer, c.Last.Total, r.clock())
}

// endOut enters that the contract holds nothing more of a channel: what was not
// claimed has come back, and a voucher that was not redeemed is worth nothing.
func (r *Rail) endOut(tx store.Txn, c outgoing, before uint64) error {
	if err := r.proven(tx, &c); err != nil {
		return err
	}
	if c.unsettled() {
		if err := r.voucherDone(tx, c, payments.StateReleased, "the channel ended without it"); err != nil {
			return err
		}
	}
	c.State, c.Balance = StateClosed, max(before, c.Balance)
	if back := c.Balance - min(c.Balance, c.Claimed); back > 0 {
		_, err := r.acct.Journal().Put(tx, payments.Entry{
			Direction: payments.In, Ref: chainRef("refund", c.ID, 1), Peer: c.Peer, Amount: r.amount(back),
			State: payments.StateCaptured, Reason: "the rest of a closed channel came back",
		})
		if err != nil {
			return err
		}
	}
	if now, ok, err := current(tx, c.Peer); err != nil {
		return err
	} else if ok && now.ID == c.ID {
		if err := tx.Delete(nowKey(c.Peer)); err != nil {
			return err
		}
	}
	return put(tx, outKey(c.ID), c)
}

func (r *Rail) voucherDone(tx store.Txn, c outgoing, to payments.State, why string) error {
	e, err := r.acct.Journal().Get(tx, payments.Out, c.Peer, settleRef(c.ID, c.Last.Cum))
	if err != nil {
		return err
	}
	e.State, e.Reason = to, why
	_, err = r.acct.Journal().Put(tx, e)
	return err
}

// opDone enters the outcome of the operation under way.
func (r *Rail) opDone(tx store.Txn, c outgoing, to payments.State, why string) error {
	if c.Op.Amount == 0 {
		return nil
	}
	e, err := r.acct.Journal().Get(tx, payments.Out, c.Peer, payments.Ref(c.Op.Name))
	if err != nil {
		return err
	}
	e.State, e.Reason = to, why
	_, err = r.acct.Journal().Put(tx, e)
	return err
}

// failed enters that an operation certainly did nothing.
func (r *Rail) failed(c outgoing) error {
	name := c.Op.Name
	r.log.Warn("polygon: operation failed", "channel", c.ID, "op", name)
	return r.s.Update(func(tx store.Txn) error {
		now, err := loadOut(tx, c.ID)
		if err != nil || now.Op == nil || now.Op.Name != name {
			return err
		}
		if err := r.opDone(tx, now, payments.StateReleased, "failed on the chain"); err != nil {
			return err
		}
		op := *now.Op
		now.Op, now.Reason = nil, op.Kind+" failed on the chain"
		switch op.Kind {
		case opOpen:
			now.State, now.Deposit, now.Seen = StateFailed, 0, r.now()
			if err := tx.Delete(nowKey(now.Peer)); err != nil {
				return err
			}
		case opTopUp:
			now.Deposit -= min(op.Amount, now.Deposit)
		case opClose, opFinish, opAgreed: // closing begins anew, see tend
		}
		return put(tx, outKey(now.ID), now)
	})
}

// adopt looks whether a deposit that failed came about after all, by somebody who
// used our consent while it was good, and takes the channel up to close it.
func (r *Rail) adopt(ctx context.Context, c outgoing) error {
	on, err := r.l.channel(ctx, c.ID, c.Terms)
	if err != nil && !errors.Is(err, ErrNoChannel) {
		return err
	}
	return r.s.Update(func(tx store.Txn) error {
		now, lerr := loadOut(tx, c.ID)
		if lerr != nil || now.State != StateFailed {
			return lerr
		}
		now.Seen = r.now()
		if err == nil && !on.Ended {
			e, err := r.acct.Journal().Get(tx, payments.Out, c.Peer, chainRef(opOpen, c.ID, 1))
			if err != nil {
				return err
			}
			e.State, e.Reason = payments.StateCaptured, "somebody used our consent"
			if _, err := r.acct.Journal().Put(tx, e); err != nil {
				return err
			}
			now.State, now.Deposit, now.Balance = StateStopped, e.Amount.Value, on.Balance
			now.Reason = e.Reason
		}
		return put(tx, outKey(c.ID), now)
	})
}

func (r *Rail) out(id common.Hash) (c outgoing, err error) {
	err = r.s.View(func(tx store.Reader) error {
		c, err = loadOut(tx, id)
		return err
	})
	return c, err
}
