package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/node/api"
)

// unit is one subsystem: how it runs, when it is ready, what it says of
// itself.
type unit struct {
	name   string
	run    func(ctx context.Context) error
	ready  <-chan struct{}   // nil: ready once it runs
	detail func() string     // one line for people; nil: none
	needs  []<-chan struct{} // run is called when all of these are closed
}

// board is what is known of the units, for status.
type board struct {
	mu    sync.Mutex
	units []*entry
}

type entry struct {
	name   string
	state  string
	since  time.Time
	err    error
	detail func() string
}

func (b *board) add(name string, detail func() string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &entry{name: name, state: api.StateStarting, since: time.Now(), detail: detail}
	b.units = append(b.units, e)
	return e
}

func (b *board) set(e *entry, state string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.state != state {
		e.state, e.since = state, time.Now()
	}
	if err != nil {
		e.err = err
	}
}

// snapshot lists the units, and whether all of them are ready.
func (b *board) snapshot() (subs []api.Subsystem, ready bool) {
	b.mu.Lock()
	units := append([]*entry(nil), b.units...)
	b.mu.Unlock()
	ready = true
	for _, e := range units {
		b.mu.Lock()
		s := api.Subsystem{Name: e.name, State: e.state, Since: e.since}
		if e.err != nil {
			s.LastError = e.err.Error()
		}
		b.mu.Unlock()
		if e.detail != nil && s.State == api.StateReady {
			s.Detail = e.detail()
		}
		ready = ready && s.State == api.StateReady
		subs = append(subs, s)
	}
	return subs, ready
}

// supervise runs all units until ctx ends or one of them fails. Units stop in
// the reverse of the order given: one that others stand on outlives them.
// ready is closed when all of them are up.
func supervise(ctx context.Context, b *board, log *slog.Logger, ready chan<- struct{}, units ...unit) error {
	g, gctx := errgroup.WithContext(ctx)
	stopped := make([]chan struct{}, len(units)+1)
	for i := range stopped {
		stopped[i] = make(chan struct{})
	}
	close(stopped[len(units)]) // nothing stands on the last one
	for i, u := range units {
		e := b.add(u.name, u.detail)
		g.Go(func() error {
			defer close(stopped[i])
			return runUnit(gctx, b, e, u, stopped[i+1], log)
		})
	}
	g.Go(func() error { b.await(gctx, ready); return nil })
	return g.Wait()
}

// await closes ready once all units are.
func (b *board) await(ctx context.Context, ready chan<- struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, all := b.snapshot(); all {
			close(ready)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// runUnit runs one unit. Its context ends only when the group's has ended and
// the unit above has stopped.
func runUnit(gctx context.Context, b *board, e *entry, u unit, above <-chan struct{}, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(gctx))
	defer cancel()
	go func() {
		<-gctx.Done()
		select {
		case <-above:
		case <-time.After(stopGrace):
			log.Warn("a subsystem does not stop; going on without it", "below", u.name)
		}
		cancel()
	}()
	for _, need := range u.needs {
		select {
		case <-need:
		case <-gctx.Done():
			return nil
		}
	}
	if u.ready == nil {
		b.set(e, api.StateReady, nil)
	} else {
		go func() {
			select {
			case <-u.ready:
				b.set(e, api.StateReady, nil)
			case <-ctx.Done():
			}
		}()
	}
	err := u.run(ctx)
	switch {
	case err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)):
		b.set(e, api.StateFailed, err)
		return fmt.Errorf("%s: %w", u.name, err)
	case gctx.Err() == nil:
		b.set(e, api.StateFailed, errUnitEnded)
		return fmt.Errorf("%s: %w", u.name, errUnitEnded)
	}
	b.set(e, api.StateOff, nil)
	return nil
}

// stopGrace is how long a subsystem may take to stop before those beneath it
// are stopped all the same.
const stopGrace = 20 * time.Second

var errUnitEnded = errors.New("ended by itself")
