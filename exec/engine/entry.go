package engine

import (
	"fmt"
	"time"
)

// engine is one key of the pool. All fields are the pool's lock's.
type engine struct {
	spec     Spec
	state    State
	since    time.Time
	queue    queue
	inst     *instance // while it is ready
	kept     bool      // it has a keeper, or is in todo
	pinned   bool
	leave    bool          // stop when idle: another needs the room
	kick     chan struct{} // tells the keeper to look again
	reserved uint64
	gpus     []string
	restarts int
	failures int       // in a row
	last     error     // of the last crash
	retryAt  time.Time // not before, when failed
	used     time.Time // when the last request ended
}

// engine finds or makes the engine of s. The lock is held.
func (p *Pool) engine(s Spec) (*engine, error) {
	if p.closed {
		return nil, ErrClosed
	}
	e := p.engines[s.Key]
	if e != nil && e.kept {
		return e, nil
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s = s.withDefaults()
	if s.Limits.MemoryBytes > p.cfg.Memory {
		return nil, fmt.Errorf("%w: it needs %d bytes of memory, and all engines may use %d", ErrSpec, s.Limits.MemoryBytes, p.cfg.Memory)
	}
	if e == nil {
		if len(p.engines) >= maxEngines && !p.forget() {
			return nil, fmt.Errorf("%w: %d engines", ErrBusy, len(p.engines))
		}
		e = &engine{state: Cold, since: time.Now(), kick: make(chan struct{}, 1)}
		p.engines[s.Key] = e
	}
	e.spec = s
	return e, nil
}

// forget drops an engine that does not run. The lock is held.
func (p *Pool) forget() bool {
	for key, e := range p.engines {
		if !e.kept && !e.pinned {
			delete(p.engines, key)
			return true
		}
	}
	return false
}

// want sees that the engine has a keeper that looks at its queue. The lock is
// held.
func (p *Pool) want(e *engine) {
	if e.kept {
		e.nudge()
		return
	}
	e.kept = true
	p.todo = append(p.todo, e)
	select {
	case p.work <- struct{}{}:
	default:
	}
}

func (e *engine) nudge() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// set enters a state. The lock is held.
func (e *engine) set(s State) { e.state, e.since = s, time.Now() }

// wanted says whether somebody needs the engine running. The lock is held.
func (e *engine) wanted() bool { return e.pinned || e.queue.len() > 0 }

// free says whether a request could begin at once. The lock is held.
func (e *engine) free() bool {
	return e.inst != nil && !e.leave && !e.inst.doubted && e.inst.active < e.spec.Parallel
}

// idle says whether the engine runs for nobody. The lock is held.
func (e *engine) idle() bool {
	return e.inst != nil && e.inst.active == 0 && (e.leave || e.queue.len() == 0)
}

// take makes a slot. The lock is held and the engine free.
func (e *engine) take(p *Pool) *Slot {
	e.inst.active++
	return &Slot{p: p, e: e, inst: e.inst}
}

// pump gives free slots to who waits. The lock is held.
func (p *Pool) pump(e *engine) {
	for e.free() {
		w := e.queue.pop()
		if w == nil {
			return
		}
		w.got <- grant{slot: e.take(p)}
	}
}

// refuse fails all who wait for e. The lock is held.
func (p *Pool) refuse(e *engine, err error) {
	for w := e.queue.pop(); w != nil; w = e.queue.pop() {
		w.got <- grant{err: err}
	}
}

// notify lets the lobby look again. The lock is held.
func (p *Pool) notify() {
	if len(p.lobby) > 0 {
		close(p.changed)
		p.changed = make(chan struct{})
	}
}
