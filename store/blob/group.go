package blob

import "sync"

// group does for many callers at once what they all need done after a certain
// moment, such as a sync: a call of do returns after a run of fn that began
// after the call, and callers that come while one runs share the next.
type group struct {
	mu   sync.Mutex
	last *run // that has begun
	next *run // that has not
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
	r, before := &run{done: make(chan struct{})}, g.last
	g.next = r
	g.mu.Unlock()
	if before != nil {
		<-before.done
	}
	g.mu.Lock()
	g.last, g.next = r, nil // who comes from here on may have written after it began
	g.mu.Unlock()
	r.err = fn()
	close(r.done)
	return r.err
}
