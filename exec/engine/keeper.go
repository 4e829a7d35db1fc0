package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errUnwanted: nobody waits any more for an engine that was to start.
var errUnwanted = errors.New("engine: nobody waits any more")

// keep looks after one engine as long as somebody wants it: memory and GPUs,
// start, health, end, and again.
func (p *Pool) keep(ctx context.Context, e *engine) {
	for {
		err := p.life(ctx, e)
		p.mu.Lock()
		if pause := p.judge(e, err); pause > 0 && ctx.Err() == nil {
			e.set(Backoff)
			p.mu.Unlock()
			wait(ctx, pause)
			p.mu.Lock()
		}
		failed := time.Now().Before(e.retryAt)
		if ctx.Err() == nil && e.wanted() && !failed {
			p.mu.Unlock()
			continue
		}
		e.kept = false
		e.set(Cold)
		if failed {
			e.set(Failed)
		}
		if ctx.Err() != nil {
			err = ErrClosed
		}
		p.refuse(e, err) // who came while it was decided
		p.mu.Unlock()
		return
	}
}

// judge counts a life's end and says how long to wait before the next. The
// lock is held.
func (p *Pool) judge(e *engine, err error) time.Duration {
	if err == nil || errors.Is(err, errUnwanted) || errors.Is(err, context.Canceled) {
		return 0
	}
	p.log.Warn("engine ended", "model", e.spec.Name, "key", e.spec.Key, "failures", e.failures+1, "error", err)
	e.last = err
	e.failures++
	pause := p.cfg.MaxBackoff
	if shift := e.failures - 1; shift < 16 {
		pause = min(pause, p.cfg.Backoff<<shift)
	}
	fatal := errors.Is(err, ErrSpec)
	if fatal {
		e.pinned = false
	}
	// Who waits for an engine that does not come up is better served
	// elsewhere; who waits for one that was up until now may wait on.
	if fatal || errors.Is(err, ErrStart) || e.failures >= p.cfg.Tries {
		p.refuse(e, err)
	}
	if e.failures >= p.cfg.Tries {
		e.retryAt = time.Now().Add(p.cfg.MaxBackoff)
		return 0
	}
	if !e.wanted() {
		e.retryAt = time.Now().Add(pause)
		return 0
	}
	e.restarts++
	return pause
}

// life is one run of the engine, with all that it takes and gives back. It
// returns nil when the engine was stopped on purpose.
func (p *Pool) life(ctx context.Context, e *engine) error {
	lease, err := p.admit(ctx, e)
	if err != nil {
		return err
	}
	inst, err := p.start(ctx, e, lease.ids())
	if err == nil {
		err = p.watch(ctx, e, inst)
	}
	p.mu.Lock()
	e.set(Stopping)
	e.inst = nil
	e.leave = false
	p.mu.Unlock()
	if inst != nil {
		if serr := inst.stop(p.cfg.Grace); serr != nil {
			p.log.Error("engine cannot be removed", "model", e.spec.Name, "error", serr)
		}
		err = inst.verdict(err)
	}
	if lerr := lease.release(context.WithoutCancel(ctx)); lerr != nil {
		p.log.Warn("GPU is out of use", "model", e.spec.Name, "error", lerr)
	}
	p.mu.Lock()
	p.used -= e.reserved
	e.reserved, e.gpus = 0, nil
	p.notify()
	p.mu.Unlock()
	return err
}

// start runs the engine and waits until it is healthy. The instance, where
// there is one, is the caller's to stop also after an error.
func (p *Pool) start(ctx context.Context, e *engine, gpus []string) (*instance, error) {
	p.mu.Lock()
	spec := e.spec
	e.gpus = gpus
	p.serial++
	serial := p.serial
	e.set(Starting)
	p.mu.Unlock()
	begun := time.Now()
	// Unpacking an image of many gigabytes is not the engine's time.
	if err := p.runner.Prepare(ctx, spec.Image); err != nil {
		return nil, startError(ctx, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.StartTimeout, fmt.Errorf("not healthy within %v", p.cfg.StartTimeout))
	defer cancel()
	inst, err := launch(ctx, p.runner, spec, gpus, serial, p.cfg.Tail)
	if err != nil {
		return nil, startError(ctx, err)
	}
	if err := inst.ready(ctx, p.cfg.HealthTimeout); err != nil {
		return inst, startError(ctx, err)
	}
	p.log.Info("engine ready", "model", spec.Name, "key", spec.Key, "took", time.Since(begun))
	return inst, nil
}

// startError keeps apart what is wrong with the engine and the pool's own end.
func startError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, ErrSpec) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStart, err)
}

// watch lets requests in and looks after the engine until it has to end, on
// purpose (nil) or not (ErrCrashed).
func (p *Pool) watch(ctx context.Context, e *engine, inst *instance) error {
	inst.suspect = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		// No more requests until it answers a probe: it may be dying.
		inst.doubted = true
		e.nudge()
	}
	p.mu.Lock()
	e.set(Ready)
	e.inst, e.used = inst, time.Now()
	p.pump(e)
	p.mu.Unlock()
	begun := time.Now()
	defer func() {
		if time.Since(begun) >= p.cfg.MaxBackoff {
			p.mu.Lock()
			e.failures = 0
			p.mu.Unlock()
		}
	}()
	misses := 0
	next := time.NewTimer(p.cfg.HealthEvery)
	defer next.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			inst.condemn(ErrClosed)
			return nil
		case <-inst.ended:
			return inst.crashed()
		case <-e.kick:
			due = p.doubts(inst)
		case <-next.C:
			due = true
		}
		if due {
			if misses = p.examine(ctx, e, inst, misses); misses >= p.cfg.HealthMisses && ctx.Err() == nil {
				return inst.hung(misses)
			}
			every := p.cfg.HealthEvery
			if misses > 0 && p.doubts(inst) {
				every = min(every, doubtEvery)
			}
			next.Reset(every)
		}
		if p.retire(e) {
			return nil
		}
	}
}

// doubtEvery is between the probes of an engine that broke a connection.
const doubtEvery = 200 * time.Millisecond

// doubts says whether the engine broke a connection and has not answered a
// probe since.
func (p *Pool) doubts(inst *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return inst.doubted
}

// examine probes the engine's health and returns how many probes in a row were
// missed. An engine that answers is trusted again.
func (p *Pool) examine(ctx context.Context, e *engine, inst *instance, misses int) int {
	if inst.probe(ctx, p.cfg.HealthTimeout) != nil {
		return misses + 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	inst.doubted = false
	p.pump(e)
	return 0
}

// retire says whether the engine is to end, and then gives out no more slots.
func (p *Pool) retire(e *engine) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !e.idle() {
		return false
	}
	if !e.leave && (e.pinned || time.Since(e.used) < p.cfg.Idle) {
		return false
	}
	e.inst = nil
	return true
}

// wait is over when d has passed or ctx has ended.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
