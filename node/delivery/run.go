package delivery

import (
	"context"
	"sync"
	"time"

	"infernet.tech/infernet/store"
)

const (
	sweepEvery = 10 * time.Minute
	farewell   = 5 * time.Second // to pay what is open when the node stops
	atOnce     = 16              // providers that are settled with at a time
	perUpdate  = 200             // records in one transaction
)

// Run keeps the books until ctx ends: it pays for what was fetched, writes the
// meters down and drops what is long over. What moved is written down before it
// returns, and paid then within a few seconds, or by the next run.
func (s *Service) Run(ctx context.Context) error {
	if err := s.recover(); err != nil {
		return err
	}
	var settling sync.WaitGroup
	places := make(chan struct{}, atOnce)
	flush, sweep := time.NewTicker(s.cfg.Flush), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	for ctx.Err() == nil {
		var err error
		select {
		case <-ctx.Done():
		case <-sweep.C:
			err = s.sweep()
		case <-flush.C:
			err = s.writeDown()
		case <-s.flush:
			err = s.writeDown()
		case <-s.kicks:
			look.Reset(s.settleDue(ctx, &settling, places, false))
		case <-look.C:
			look.Reset(s.settleDue(ctx, &settling, places, false))
		}
		if err != nil {
			s.log.Error("books of delivery", "err", err) // the next round writes the same again, and more
		}
	}
	settling.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	s.settleDue(last, &settling, places, true)
	settling.Wait()
	return s.writeDown()
}

// recover reads what an earlier run left.
func (s *Service) recover() error {
	if err := s.loadPrices(); err != nil {
		return err
	}
	if err := s.loadDay(); err != nil {
		return err
	}
	if err := s.keepLate(); err != nil {
		return err
	}
	var left []*tab
	err := s.d.Store.View(func(r store.Reader) error {
		left = nil
		return r.Scan([]byte(fetchedPrefix), func(k, raw []byte) error {
			t, err := readTab(k, raw)
			if err != nil {
				s.log.Error("delivery: stored account unreadable", "err", err) // others are to be paid
			} else if !t.idle() {
				left = append(left, t)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	for _, t := range left {
		if s.tabs[t.key] == nil {
			s.tabs[t.key] = t
		}
	}
	s.mu.Unlock()
	return s.sweep()
}

// settleDue settles, side by side, what is to be settled now, and returns when
// to look again.
func (s *Service) settleDue(ctx context.Context, wg *sync.WaitGroup, places chan struct{}, all bool) time.Duration {
	next := s.cfg.Flush
	for _, t := range s.allTabs() {
		due, busy := s.due(t, all)
		if busy {
			next = min(next, s.cfg.Pause/2)
		}
		// One that is being dealt with is left to who does: a slow provider
		// holds up nobody else.
		if !due || !t.settling.TryLock() {
			continue
		}
		wg.Go(func() {
			defer t.settling.Unlock()
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-ctx.Done():
				return
			}
			if err := s.settle(ctx, t); err != nil && ctx.Err() == nil {
				s.log.Debug("delivery not settled", "peer", t.key.peer.Short(), "err", err)
			}
			ask(s.kicks) // more may be due by now
		})
	}
	return next
}

// due says whether a tab has a delivery to be stated or gone on with, and
// whether it has one soon.
func (s *Service) due(t *tab, all bool) (due, busy bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	priced := t.key.price > 0
	waited := time.Duration(0)
	for in := range t.flows {
		in.rested(now)
		if !in.waits.IsZero() {
			waited = max(waited, now.Sub(in.waits))
		}
	}
	n := t.unstated()
	if s.d.Now().Before(t.again) && !all {
		return false, false
	}
	busy = priced && len(t.flows) > 0 || t.rec.Open != nil || n > 0
	switch {
	case t.rec.Open != nil:
		return true, busy
	case n == 0:
		return false, busy
	case all:
		return priced, busy // what is free can wait for the next run
	case n >= s.payAt(t):
		return true, busy
	case len(t.flows) == 0:
		return now.Sub(t.moved) >= s.rest(priced), busy
	}
	// A full window of the provider's may be what the reader waits for.
	return priced && (waited >= s.cfg.Pause && n >= 1<<20 || waited >= 8*s.cfg.Pause), busy
}

func (s *Service) rest(priced bool) time.Duration {
	if priced {
		return s.cfg.Rest
	}
	return s.cfg.FreeRest
}

func (s *Service) allTabs() []*tab {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*tab, 0, len(s.tabs))
	for _, t := range s.tabs {
		out = append(out, t)
	}
	return out
}

func (s *Service) allCustomers() []*customer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*customer, 0, len(s.customers))
	for _, c := range s.customers {
		out = append(out, c)
	}
	return out
}
