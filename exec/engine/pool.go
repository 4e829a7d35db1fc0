package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
)

// maxEngines bounds the keys that a pool remembers.
const maxEngines = 1024

// Pool keeps engines warm and shares them between requests. Its methods may be
// called from several goroutines; nothing runs before Run.
type Pool struct {
	cfg    Config
	runner exec.Runner
	gpus   *gpu.Book
	log    *slog.Logger
	work   chan struct{} // has an entry when todo does

	mu      sync.Mutex
	engines map[string]*engine
	todo    []*engine     // to be given a keeper by Run
	lobby   []*engine     // that wait for memory, first come first
	changed chan struct{} // closed and replaced when the lobby may look again
	used    uint64        // bytes reserved
	serial  uint64        // of tasks
	begun   bool
	closed  bool
}

// NewPool returns a pool that starts engines on r. Without gpus, engines that
// ask for one are refused. It starts nothing.
func NewPool(cfg Config, r exec.Runner, gpus *gpu.Book, log *slog.Logger) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errors.New("engine: a pool needs a runner")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Pool{
		cfg: cfg, runner: r, gpus: gpus, log: log, work: make(chan struct{}, 1),
		engines: map[string]*engine{}, changed: make(chan struct{}),
	}, nil
}

// Run keeps engines until ctx ends; then it stops them all, fails who waits
// with ErrClosed, and returns nil. It is called once.
func (p *Pool) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.begun {
		p.mu.Unlock()
		return errors.New("engine: pool runs already")
	}
	p.begun = true
	p.mu.Unlock()
	var keepers sync.WaitGroup
	for {
		p.mu.Lock()
		for _, e := range p.todo {
			keepers.Go(func() { p.keep(ctx, e) })
		}
		p.todo = nil
		p.mu.Unlock()
		select {
		case <-p.work:
			continue
		case <-ctx.Done():
		}
		break
	}
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	keepers.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.engines {
		p.refuse(e, ErrClosed)
	}
	return nil
}

// Acquire waits for a slot of the engine of s, starting it if it does not run,
// and longer while others of it are due. Tenants take turns. The slot must be
// released. Errors: ErrSpec, ErrBusy, ErrStart, ErrClosed, and that of ctx.
func (p *Pool) Acquire(ctx context.Context, s Spec, tenant string) (*Slot, error) {
	p.mu.Lock()
	e, err := p.engine(s)
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	if e.free() && e.queue.len() == 0 {
		defer p.mu.Unlock()
		return e.take(p), nil
	}
	w, err := p.enqueue(e, tenant)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case g := <-w.got:
		return g.slot, g.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	waiting := e.queue.remove(w)
	e.nudge()
	p.mu.Unlock()
	if !waiting {
		if g := <-w.got; g.slot != nil { // granted at the same moment
			g.slot.Release()
		}
	}
	return nil, fmt.Errorf("engine: waiting for %.64q: %w", s.Name, ctx.Err())
}

// enqueue puts a request into the engine's queue and sees that somebody looks
// after it. The lock is held.
func (p *Pool) enqueue(e *engine, tenant string) (*waiter, error) {
	switch {
	case !e.kept && time.Now().Before(e.retryAt):
		return nil, e.last
	case e.queue.len() >= p.cfg.Queue:
		return nil, fmt.Errorf("%w: %d requests wait", ErrBusy, e.queue.len())
	case e.queue.of(tenant) >= p.cfg.TenantQueue:
		return nil, fmt.Errorf("%w: %d requests of one tenant wait", ErrBusy, e.queue.of(tenant))
	}
	w := &waiter{tenant: tenant, got: make(chan grant, 1)}
	e.queue.push(w)
	p.want(e)
	return w, nil
}

// Warm starts the engine of s now and keeps it: it is not stopped for being
// idle, is started again when it ends, and is the last to be evicted. It
// returns when the engine is ready; after an error it is kept nevertheless,
// but for ErrSpec.
func (p *Pool) Warm(ctx context.Context, s Spec) error {
	p.mu.Lock()
	e, err := p.engine(s)
	if err != nil {
		p.mu.Unlock()
		return err
	}
	e.pinned = true
	ready := e.inst != nil
	p.mu.Unlock()
	if ready {
		return nil
	}
	slot, err := p.Acquire(ctx, s, "")
	if err != nil {
		return err
	}
	slot.Release()
	return nil
}

// Cool ends what Warm began: the engine of key stops when nobody uses it.
func (p *Pool) Cool(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.engines[key]; e != nil {
		e.pinned, e.leave = false, e.inst != nil
		e.nudge()
	}
}
