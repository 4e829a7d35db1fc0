package infer

import (
	"context"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/wire"
)

const (
	journalEvery = time.Second        // usage is written down
	keepLeases   = 7 * 24 * time.Hour // after their end
)

// Run continues what an earlier run left open, journals usage and pays for it
// until ctx ends. What is open then is paid within Config.Farewell, or by the
// next run.
func (r *Router) Run(ctx context.Context) error {
	if err := r.recover(); err != nil {
		return err
	}
	var settling, auditing sync.WaitGroup
	if r.auditor != nil {
		auditing.Go(func() { r.auditor.run(ctx) })
	}
	tick := time.NewTicker(journalEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		r.unlock(ctx)
		r.settleDue(ctx, &settling, false)
		select {
		case <-ctx.Done():
		case <-r.kicks:
		case <-tick.C:
			if err := r.journal(); err != nil {
				r.log.Error("journal usage", "err", err)
			}
		}
	}
	auditing.Wait()
	settling.Wait()
	r.stop() // no new leases from here on
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Farewell)
	defer cancel()
	for _, l := range r.leases() {
		r.retire(l, "the node stops")
	}
	for range 2 { // what is open, and then the lease's end
		r.settleDue(last, &settling, true)
		settling.Wait()
	}
	r.unlock(last)
	r.http.CloseIdleConnections()
	return r.journal()
}

// recover reads the leases of earlier runs. None of them takes requests any
// more; their windows go on, and the last one tells the provider that they end.
func (r *Router) recover() error {
	list, err := r.stored()
	if err != nil {
		return err
	}
	var old []wire.ID
	now := r.now()
	r.book.mu.Lock()
	defer r.book.mu.Unlock()
	for _, c := range list {
		updated := time.Unix(c.Updated, 0)
		if c.over() && now.Sub(updated) > keepLeases {
			old = append(old, c.ID)
			continue
		}
		if r.book.all[c.ID] != nil {
			continue
		}
		l := &lease{record: c, last: updated}
		if c.State == stateOpen {
			l.State, l.Reason, l.dirty = stateDraining, "the node was stopped", true
		}
		// An orderly end closes what it can, so what is still open was killed,
		// or its provider was away: either way the last second may be missing.
		if !c.over() {
			l.Crashed = true
		}
		if now.Sub(updated) < time.Hour {
			r.spent(&c, c.price(c.Total), updated)
		}
		r.book.all[c.ID] = l
		if c.Guilt != nil { // it may not be signed yet
			if err := r.pronounce(c, c.Guilt); err != nil {
				r.log.Error("receipt of a wrong answer", "lease", c.ID.Short(), "err", err)
			}
		}
	}
	return r.forget(old)
}

// leases are all that are not forgotten.
func (r *Router) leases() []*lease {
	r.book.mu.Lock()
	defer r.book.mu.Unlock()
	out := make([]*lease, 0, len(r.book.all))
	for _, l := range r.book.all {
		out = append(out, l)
	}
	return out
}

// settleDue settles, side by side, what is to be settled now.
func (r *Router) settleDue(ctx context.Context, wg *sync.WaitGroup, all bool) {
	now := r.now()
	for _, l := range r.leases() {
		// One that is being dealt with is left to who does; the lock is only
		// tried, so that a slow provider holds up nobody else's window.
		if !r.due(l, now, all) || !l.settling.TryLock() {
			continue
		}
		l.settling.Unlock()
		wg.Go(func() {
			if err := r.settle(ctx, l); err != nil && ctx.Err() == nil {
				r.log.Debug("window not settled", "lease", l.ID.Short(), "provider", l.Provider.Short(), "err", err)
			}
		})
	}
}

// due says whether a lease has a window to be stated or to be gone on with.
func (r *Router) due(l *lease, now time.Time, all bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.State == stateOpen && now.Unix() >= l.Deadline {
		l.State, l.dirty = stateDraining, true
	}
	fresh := sub(l.Total, l.Stated)
	nothing := fresh.In+fresh.Out == 0
	switch {
	case now.Before(l.again) && !all:
		return false
	case l.Open != nil:
		return true
	case l.over() || l.Ended:
		return false
	case !all && l.audits > 0 && now.Sub(l.last) < r.cfg.Audits.Wait:
		return false // what is being looked at is paid after it was
	case l.State == stateDraining && l.active == 0:
		return true // the last window tells the provider that it ends
	case nothing:
		return false
	case all || l.price(l.Total)-l.price(l.Stated) >= r.cfg.payAt(l.Limit):
		return true
	}
	return l.active == 0 && now.Sub(l.last) >= r.cfg.PayIdle
}

// journal writes down what changed since it was written last.
func (r *Router) journal() error {
	var list []record
	var behind []*lease
	now := r.now()
	r.saving <- struct{}{}
	defer func() { <-r.saving }()
	for _, l := range r.leases() {
		l.mu.Lock()
		if l.dirty {
			list, behind = append(list, l.snapshot(now)), append(behind, l)
			l.dirty = false
		}
		l.mu.Unlock()
	}
	if len(list) == 0 {
		return nil
	}
	err := r.save(list...)
	if err != nil {
		for _, l := range behind {
			l.mu.Lock()
			l.dirty = true
			l.mu.Unlock()
		}
	}
	return err
}
