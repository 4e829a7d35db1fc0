package polygon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// The kinds of Difference that this rail adds to those of package payments.
const (
	// KindVoucher: a voucher has no countersignature yet.
	KindVoucher = "voucher"
	// KindChain: the chain cannot be read, or the endpoints disagree.
	KindChain = "chain"
	// KindOverclaimed: more was redeemed than we signed for: the voucher key is
	// known to somebody else.
	KindOverclaimed = "overclaimed"
	// KindLost: a channel ended before an accepted voucher was redeemed.
	KindLost = "lost"
	// KindSlow: an operation on the chain is not final for long.
	KindSlow = "slow"
	// KindRoom: a debt has no channel with room, or no ceiling to be paid under.
	KindRoom = "room"
)

// Reconcile implements payments.Reconciler: it takes every note, voucher and
// operation as far as it goes now, and then compares the notes, the channels and
// the chain.
func (r *Rail) Reconcile(ctx context.Context) (payments.Report, error) {
	from := r.clock()
	rep, err := r.acct.Sweep(ctx)
	rep.Rail = Name
	if err != nil {
		return rep, err
	}
	// The sender and the watchers first: what they find the pass enters.
	steps := []error{r.l.step(ctx), r.catchUp(ctx), r.pass(ctx)}
	if ctx.Err() != nil {
		return rep, ctx.Err()
	}
	if err := errors.Join(steps...); err != nil {
		rep.Differences = append(rep.Differences, payments.Difference{
			Kind: KindChain, What: clip(err.Error()), Certain: "the records of this node",
			Doing:  "tried again at the next pass; no new work is taken while the chain cannot be read",
			Amount: r.amount(0),
		})
	}
	if err := r.Check(ctx); err != nil {
		rep.Differences = append(rep.Differences, payments.Difference{
			Kind: payments.KindBooks, What: clip(err.Error()), Certain: "the signed notes and vouchers",
			Doing: "nothing; a person has to look", Amount: r.amount(0),
		})
	}
	if err := r.compare(ctx, &rep); err != nil {
		return rep, err
	}
	rep.Took = r.clock().Sub(from)
	return rep, nil
}

// compare adds what does not agree.
func (r *Rail) compare(ctx context.Context, rep *payments.Report) error {
	outs, err := r.outgoings()
	if err != nil {
		return err
	}
	ins, err := r.incomings()
	if err != nil {
		return err
	}
	rep.Entries += len(outs) + len(ins)
	for _, c := range outs {
		rep.Differences = append(rep.Differences, r.doubts(c)...)
	}
	for _, c := range ins {
		if c.Lost > 0 {
			rep.Differences = append(rep.Differences, payments.Difference{
				Peer: c.Peer, Kind: KindLost, Amount: r.amount(c.Lost),
				What:    fmt.Sprintf("channel %s ended with %s redeemed of %s accepted", c.ID, r.amount(c.Claimed).Human(), r.amount(c.Last.Cum).Human()),
				Certain: "the rest went back to the payer", Doing: "nothing; it is lost",
			})
		}
		rep.Differences = append(rep.Differences, r.slow(c.show(), c.Op)...)
	}
	owing, _, err := r.acct.Debts(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range owing {
		if why := r.trouble[d.Peer]; d.Total > d.Settled && why != "" {
			rep.Differences = append(rep.Differences, payments.Difference{
				Peer: d.Peer, Kind: KindRoom, Amount: r.amount(d.Total - d.Settled), What: why,
				Certain: "it is owed and no voucher for it is out", Doing: "tried again at the next pass",
			})
		}
	}
	return nil
}

// doubts is what is not certain of a channel we pay through.
func (r *Rail) doubts(c outgoing) []payments.Difference {
	out := r.slow(c.show(), c.Op)
	if c.Claimed > c.Last.Cum {
		out = append(out, payments.Difference{
			Peer: c.Peer, Kind: KindOverclaimed, Amount: r.amount(c.Claimed - c.Last.Cum),
			What:    fmt.Sprintf("channel %s: %s redeemed, %s signed for in our books", c.ID, r.amount(c.Claimed).Human(), r.amount(c.Last.Cum).Human()),
			Certain: "the contract checked a signature of our voucher key",
			Doing:   "nothing; take the voucher key out of use, or the store back from an old copy",
		})
	}
	if c.unsettled() && !c.State.ended() {
		out = append(out, payments.Difference{
			Ref: settleRef(c.ID, c.Last.Cum), Peer: c.Peer, Kind: KindVoucher, Amount: r.amount(c.Last.Cum - min(c.Claimed, c.Last.Cum)),
			What:    fmt.Sprintf("voucher of %s without a countersignature", r.amount(c.Last.Cum).Human()),
			Certain: "the payee gets no more than that out of the channel",
			Doing:   "shown to the payee again; decided by the chain at the latest when the channel ends",
		})
	}
	return out
}

func (r *Rail) slow(c Channel, op *operation) []payments.Difference {
	if op == nil || r.clock().Sub(op.Since) < r.cfg.OpenWithin {
		return nil
	}
	return []payments.Difference{{
		Ref: payments.Ref(op.Name), Peer: c.Peer, Kind: KindSlow, Amount: r.amount(op.Amount),
		What:    fmt.Sprintf("%s of channel %s is not final for %s", op.Kind, c.ID, r.clock().Sub(op.Since).Round(time.Second)),
		Certain: "it happens once or not at all", Doing: "waiting for the chain; see the sender for its fees",
	}}
}

// Check compares notes, channels and journal of this node and returns ErrBooks
// for each that does not add up. It is exact and reads all entries.
func (r *Rail) Check(ctx context.Context) error {
	bad := []error{r.acct.Check(ctx)}
	bad = append(bad, r.s.View(func(tx store.Reader) error {
		outs, err := all[outgoing](tx, outPrefix)
		if err != nil {
			return err
		}
		ins, err := all[incoming](tx, inPrefix)
		if err != nil {
			return err
		}
		var bad []error
		for _, c := range outs {
			bad = append(bad, r.checkOut(tx, c))
		}
		for _, c := range ins {
			bad = append(bad, r.checkIn(tx, c))
		}
		return errors.Join(bad...)
	}))
	return errors.Join(bad...)
}

// checkOut adds the vouchers of a channel up, and its deposits.
func (r *Rail) checkOut(tx store.Reader, c outgoing) error {
	good, open, gone, err := r.sum(tx, payments.Out, payments.ClassSettle+c.ID.Hex()+"/")
	if err != nil {
		return err
	}
	deposits := uint64(0)
	for _, kind := range []string{opOpen, opTopUp} {
		done, under, _, err := r.sum(tx, payments.Out, payments.ClassChain+kind+"/"+c.ID.Hex()+"/")
		if err != nil {
			return err
		}
		deposits += done + under
	}
	switch {
	case good+open+gone != c.Last.Cum:
		return fmt.Errorf("channel %s: vouchers of %d, entries of %d: %w", c.ID, c.Last.Cum, good+open+gone, ErrBooks)
	case (open > 0) != (c.unsettled() && !c.State.ended()):
		return fmt.Errorf("channel %s: %d in doubt, answered %t: %w", c.ID, open, c.Acked, ErrBooks)
	case deposits != c.Deposit:
		return fmt.Errorf("channel %s: deposit of %d, entries of %d: %w", c.ID, c.Deposit, deposits, ErrBooks)
	case c.State == StateOpen && c.Last.Cum > c.Balance:
		return fmt.Errorf("channel %s: voucher of %d over the deposit of %d: %w", c.ID, c.Last.Cum, c.Balance, ErrBooks)
	}
	return nil
}

func (r *Rail) checkIn(tx store.Reader, c incoming) error {
	good, _, _, err := r.sum(tx, payments.In, payments.ClassSettle+c.ID.Hex()+"/")
	if err != nil {
		return err
	}
	paid, _, _, err := r.sum(tx, payments.In, payments.ClassChain+opRedeem+"/"+c.ID.Hex()+"/")
	switch {
	case err != nil:
		return err
	case good+c.Before != c.Last.Cum:
		return fmt.Errorf("channel %s: accepted %d, entries of %d: %w", c.ID, c.Last.Cum, good+c.Before, ErrBooks)
	case paid+c.Before != c.Claimed:
		return fmt.Errorf("channel %s: redeemed %d, entries of %d: %w", c.ID, c.Claimed, paid+c.Before, ErrBooks)
	}
	return nil
}

// sum adds up the entries whose refs begin so: captured, open and released.
func (r *Rail) sum(tx store.Reader, d payments.Direction, prefix string) (good, open, gone uint64, err error) {
	err = r.acct.Journal().Each(tx, payments.Filter{Direction: d, Prefix: prefix}, func(e payments.Entry) error {
		switch {
		case e.State == payments.StateCaptured:
			good += e.Amount.Value
		case e.State.Open():
			open += e.Amount.Value
		default:
			gone += e.Amount.Value
		}
		return nil
	})
	return good, open, gone, err
}
