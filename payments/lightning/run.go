package lightning

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/lightning/ln"
)

const (
	// atOnce is how many peers are worked on at the same time.
	atOnce = 8
	// mostWatched is on how many invoices the node is asked to tell of changes.
	mostWatched = 512
)

// retry is when a peer that could not be paid is tried again.
type retry struct {
	at    time.Time
	tries int
}

// noted remembers that something is owed to peer, and wakes Run.
func (r *Rail) noted(peer identity.PubKey) {
	r.mu.Lock()
	if _, ok := r.due[peer]; !ok {
		r.due[peer] = r.clock()
	}
	r.mu.Unlock()
	r.poke()
}

func (r *Rail) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// settled forgets when peer was to be paid.
func (r *Rail) settled(peer identity.PubKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.due, peer)
	delete(r.retries, peer)
}

// tryLater doubles the time until peer is tried again.
func (r *Rail) tryLater(peer identity.PubKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.retries[peer]
	wait := min(r.cfg.Account.Reconcile<<min(t.tries, 8), 10*time.Minute)
	r.retries[peer] = retry{at: r.clock().Add(wait), tries: t.tries + 1}
}

// settleAt is when a debt to peer is to be settled: at once when it is large, or
// half of what the peer gives, so that it never keeps work waiting.
func (r *Rail) settleAt(peer identity.PubKey, debt uint64, o out) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.retries[peer]; ok {
		return t.at
	}
	since, ok := r.due[peer]
	if !ok || debt >= r.cfg.Batch || o.Window != nil || 2*debt >= o.Limit {
		return time.Time{}
	}
	return since.Add(r.cfg.Linger)
}

// next is how long Run may sleep.
func (r *Rail) next() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.cfg.Account.Reconcile
	for _, since := range r.due {
		if wait := since.Add(r.cfg.Linger).Sub(r.clock()); wait > 0 {
			d = min(d, wait)
		}
	}
	return d
}

// Run implements payments.Rail. It looks at what is written down and asks the
// node; what the node tells by itself only makes it look sooner.
func (r *Rail) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	c := crew{r: r, g: g, slots: make(chan struct{}, atOnce), busy: map[any]bool{}}
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
}

func (c *crew) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	swept := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.r.wake:
		case <-timer.C:
		}
		if now := c.r.clock(); now.Sub(swept) >= c.r.cfg.Account.Reconcile {
			swept = now
			c.start(ctx, "sweep", func(ctx context.Context) error { _, err := c.r.acc.Sweep(ctx); return err })
		}
		tasks, err := c.r.tasks(ctx, false)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("lightning: %w", err)
		}
		for _, t := range tasks {
			c.start(ctx, t.lane, t.run)
		}
		if err := c.watch(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("lightning: %w", err)
		}
		timer.Reset(c.r.next())
	}
}

// start runs a task unless the same is running already. Its errors are logged:
// the next pass meets them again.
func (c *crew) start(ctx context.Context, key any, run func(context.Context) error) {
	if !c.enter(key) {
		return
	}
	c.g.Go(func() error {
		defer c.leave(key)
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
	if c.busy[key] || len(c.busy) >= mostWatched+2*atOnce+1000 {
		return false
	}
	c.busy[key] = true
	return true
}

func (c *crew) leave(key any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, key)
}

// watch asks the node to tell of every invoice that is open, those of an earlier
// run too. It is a hint: who hears nothing looks at the next pass.
func (c *crew) watch(ctx context.Context) error {
	peers, err := c.r.peers(inPrefix)
	if err != nil {
		return err
	}
	n := 0
	for _, peer := range peers {
		i, err := c.r.in(peer)
		if err != nil {
			return err
		}
		var hashes []wire.ID
		if i.Window != nil {
			hashes = append(hashes, i.Window.Hash)
		}
		for _, h := range i.Holds {
			if h.Phase == open || h.Phase == accepted {
				hashes = append(hashes, h.Hash)
			}
		}
		for _, hash := range hashes {
			if n++; n > mostWatched {
				return nil
			}
			c.subscribe(ctx, hash)
		}
	}
	return nil
}

// subscribe wakes Run at each change of an invoice, until it is final or the
// connection breaks; the next pass begins anew where that is needed.
func (c *crew) subscribe(ctx context.Context, hash wire.ID) {
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
			c.r.poke()
		})
		if err != nil && ctx.Err() == nil {
			c.r.log.Debug("lightning: not told of an invoice", "hash", hash.String(), "err", err)
		}
		return nil
	})
}

func (l lane) String() string { return string(l.dir) + " " + l.peer.Short() }
