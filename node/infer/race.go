package infer

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// errLost is why the slower of two is cancelled.
var errLost = errors.New("another provider was quicker")

// race is the work of getting one answer to begin, from the first of order that
// can.
type race struct {
	r       *Router
	q       *query
	order   []target
	results chan outcome
	running map[int]runner
	started int
	hedged  bool
	failed  []failure
}

// runner is a try under way.
type runner struct {
	t      target
	cancel context.CancelCauseFunc
	slow   time.Time // when it is too slow
}

type outcome struct {
	n int
	t target
	a *answer
	e error
}

// race asks the first of order; the next when it fails; a second beside it when
// it is slow. It returns the answer that began first and who was not asked.
func (r *Router) race(ctx context.Context, q *query, order []target) (*answer, []target, error) {
	c := &race{
		r: r, q: q, order: order, running: map[int]runner{},
		results: make(chan outcome, len(order)),
	}
	defer c.clear()
	most := c.start(ctx)
	slow, late := time.NewTimer(most.hedge), time.NewTimer(most.most)
	defer slow.Stop()
	defer late.Stop()
	for {
		select {
		case o := <-c.results:
			a, next, err := c.take(ctx, o)
			if a != nil || err != nil {
				return a, c.order, err
			}
			if next != nil {
				slow.Reset(next.hedge)
				late.Reset(next.most)
			}
		case <-slow.C:
			if !c.hedged && c.more() {
				c.hedged = true
				late.Reset(c.start(ctx).most)
			}
		case <-late.C:
			for _, one := range c.running {
				one.cancel(errLate)
			}
			return nil, c.order, openai.Upstream("no provider began to answer in time")
		case <-ctx.Done():
			return nil, c.order, context.Cause(ctx)
		}
	}
}

var errLate = errors.New("the provider did not begin to answer in time")

// waits are how long a target is waited for.
type waits struct{ hedge, most time.Duration }

// more says whether another provider may be asked.
func (c *race) more() bool { return len(c.order) > 0 && c.started < c.r.cfg.Tries }

// start asks the next in order.
func (c *race) start(ctx context.Context) waits {
	t := c.order[0]
	c.order = c.order[1:]
	n := c.started
	c.started++
	ctx, cancel := context.WithCancelCause(ctx)
	var w waits
	w.hedge, w.most = c.r.patience(c.q, t)
	c.running[n] = runner{t, cancel, c.r.now().Add(w.hedge)}
	go func() {
		a, err := c.r.try(ctx, c.q, t)
		if err != nil {
			cancel(err)
		}
		c.results <- outcome{n, t, a, err}
	}()
	return w
}

// take deals with one outcome: an answer or an error ends the race.
func (c *race) take(ctx context.Context, o outcome) (*answer, *waits, error) {
	cancel := c.running[o.n].cancel
	delete(c.running, o.n)
	if o.e == nil {
		o.a.release = cancel // the context lives on with the body
		return o.a, nil, nil
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	c.r.blame(o.t, o.e)
	c.r.log.Debug("provider failed", "provider", o.t.peer.Short(), "model", o.t.served.Model, "err", o.e)
	c.failed = append(c.failed, failure{o.t.peer, o.e})
	if len(c.running) > 0 { // who still works is not stopped by what another says
		return nil, nil, nil
	}
	if e, ok := final(o.e); ok {
		return nil, nil, e
	}
	if !c.more() {
		return nil, nil, c.r.all(c.q, c.failed)
	}
	w := c.start(ctx)
	return nil, &w, nil
}

// clear cancels who is still running and sees to it that their answers end.
func (c *race) clear() {
	if len(c.running) == 0 {
		return
	}
	left, now := len(c.running), c.r.now()
	for _, one := range c.running {
		one.cancel(errLost)
		// Nobody hears of its failure otherwise: a provider that never answers
		// would be asked first each time, and paid for each prompt.
		if !now.Before(one.slow) {
			c.r.health.failed(one.t.peer, 1, now)
		}
	}
	go func() {
		for range left {
			if o := <-c.results; o.a != nil {
				o.a.drop(errLost)
			}
		}
	}()
}
