package engine

import (
	"cmp"
	"slices"
	"time"
)

// State of an engine in a Pool.
type State string

// The states. An engine goes cold -> queued -> starting -> ready -> stopping ->
// cold; from starting and ready, when it ends by itself, to backoff and then
// queued again, or to failed, where it stays until it is asked for anew.
const (
	Cold     State = "cold"     // not running, and nobody asked
	Queued   State = "queued"   // waits for memory or GPUs
	Starting State = "starting" // runs, not healthy yet
	Ready    State = "ready"
	Stopping State = "stopping"
	Backoff  State = "backoff" // crashed; starts again soon
	Failed   State = "failed"  // crashed too often
)

// Status tells of one engine.
type Status struct {
	Key, Name string
	State     State
	Since     time.Time // of the state
	Active    int       // requests it works on
	Queued    int       // requests that wait for it
	Parallel  int
	Restarts  int    // after crashes, since the pool began
	LastError string // of the last crash, with the engine's last words; cut
	Memory    uint64 // bytes it is allowed, 0 while it does not run
	Pinned    bool   // kept warm on request
	GPUs      []string
}

// Status lists the engines that the pool knows, by key.
func (p *Pool) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Status, 0, len(p.engines))
	for _, e := range p.engines {
		s := Status{
			Key: e.spec.Key, Name: e.spec.Name, State: e.state, Since: e.since, Queued: e.queue.len(),
			Parallel: e.spec.Parallel, Restarts: e.restarts, Memory: e.reserved, Pinned: e.pinned, GPUs: slices.Clone(e.gpus),
		}
		if e.inst != nil {
			s.Active = e.inst.active
		}
		if e.last != nil {
			s.LastError = e.last.Error()
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
