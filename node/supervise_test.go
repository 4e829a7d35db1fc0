package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/api"
)

// trace is the order in which things happened.
type trace struct {
	mu   sync.Mutex
	said []string
}

func (r *trace) say(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

// steady is a unit that runs until it is stopped and takes a while to do so.
func (r *trace) steady(name string, ready chan struct{}, needs ...<-chan struct{}) unit {
	return unit{name: name, ready: ready, needs: needs, run: func(ctx context.Context) error {
		r.say("start " + name)
		if ready != nil {
			close(ready)
		}
		<-ctx.Done()
		<-time.After(time.Second) // of the bubble's clock
		r.say("stop " + name)
		return ctx.Err()
	}}
}

func TestUnitsStopInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r trace
		var b board
		low, mid := make(chan struct{}), make(chan struct{})
		ready := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- supervise(ctx, &b, slog.New(slog.DiscardHandler), ready,
				r.steady("low", low), r.steady("mid", mid, low), r.steady("high", nil, mid))
		}()
		<-ready
		if subs, all := b.snapshot(); !all || len(subs) != 3 {
			t.Errorf("ready is %v with %+v", all, subs)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped: %v", err)
		}
		want := []string{"start low", "start mid", "start high", "stop high", "stop mid", "stop low"}
		if !slices.Equal(r.said, want) {
			t.Errorf("order %v, want %v", r.said, want)
		}
		for _, s := range first(b.snapshot()) {
			if s.State != api.StateOff {
				t.Errorf("%s is %s", s.Name, s.State)
			}
		}
	})
}

func first(subs []api.Subsystem, _ bool) []api.Subsystem { return subs }

// One that fails, or ends by itself, ends the others, and the status says which.
func TestAFailingUnitEndsTheNode(t *testing.T) {
	t.Parallel()
	broken := errors.New("out of luck")
	for want, err := range map[error]error{broken: broken, errUnitEnded: nil} {
		synctest.Test(t, func(t *testing.T) {
			var r trace
			var b board
			up := make(chan struct{})
			failing := unit{name: "failing", needs: after(up), run: func(context.Context) error { return err }}
			late := r.steady("late", nil, make(chan struct{})) // what it needs never comes
			got := supervise(t.Context(), &b, slog.New(slog.DiscardHandler), make(chan struct{}), r.steady("low", up), failing, late)
			if !errors.Is(got, want) || !strings.HasPrefix(got.Error(), "failing: ") {
				t.Errorf("ended with %v, want %v", got, want)
			}
			if !slices.Equal(r.said, []string{"start low", "stop low"}) {
				t.Errorf("order %v", r.said)
			}
			subs, all := b.snapshot()
			if all || subs[1].State != api.StateFailed || subs[1].LastError != want.Error() {
				t.Errorf("status %+v", subs)
			}
		})
	}
}

// One that does not stop does not keep the others from stopping.
func TestAUnitThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r trace
		var b board
		up, ready, let := make(chan struct{}), make(chan struct{}), make(chan struct{})
		hanging := unit{name: "hanging", run: func(context.Context) error { <-let; return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- supervise(ctx, &b, slog.New(slog.DiscardHandler), ready, r.steady("low", up), hanging)
		}()
		<-ready
		cancel()
		<-time.After(stopGrace + 2*time.Second)
		synctest.Wait()
		r.mu.Lock()
		stopped := slices.Contains(r.said, "stop low")
		r.mu.Unlock()
		if !stopped {
			t.Error("what is beneath was not stopped")
		}
		close(let)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
