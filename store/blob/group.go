package blob

import "sync"

// group does for many callers at once what they all need done after a certain
// moment, such as a sync: a call of do returns after a run of fn that began
// after the call, and callers that come while one runs share the next.
type group struct {
	turn sync.Mutex // held by the run in progress
	mu   sync.Mutex
	next *run // that has not begun
}

type run struct {
	done chan struct{}
	err  error
}

// do returns the error of the run it shared.
func (g *group) do(fn func() error) error {
	g.mu.Lock()
	if r := g.next; r != nil {
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r := &run{done: make(chan struct{})}
	g.next = r
	g.mu.Unlock()
	g.turn.Lock()
	defer g.turn.Unlock()
	g.mu.Lock()
	g.next = nil // who comes from here on may have written after the sync began
	g.mu.Unlock()
	r.err = fn()
	close(r.done)
	return r.err
}
