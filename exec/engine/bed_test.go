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

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
)

// testSpec is an engine of 100 bytes of memory.
func testSpec(key string) Spec {
	return Spec{
		Key: key, Name: key, Adapter: "infernet", Parallel: 2, Limits: exec.Limits{MemoryBytes: 100},
		Image: exec.Image{Digest: "sha256:" + strings.Repeat("0", 64)},
	}
}

// serving is an engine of the fake runner: healthy after some probes, slow
// when asked to be.
type serving struct {
	healthyAfter atomic.Int32 // probes; negative is never
	probes       atomic.Int32
	requests     atomic.Int32
	working      atomic.Int32
	deaf         atomic.Bool // probes hang
	gone         atomic.Bool // probes are refused
}

func (p *serving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		if p.gone.Load() {
			panic(http.ErrAbortHandler)
		}
		if p.deaf.Load() {
			<-r.Context().Done()
			return
		}
		if n, after := p.probes.Add(1), p.healthyAfter.Load(); after < 0 || n <= after {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	p.requests.Add(1)
	p.working.Add(1)
	defer p.working.Add(-1)
	if r.URL.Path == "/cut" {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path == "/wait" {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	_, _ = io.Copy(w, r.Body)
}

// bench is a pool over the fake runner, inside a bubble.
type bench struct {
	*Pool
	t      *testing.T
	runner *exectest.Runner
	end    context.CancelFunc
	ended  chan error

	mu       sync.Mutex
	programs map[string]*serving // by key
}

// begin runs a pool. The test ends it with b.close.
func begin(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, ended: make(chan error, 1), programs: map[string]*serving{}}
	b.runner = &exectest.Runner{Serve: func(k exec.Task) http.Handler { return b.program(k.Labels["tech.infernet.engine.key"]) }}
	cfg := Default()
	cfg.Memory = 250
	if change != nil {
		change(&cfg)
	}
	var err error
	if b.Pool, err = NewPool(cfg, b.runner, nil, nil); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	b.end = end
	go func() { b.ended <- b.Run(ctx) }()
	return b
}

// close ends the pool and sees that nothing is left of it.
func (b *bench) close() {
	b.t.Helper()
	b.end()
	if err := <-b.ended; err != nil {
		b.t.Errorf("run: %v", err)
	}
	if n := b.runner.Live(); n != 0 {
		b.t.Errorf("%d tasks left", n)
	}
	if b.used != 0 || len(b.lobby) != 0 {
		b.t.Errorf("%d bytes reserved, %d in the lobby", b.used, len(b.lobby))
	}
	if _, err := b.Acquire(b.t.Context(), testSpec("late"), "t"); !errors.Is(err, ErrClosed) {
		b.t.Errorf("acquire after the end: %v", err)
	}
}

func (b *bench) program(key string) *serving {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.programs[key] == nil {
		b.programs[key] = &serving{}
	}
	return b.programs[key]
}

// ask is one request, held for as long as hold takes.
func (b *bench) ask(ctx context.Context, s Spec, tenant, path string, hold func(*http.Response)) error {
	slot, err := b.Acquire(ctx, s, tenant)
	if err != nil {
		return err
	}
	defer slot.Release()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader("hello"))
	if err != nil {
		return err
	}
	resp, err := slot.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if hold != nil {
		hold(resp)
		return nil
	}
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "hello" {
		return fmt.Errorf("%q, %w", got, err)
	}
	return nil
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Error(err)
	}
}

// status is that of one engine.
func (b *bench) status(key string) Status {
	for _, s := range b.Status() {
		if s.Key == key {
			return s
		}
	}
	return Status{}
}

func (b *bench) want(key string, want State) {
	b.t.Helper()
	if s := b.status(key); s.State != want {
		b.t.Errorf("%s is %s, want %s (%s)", key, s.State, want, s.LastError)
	}
}

// crash ends the running task of an engine.
func (b *bench) crash(key string) {
	b.t.Helper()
	for i := len(b.runner.Started()) - 1; i >= 0; i-- {
		k := b.runner.Started()[i]
		if k.Labels["tech.infernet.engine.key"] == key {
			if !b.runner.Crash(k.ID, 139) {
				b.t.Errorf("%s does not run", k.ID)
			}
			synctest.Wait()
			return
		}
	}
	b.t.Errorf("%s was never started", key)
}
