package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
)

func TestPoolStartsServesAndIdles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		b.program("a").healthyAfter.Store(5)
		for range 10 {
			b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
		}
		if n := len(b.runner.Started()); n != 1 {
			t.Errorf("started %d times", n)
		}
		task := b.runner.Started()[0]
		if task.Serve != "unix" || task.Limits.WallClock != exec.MaxWallClock || len(task.Args) != 2 {
			t.Errorf("%+v", task)
		}
		b.want("a", Ready)
		<-time.After(Default().Idle + time.Minute)
		b.want("a", Cold)
		if n := b.runner.Live(); n != 0 {
			t.Errorf("%d run after the idle time", n)
		}
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
		if n := len(b.runner.Started()); n != 2 {
			t.Errorf("started %d times", n)
		}
	})
}

func TestPoolNeverHealthy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, func(c *Config) { c.StartTimeout = 20 * time.Second })
		defer b.close()
		b.program("a").healthyAfter.Store(-1)
		begun := time.Now()
		err := b.ask(t.Context(), testSpec("a"), "t", "/echo", nil)
		if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), "20s") || !strings.Contains(err.Error(), "503") {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := b.runner.Live(); n != 0 {
			t.Errorf("%d run", n)
		}
		// Asked again at once, the answer is there at once.
		begun = time.Now()
		if err := b.ask(t.Context(), testSpec("a"), "t", "/echo", nil); !errors.Is(err, ErrStart) || time.Since(begun) > 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		<-time.After(Default().MaxBackoff)
		b.program("a").healthyAfter.Store(0)
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
	})
}

func TestPoolCrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		for round := range 3 {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					b.must(b.ask(t.Context(), testSpec("a"), "t", "/wait", func(resp *http.Response) {
						if _, err := io.ReadAll(resp.Body); !errors.Is(err, ErrCrashed) || !strings.Contains(err.Error(), "139") {
							t.Errorf("in flight: %v", err)
						}
					}))
				})
			}
			<-time.After(time.Second)
			// Who waits in the queue is served by the next run.
			wg.Go(func() { b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil)) })
			synctest.Wait()
			b.crash("a")
			wg.Wait()
			if s := b.status("a"); s.Restarts != round+1 || s.State != Ready || !strings.Contains(s.LastError, "139") {
				t.Errorf("%+v", s)
			}
			<-time.After(time.Minute) // long enough for the next crash to be a first one
		}
		// One that nobody waits for stays down until somebody does.
		b.crash("a")
		<-time.After(time.Second)
		if n := b.runner.Live(); n != 0 {
			t.Errorf("%d run for nobody", n)
		}
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
	})
}

func TestPoolBacksOffAndGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, func(c *Config) { c.Tries = 4 })
		defer b.close()
		b.must(b.Warm(t.Context(), testSpec("a")))
		var starts []time.Time
		for i := range 4 {
			starts = append(starts, time.Now())
			b.crash("a")
			for b.status("a").State != Ready && b.status("a").State != Failed {
				<-time.After(time.Millisecond)
			}
			if i > 0 && i < 3 {
				if gap := time.Since(starts[i]); gap < b.cfg.Backoff<<i {
					t.Errorf("started %v after crash %d", gap, i)
				}
			}
		}
		b.want("a", Failed)
		if s := b.status("a"); !s.Pinned || s.Restarts != 3 || s.Memory != 0 {
			t.Errorf("%+v", s)
		}
		if err := b.ask(t.Context(), testSpec("a"), "t", "/echo", nil); !errors.Is(err, ErrCrashed) {
			t.Errorf("%v", err)
		}
		<-time.After(b.cfg.MaxBackoff)
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
	})
}

// TestPoolTrustsAgain: an engine that breaks one connection gets no requests
// until it answers a probe, and is not started again.
func TestPoolTrustsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		for range 3 {
			err := b.ask(t.Context(), testSpec("a"), "t", "/cut", func(resp *http.Response) {
				if _, err := io.ReadAll(resp.Body); !errors.Is(err, ErrCrashed) {
					t.Errorf("cut: %v", err)
				}
			})
			b.must(err)
			b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
		}
		if n := len(b.runner.Started()); n != 1 || b.status("a").Restarts != 0 {
			t.Errorf("started %d times", n)
		}
		// One that breaks a connection and then answers no probe is given up
		// soon, not after three ordinary probes.
		b.program("a").gone.Store(true)
		begun := time.Now()
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/cut", func(resp *http.Response) { _, _ = io.ReadAll(resp.Body) }))
		<-time.After(3 * time.Second)
		b.program("a").gone.Store(false)
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
		if took := time.Since(begun); took > 5*time.Second || len(b.runner.Started()) != 2 {
			t.Errorf("%v, started %d times", took, len(b.runner.Started()))
		}
	})
}

func TestPoolKillsTheHung(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		b.must(b.Warm(t.Context(), testSpec("a")))
		b.program("a").deaf.Store(true)
		done := make(chan error, 1)
		go func() {
			done <- b.ask(t.Context(), testSpec("a"), "t", "/wait", func(resp *http.Response) {
				if _, err := io.ReadAll(resp.Body); !errors.Is(err, ErrCrashed) || !strings.Contains(err.Error(), "probes") {
					t.Errorf("in flight: %v", err)
				}
				b.program("a").deaf.Store(false)
			})
		}()
		begun := time.Now()
		b.must(<-done)
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("found out after %v", took)
		}
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/echo", nil))
		if n := len(b.runner.Started()); n != 2 {
			t.Errorf("started %d times", n)
		}
	})
}

func TestPoolEvicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil) // room for two
		defer b.close()
		ask := func(key string) {
			t.Helper()
			b.must(b.ask(t.Context(), testSpec(key), "t", "/echo", nil))
			<-time.After(time.Second)
		}
		ask("a")
		ask("b")
		ask("a")
		ask("c")
		b.want("b", Cold) // the least recently used
		b.want("a", Ready)
		b.must(b.Warm(t.Context(), testSpec("a")))
		ask("c")
		ask("d")
		b.want("a", Ready) // pinned, though used before c
		b.want("c", Cold)
		b.must(b.Warm(t.Context(), testSpec("d")))
		ask("e") // both are pinned: the last resort
		b.want("e", Ready)
		b.want("d", Ready)
		b.want("a", Queued) // comes back when there is room
		b.Cool("d")
		<-time.After(b.cfg.Grace)
		b.want("d", Cold)
		b.want("a", Ready)
		if s := b.status("a"); s.Memory != 100 || !s.Pinned {
			t.Errorf("%+v", s)
		}
		big := testSpec("big")
		big.Limits.MemoryBytes = 251
		if _, err := b.Acquire(t.Context(), big, "t"); !errors.Is(err, ErrSpec) {
			t.Errorf("beyond the budget: %v", err)
		}
	})
}

// TestPoolDoesNotEvictTheBusy: a request is never cut for another engine, and
// no engine is starved by two that are never idle.
func TestPoolDoesNotEvictTheBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			for i := range 2 {
				wg.Go(func() {
					<-time.After(time.Duration(i) * 700 * time.Millisecond) // never idle at once
					for ctx.Err() == nil {
						b.must(b.ask(t.Context(), testSpec(key), "t", "/wait", func(*http.Response) { <-time.After(1500 * time.Millisecond) }))
					}
				})
			}
		}
		<-time.After(3 * time.Second)
		begun := time.Now()
		b.must(b.ask(t.Context(), testSpec("c"), "t", "/echo", nil))
		if took := time.Since(begun); took < 10*time.Second || took > 25*time.Second {
			t.Errorf("it waited %v", took)
		}
		stop()
		wg.Wait()
	})
}

func TestPoolCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		// While it starts: nobody wants it any more, and the next is not harmed.
		b.program("a").healthyAfter.Store(100)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.ask(ctx, testSpec("a"), "t", "/echo", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		b.program("a").healthyAfter.Store(0)
		// In flight: the engine sees it at once.
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			b.must(b.ask(ctx, testSpec("a"), "t", "/wait", func(resp *http.Response) {
				cancel()
				if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
				synctest.Wait()
				if n := b.program("a").working.Load(); n != 0 {
					t.Errorf("the engine still works on %d", n)
				}
			}))
		}
		// The body closed early is the same.
		b.must(b.ask(t.Context(), testSpec("a"), "t", "/wait", func(resp *http.Response) {
			_ = resp.Body.Close()
			synctest.Wait()
			if n := b.program("a").working.Load(); n != 0 {
				t.Errorf("the engine still works on %d", n)
			}
		}))
		slot, err := b.Acquire(t.Context(), testSpec("a"), "t")
		if err != nil {
			t.Fatal(err)
		}
		slot.Release()
		slot.Release()
		if _, err := slot.RoundTrip(&http.Request{}); !errors.Is(err, ErrReleased) {
			t.Errorf("%v", err)
		}
		if s := b.status("a"); s.Active != 0 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPoolQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, func(c *Config) { c.Queue, c.TenantQueue = 5, 3 })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		enter := func(tenant string) {
			wg.Go(func() {
				err := b.ask(ctx, testSpec("a"), tenant, "/wait", func(resp *http.Response) { _, _ = io.ReadAll(resp.Body) })
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		b.must(b.Warm(t.Context(), testSpec("a")))
		for range 5 {
			enter("x") // two in work, three in the queue
		}
		if _, err := b.Acquire(t.Context(), testSpec("a"), "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("a tenant's queue: %v", err)
		}
		enter("y")
		enter("y")
		if _, err := b.Acquire(t.Context(), testSpec("a"), "z"); !errors.Is(err, ErrBusy) {
			t.Errorf("the queue: %v", err)
		}
		if s := b.status("a"); s.Active != 2 || s.Queued != 5 || s.Parallel != 2 {
			t.Errorf("%+v", s)
		}
		cancel()
		wg.Wait()
		b.close()
	})
}

// TestPoolTakesTurns: one tenant's hundred requests do not keep the single one
// of another waiting.
func TestPoolTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		s := testSpec("a")
		s.Parallel = 1
		b.must(b.Warm(t.Context(), s))
		begun := time.Now()
		second := func(*http.Response) { <-time.After(time.Second) }
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { b.must(b.ask(t.Context(), s, "many", "/wait", second)) })
		}
		<-time.After(500 * time.Millisecond)
		for _, tenant := range []string{"x", "y", "z"} {
			wg.Go(func() {
				b.must(b.ask(t.Context(), s, tenant, "/wait", second))
				// The one in work, one turn of each, and its own.
				if took := time.Since(begun); took > 6*time.Second {
					t.Errorf("%s waited %v", tenant, took)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begun); took < 103*time.Second || took > 104*time.Second {
			t.Errorf("all took %v, want a second each", took)
		}
		b.close()
	})
}

// TestPoolManyAtOnce has 200 requests of ten tenants, and the pool's end while
// more are on their way.
func TestPoolManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		var wg sync.WaitGroup
		var most, now atomic.Int32
		for i := range 200 {
			wg.Go(func() {
				b.must(b.ask(t.Context(), testSpec("a"), fmt.Sprint(i%10), "/echo", nil))
				b.must(b.ask(t.Context(), testSpec("a"), fmt.Sprint(i%10), "/wait", func(*http.Response) {
					n := now.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					<-time.After(time.Millisecond)
					now.Add(-1)
				}))
			})
		}
		wg.Wait()
		if n := most.Load(); n != 2 {
			t.Errorf("%d at once, want 2", n)
		}
		if n := len(b.runner.Started()); n != 1 {
			t.Errorf("started %d times", n)
		}
		for i := range 50 {
			wg.Go(func() {
				err := b.ask(t.Context(), testSpec(fmt.Sprint("k", i%3)), "t", "/wait", func(resp *http.Response) { _, _ = io.ReadAll(resp.Body) })
				if err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrCrashed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		b.close()
		wg.Wait()
	})
}

func TestPoolRefuses(t *testing.T) {
	t.Parallel()
	p, err := NewPool(Default(), &exectest.Runner{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Spec){
		"key":      func(s *Spec) { s.Key = "" },
		"adapter":  func(s *Spec) { s.Adapter = "none" },
		"parallel": func(s *Spec) { s.Parallel = -1 },
		"model":    func(s *Spec) { s.Model = "relative" },
		"context":  func(s *Spec) { s.Context = -1 },
	} {
		s := testSpec("a")
		spoil(&s)
		if _, err := p.Acquire(t.Context(), s, "t"); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPool(Config{}, &exectest.Runner{}, nil, nil); err == nil {
		t.Error("an empty configuration is accepted")
	}
	if _, err := NewPool(Default(), nil, nil, nil); err == nil {
		t.Error("no runner is accepted")
	}
}
