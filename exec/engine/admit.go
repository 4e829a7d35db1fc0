package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/exec/gpu"
)

// cards is a lease of GPUs, or nil for none.
type cards struct{ *gpu.Lease }

func (c cards) ids() []string {
	if c.Lease == nil {
		return nil
	}
	return c.IDs()
}

func (c cards) release(ctx context.Context) error {
	if c.Lease == nil {
		return nil
	}
	return c.Release(ctx)
}

// admit reserves what the engine needs, evicting idle ones where somebody
// waits for this one. Errors: errUnwanted, gpu.ErrNoGPU, that of ctx.
func (p *Pool) admit(ctx context.Context, e *engine) (cards, error) {
	p.mu.Lock()
	e.set(Queued)
	e.leave = false
	p.lobby = append(p.lobby, e)
	p.mu.Unlock()
	err := p.reserve(ctx, e)
	p.mu.Lock()
	p.lobby = slices.DeleteFunc(p.lobby, func(o *engine) bool { return o == e })
	p.notify()
	spec := e.spec
	p.mu.Unlock()
	if err != nil || spec.GPUs.None() {
		return cards{}, err
	}
	lease, err := p.lend(ctx, e, spec)
	if err != nil {
		p.mu.Lock()
		p.used -= e.reserved
		e.reserved = 0
		p.notify()
		p.mu.Unlock()
	}
	return cards{lease}, err
}

// reserve takes the engine's memory from the budget when it is its turn.
func (p *Pool) reserve(ctx context.Context, e *engine) error {
	patience := time.NewTimer(p.cfg.Patience)
	defer patience.Stop()
	drain := false
	for {
		p.mu.Lock()
		if !e.wanted() {
			p.mu.Unlock()
			return errUnwanted
		}
		if p.turn() == e {
			if p.fits(e) {
				e.reserved = e.spec.Limits.MemoryBytes
				p.used += e.reserved
				p.mu.Unlock()
				return nil
			}
			if e.queue.len() > 0 {
				p.makeRoom(e, drain)
			}
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-e.kick:
		case <-patience.C:
			drain = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turn is the engine in the lobby that goes first: one that somebody waits
// for before one that is only to be kept warm. The lock is held.
func (p *Pool) turn() *engine {
	for _, e := range p.lobby {
		if e.queue.len() > 0 {
			return e
		}
	}
	return p.lobby[0]
}

// fits says whether the engine can run beside those that do. The lock is held.
func (p *Pool) fits(e *engine) bool {
	return p.used+e.spec.Limits.MemoryBytes <= p.cfg.Memory && p.running() < p.cfg.Engines
}

func (p *Pool) running() int {
	n := 0
	for _, e := range p.engines {
		if e.reserved > 0 {
			n++
		}
	}
	return n
}

// makeRoom asks as many idle engines to leave as it takes for e to fit, and
// none when that would not be enough. With drain, busy ones count too: they
// get no more requests and leave once those they have are answered. The lock
// is held.
func (p *Pool) makeRoom(e *engine, drain bool) {
	used, running := p.used, p.running()
	enough := func() bool {
		return used+e.spec.Limits.MemoryBytes <= p.cfg.Memory && running < p.cfg.Engines
	}
	for _, o := range p.engines {
		if o.leave {
			used, running = used-o.reserved, running-1
		}
	}
	victims := p.victims(drain, nil)
	n := 0
	for ; n < len(victims) && !enough(); n++ {
		used, running = used-victims[n].reserved, running-1
	}
	if !enough() {
		return
	}
	for _, o := range victims[:n] {
		o.leave = true
		o.nudge()
	}
}

// victims are the engines that may be asked to leave, the first first: not
// pinned, idle, least recently used. The lock is held.
func (p *Pool) victims(drain bool, only func(*engine) bool) []*engine {
	var out []*engine
	for _, o := range p.engines {
		if o.inst != nil && !o.leave && (drain || o.idle()) && (only == nil || only(o)) {
			out = append(out, o)
		}
	}
	rank := func(e *engine) int {
		n := 0
		if e.pinned {
			n++
		}
		if !e.idle() {
			n += 2
		}
		return n
	}
	slices.SortFunc(out, func(a, b *engine) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.used.Compare(b.used), cmp.Compare(a.spec.Key, b.spec.Key))
	})
	return out
}

// lookEvery is how often an engine that waits for GPUs looks whether another
// can give them up: cards are lent to others than this pool too.
const lookEvery = 50 * time.Millisecond

// lend takes the GPUs that spec asks for. While they are lent to idle engines
// of this pool, those are asked to leave one after another.
func (p *Pool) lend(ctx context.Context, e *engine, spec Spec) (*gpu.Lease, error) {
	if p.gpus == nil {
		return nil, fmt.Errorf("%w: %w", ErrSpec, gpu.ErrNoGPU)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type taken struct {
		lease *gpu.Lease
		err   error
	}
	got := make(chan taken, 1)
	go func() {
		lease, err := p.gpus.Take(ctx, spec.GPUs, spec.Key)
		got <- taken{lease, err}
	}()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		p.mu.Lock()
		if !e.wanted() {
			cancel()
		} else if e.queue.len() > 0 && p.gpus.Waiting() > 0 {
			p.makeGPU()
		}
		p.mu.Unlock()
		select {
		case t := <-got:
			switch {
			case t.err == nil:
				return t.lease, nil
			case errors.Is(t.err, context.Canceled):
				return nil, errUnwanted
			}
			return nil, fmt.Errorf("%w: %w", ErrStart, t.err)
		case <-look.C:
		}
	}
}

// makeGPU asks the first idle engine with a GPU to leave, unless one does. The
// lock is held.
func (p *Pool) makeGPU() {
	holds := func(o *engine) bool { return len(o.gpus) > 0 }
	for _, o := range p.engines {
		if o.leave && holds(o) {
			return
		}
	}
	if v := p.victims(false, holds); len(v) > 0 {
		v[0].leave = true
		v[0].nudge()
	}
}
