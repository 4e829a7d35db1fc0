package lightning

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
)

const (
	// atOnce is how many peers are worked on at the same time.
	atOnce = 8
	// mostBusy bounds the goroutines of Run, of which one is for each invoice that
	// the node is asked to tell of and one for each peer that is worked on.
	mostBusy = 2048
)

// due is since when something is owed, and how often that was said.
type due struct {
	since time.Time
	said  uint64
}

// retry is when a peer that could not be paid is tried again.
type retry struct {
	at    time.Time
	tries int
}

// noted remembers that something is owed to peer, and wakes Run.
func (r *Rail) noted(peer identity.PubKey) {
	r.mu.Lock()
	d, ok := r.due[peer]
	if !ok {
		d.since = r.clock()
	}
	d.said++
	r.due[peer] = d
	r.hot[lane{payments.Out, peer}] = true
	r.mu.Unlock()
	r.poke()
}

// hint has Run look at what is under way from peer.
func (r *Rail) hint(peer identity.PubKey) {
	r.mu.Lock()
	r.hot[lane{payments.In, peer}] = true
	r.mu.Unlock()
	r.poke()
}

func (r *Rail) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// hotLanes are those of which something was heard since they were last asked
// for, and those whose linger is over.
func (r *Rail) hotLanes() map[lane]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	hot := r.hot
	r.hot = map[lane]bool{}
	for peer, d := range r.due {
		if !r.clock().Before(r.turn(peer, d)) {
			hot[lane{payments.Out, peer}] = true
		}
	}
	return hot
}

// turn is when peer is paid at the latest, or tried again. The caller has the
// lock.
func (r *Rail) turn(peer identity.PubKey, d due) time.Time {
	if t, failed := r.retries[peer]; failed {
		return t.at
	}
	return d.since.Add(r.cfg.Linger)
}

// seen is what was said of a debt to peer until now, for settled.
func (r *Rail) seen(peer identity.PubKey) due {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due[peer]
}

// settled forgets that peer was to be paid, unless more was noted since seen: a
// window that was begun before pays none of it.
func (r *Rail) settled(peer identity.PubKey, seen due) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.retries, peer)
	if d, ok := r.due[peer]; ok && d.said != seen.said {
		r.due[peer] = due{since: r.clock(), said: d.said}
		r.hot[lane{payments.Out, peer}] = true
		r.poke()
		return
	}
	delete(r.due, peer)
}

// tryLater doubles the time until peer is tried again, which is first first.
func (r *Rail) tryLater(peer identity.PubKey, first time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.retries[peer]
	wait := min(first<<min(t.tries, 8), 10*time.Minute)
	r.retries[peer] = retry{at: r.clock().Add(wait), tries: t.tries + 1}
	r.poke() // Run sleeps no longer than that
}

// settleAt is when a debt to peer is to be settled: at once when it is large, or
// half of what the peer gives, so that it never keeps work waiting.
func (r *Rail) settleAt(peer identity.PubKey, debt uint64, o out) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.retries[peer]; ok {
		return t.at
	}
	d, ok := r.due[peer]
	if !ok || debt >= r.cfg.Batch || o.Window != nil || 2*debt >= o.Limit {
		return time.Time{}
	}
	return d.since.Add(r.cfg.Linger)
}

// next is how long Run may sleep.
func (r *Rail) next() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.cfg.Account.Reconcile
	for peer, owed := range r.due {
		if wait := r.turn(peer, owed).Sub(r.clock()); wait > 0 {
			d = min(d, wait)
		}
	}
	return d
}

// Run implements payments.Rail. It looks at what is written down and asks the
// node; what the node tells by itself only makes it look sooner.
func (r *Rail) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	c := crew{r: r, g: g, slots: make(chan struct{}, atOnce), busy: map[any]bool{}, more: map[any]bool{}}
	g.Go(func() error { return c.loop(gctx) })
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// crew are the goroutines of one Run.
type crew struct {
	r     *Rail
	g     *errgroup.Group
	slots chan struct{}

	mu   sync.Mutex
	busy map[any]bool
	more map[any]bool // of what is busy: what was asked for again meanwhile
}

func (c *crew) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	passed := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.r.wake:
		case <-timer.C:
		}
		hot := c.r.hotLanes()
		if now := c.r.clock(); now.Sub(passed) >= c.r.cfg.Account.Reconcile {
			passed = now
			c.start(ctx, "sweep", func(ctx context.Context) error { _, err := c.r.acc.Sweep(ctx); return err })
			all, err := c.r.lanes(ctx)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("lightning: %w", err)
			}
			hot = all
		}
		for l := range hot {
			c.start(ctx, l, func(ctx context.Context) error { return c.r.work(ctx, l, false) })
			if l.dir == payments.In {
				if err := c.watch(ctx, l.peer); err != nil && ctx.Err() == nil {
					return fmt.Errorf("lightning: %w", err)
				}
			}
		}
		timer.Reset(c.r.next())
	}
}

// start runs a task; where the same is running already it is run once more after
// that, which may be past what it is asked for now. Its errors are logged: the
// next pass meets them again.
func (c *crew) start(ctx context.Context, key any, run func(context.Context) error) {
	if !c.enter(key) {
		return
	}
	c.g.Go(func() error {
		defer func() {
			if c.leave(key) && ctx.Err() == nil {
				c.start(ctx, key, run)
			}
		}()
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
		case <-ctx.Done():
			return nil
		}
		if err := run(ctx); err != nil && ctx.Err() == nil {
			c.r.log.Info("lightning: not done yet", "what", fmt.Sprint(key), "err", err)
		}
		return nil
	})
}

func (c *crew) enter(key any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[key] {
		c.more[key] = true
		return false
	}
	if len(c.busy) >= mostBusy {
		return false
	}
	c.busy[key] = true
	return true
}

// leave tells whether the task was asked for again since enter.
func (c *crew) leave(key any) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	again = c.more[key]
	delete(c.busy, key)
	delete(c.more, key)
	return again
}

// watch asks the node to tell of every invoice to peer that is open, those of an
// earlier run too. It is a hint: who hears nothing looks at the next pass.
func (c *crew) watch(ctx context.Context, peer identity.PubKey) error {
	i, err := c.r.in(peer)
	if err != nil {
		return err
	}
	if i.Window != nil {
		c.subscribe(ctx, peer, i.Window.Hash)
	}
	for _, h := range i.Holds {
		if h.Phase == open || h.Phase == accepted {
			c.subscribe(ctx, peer, h.Hash)
		}
	}
	return nil
}

// subscribe wakes Run at each change of an invoice, until it is final or the
// connection breaks; the next pass begins anew where that is needed.
func (c *crew) subscribe(ctx context.Context, peer identity.PubKey, hash wire.ID) {
	if !c.enter(hash) {
		return
	}
	c.g.Go(func() error {
		defer c.leave(hash)
		first := true
		err := c.r.node.Subscribe(ctx, ln.Hash(hash), func(s ln.InvoiceState) {
			if first && s.State == ln.Open { // as we know it
				first = false
				return
			}
			first = false
			c.r.hint(peer)
		})
		if err != nil && ctx.Err() == nil {
			c.r.log.Debug("lightning: not told of an invoice", "hash", hash.String(), "err", err)
		}
		return nil
	})
}

func (l lane) String() string { return string(l.dir) + " " + l.peer.Short() }
