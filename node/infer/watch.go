package infer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// missesAllowed is how many probes a provider may leave unanswered: one may be
// lost with the network.
const missesAllowed = 1

// watch ends an answer whose provider is silent for idle, and sooner one whose
// provider is gone: a killed process or a pulled cable closes no connection, and
// only asking tells it from a slow engine.
type watch struct {
	idle, every time.Duration
	alive       func() bool // asks the provider; nil: it is this process
	cancel      func(error)
	timer       *time.Timer
	turn        atomic.Uint64 // counts waits; odd while one is under way
	over        chan struct{}
	closed      atomic.Bool
}

// watching is the watch for an answer of t.
func (r *Router) watching(t target) *watch {
	return &watch{idle: r.cfg.Idle, every: min(r.cfg.Probe, r.cfg.Idle), alive: func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), r.cfg.QuoteTime)
		defer cancel()
		_, err := r.quote(ctx, t.spot)
		var no *refused
		return err == nil || errors.As(err, &no)
	}}
}

// start makes the watch ready; what it finds goes to cancel.
func (w *watch) start(cancel func(error)) {
	w.cancel, w.over = cancel, make(chan struct{})
	w.timer = time.AfterFunc(w.every, w.silent)
	w.timer.Stop()
}

// begin starts a wait for an event, end ends it.
func (w *watch) begin() {
	w.turn.Add(1)
	w.timer.Reset(w.every)
}

func (w *watch) end() {
	w.timer.Stop()
	w.turn.Add(1)
}

// close ends the watch.
func (w *watch) close() {
	if w.timer != nil && !w.closed.Swap(true) {
		w.timer.Stop()
		close(w.over)
	}
}

// silent runs when nothing came for a while, until something comes.
func (w *watch) silent() {
	turn, began, missed := w.turn.Load(), time.Now().Add(-w.every), 0
	if turn%2 == 0 {
		return // it came just now
	}
	// Real time, not the router's: this is about the network.
	for {
		if time.Since(began) >= w.idle {
			w.cancel(errIdle)
			return
		}
		if w.alive == nil || w.alive() {
			missed = 0
		} else if missed++; missed > missesAllowed && w.turn.Load() == turn {
			w.cancel(errAway)
			return
		}
		select {
		case <-w.over:
			return
		case <-time.After(min(w.every, max(w.idle-time.Since(began), 0))):
		}
		if w.turn.Load() != turn {
			return
		}
	}
}
