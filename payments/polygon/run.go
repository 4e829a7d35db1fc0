package polygon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/account"
)

// lastly is how long Run may take to redeem once ctx has ended.
const lastly = 8 * time.Second

// Run implements payments.Rail: it settles notes, follows the chain, tops up,
// redeems and closes until ctx ends, and then redeems once more. It also runs
// Deps.Client and Deps.Sender, which nobody else may.
func (r *Rail) Run(ctx context.Context) error {
	if err := r.run(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.lastly)
	defer cancel()
	if err := r.redeemLast(ctx); err != nil {
		a, aerr := r.AtRisk()
		r.log.Warn("polygon: not redeemed before the end", "due", r.amount(a.Due).Human(), "until", a.Until, "err", errors.Join(err, aerr))
	}
	return nil
}

func (r *Rail) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, run := range map[string]func(context.Context) error{
		"chain": r.l.run, "notes": r.acct.Run,
		"settling": r.settleLoop, "tending": r.tendLoop,
	} {
		g.Go(func() error {
			err := run(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("polygon: %s: %w", name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// settleLoop settles with those that Due named.
func (r *Rail) settleLoop(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(r.cfg.AtOnce)
	for {
		select {
		case <-ctx.Done():
			return g.Wait()
		case <-r.waking:
		}
		r.mu.Lock()
		due := r.due
		r.due = map[identity.PubKey]bool{}
		r.mu.Unlock()
		for peer := range due {
			g.Go(func() error {
				r.settleOrSay(ctx, peer)
				return nil
			})
		}
	}
}

// settleOrSay settles with peer, makes room where there is none, and keeps why
// it did not work.
func (r *Rail) settleOrSay(ctx context.Context, peer identity.PubKey) {
	err := r.Settle(ctx, peer)
	if errors.Is(err, ErrNoRoom) && r.limits().Deposit > 0 {
		if err = r.roomOwed(ctx, peer); err == nil {
			err = r.Settle(ctx, peer)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.trouble, peer)
		return
	}
	if ctx.Err() == nil {
		r.trouble[peer] = clip(err.Error())
		r.log.Info("polygon: debt not settled", "peer", peer.Short(), "err", err)
	}
}

// roomOwed does the next thing towards a channel with room for what is owed.
func (r *Rail) roomOwed(ctx context.Context, peer identity.PubKey) error {
	t, err := r.termsOf(ctx, peer)
	if err != nil {
		return err
	}
	_, err = r.stepRoom(ctx, peer, t)
	return err
}

// tendLoop looks at everything from time to time, and when woken.
func (r *Rail) tendLoop(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Reconcile)
	defer tick.Stop()
	for {
		if err := r.pass(ctx); err != nil && ctx.Err() == nil {
			r.log.Info("polygon: pass not complete", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.tending:
		}
	}
}

// pass looks at every channel and debt once and does what is to be done. What
// fails is tried again at the next pass, so one failure keeps nothing else.
func (r *Rail) pass(ctx context.Context) error {
	err := errors.Join(r.tend(ctx), r.introduceAll(ctx), r.redeem(ctx, r.worth), r.report(ctx), r.forget())
	owing, _, derr := r.acct.Debts(ctx)
	if derr != nil {
		return errors.Join(err, derr)
	}
	var g errgroup.Group
	g.SetLimit(r.cfg.AtOnce)
	for _, d := range owing {
		if todo, terr := r.toSettle(d); terr != nil || !todo {
			err = errors.Join(err, terr)
			continue
		}
		g.Go(func() error {
			r.settleOrSay(ctx, d.Peer)
			return nil
		})
	}
	return errors.Join(err, g.Wait())
}

// toSettle reports whether something is owed or a voucher lacks its answer.
func (r *Rail) toSettle(d account.Debt) (bool, error) {
	if d.Total > d.Settled {
		return true, nil
	}
	c, ok, err := r.currentTo(d.Peer)
	return ok && c.unsettled() && c.State == StateOpen, err
}

// tend takes every channel that we pay through a step further.
func (r *Rail) tend(ctx context.Context) error {
	list, err := r.outgoings()
	if err != nil {
		return err
	}
	var bad []error
	for _, c := range list {
		if err := r.tendOne(ctx, c); err != nil {
			bad = append(bad, fmt.Errorf("channel %s: %w", c.ID, err))
		}
	}
	return errors.Join(bad...)
}

func (r *Rail) tendOne(ctx context.Context, c outgoing) error {
	switch {
	case c.State == StateFailed && r.clock().Sub(c.Created) < consentFor+time.Hour && r.stale(c.Seen):
		return r.adopt(ctx, c)
	case c.State.ended():
		return nil
	case c.Op != nil:
		return r.advanceOut(ctx, c.ID)
	}
	if c.State != StateOpen || r.stale(c.Seen) || r.hinted(c.ID) {
		on, err := r.l.channel(ctx, c.ID, c.Terms)
		if err != nil {
			return err
		}
		if err := r.enterOut(c.ID, on); err != nil {
			return err
		}
		if c, err = r.out(c.ID); err != nil || c.State.ended() || c.Op != nil {
			return err
		}
	}
	switch {
	case c.State == StateStopped:
		// Close holds the lock while it asks the payee to agree.
		unlock, err := r.settling.lock(ctx, c.Peer)
		if err != nil {
			return err
		}
		defer unlock()
		return r.beginClose(ctx, c.ID, nil, c.Reason)
	case c.State == StateClosing && !c.CloseAt.IsZero() && r.clock().After(c.CloseAt):
		return r.finish(ctx, c)
	case c.State == StateOpen && c.coming() < r.limits().Deposit/1000*r.cfg.TopUpAt:
		unlock, err := r.funding.lock(ctx, c.Peer)
		if err != nil {
			return err
		}
		defer unlock()
		if deposit := r.limits().Deposit; c.coming() < deposit { // it may have been lowered meanwhile
			return r.topUp(ctx, c, deposit-c.coming())
		}
		return nil
	}
	return nil
}
