package account

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// atOnce is how many peers are asked at the same time.
const atOnce = 8

// Run implements payments.Rail. It looks at the state of the journal and never
// at what happened: whatever was missed, the next look finds it.
func (r *Rail) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Reconcile)
	defer tick.Stop()
	for {
		rep, err := r.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reconcile %s: %w", r.cfg.Name, err)
		case rep.Settled+rep.Open+rep.Waived > 0:
			r.log.Info("payments reconciled", "settled", rep.Settled, "open", rep.Open, "waived", rep.Waived)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep makes one pass over what is open: it sends every note in flight again, and waives
// what was expected for longer than Config.ExpectFor. Its error is the store's;
// a peer that does not answer is counted in Open.
func (r *Rail) Sweep(ctx context.Context) (payments.Report, error) {
	open, err := r.journal.List(payments.Filter{Open: true})
	if err != nil {
		return payments.Report{}, err
	}
	var settled, left atomic.Int64
	waived := 0
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	late := r.clock().Add(-r.cfg.ExpectFor)
	flight := map[identity.PubKey]int64{} // payments of the one note in flight to a peer
	for _, e := range open {
		if e.Ref.Class() != "" || e.Secured != "" {
			continue // the settler's to watch
		}
		if e.Direction == payments.In {
			if e.Updated.Before(late) {
				// It may have been captured since the list was made.
				err := r.Waive(ctx, e.Peer, e.Ref, "not paid in time")
				switch {
				case err == nil:
					waived++
				case !errors.Is(err, payments.ErrTransition):
					return payments.Report{}, errors.Join(err, g.Wait())
				}
			}
			continue
		}
		flight[e.Peer]++
	}
	for peer, n := range flight {
		g.Go(func() error {
			done, err := r.resend(gctx, peer)
			if done {
				settled.Add(n)
			} else {
				left.Add(n)
			}
			return err
		})
	}
	err = g.Wait()
	return payments.Report{Rail: r.cfg.Name, Entries: len(open), Settled: int(settled.Load()), Open: int(left.Load()), Waived: waived}, err
}

// resend settles the note in flight to peer and reports whether its outcome is
// certain.
func (r *Rail) resend(ctx context.Context, peer identity.PubKey) (bool, error) {
	unlock, err := r.paying.lock(ctx, peer)
	if err != nil {
		return false, nil
	}
	defer unlock()
	p, err := r.pendingTo(peer)
	if err != nil || p == nil {
		return err == nil, err
	}
	_, err = r.settle(ctx, peer, *p, nil)
	return payments.OutcomeOf(err) != payments.OutcomeUnknown, nil
}
