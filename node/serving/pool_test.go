package serving_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/exectest"
	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
)

func TestPoolFake(t *testing.T) {
	t.Parallel()
	servingtest.Check(t, func(t *testing.T, h http.Handler, parallel, queue int) (Pool, Model) {
		p, err := servingtest.New(h, parallel, queue)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p, Model{Name: "demo"}
	})
}

// openEngines makes the real pool over a runner whose tasks are h.
func openEngines(t *testing.T, h http.Handler, parallel, queue int) (Pool, Model) {
	t.Helper()
	cfg := engine.Default()
	cfg.Queue, cfg.TenantQueue = queue, queue
	p, err := engine.NewPool(cfg, &exectest.Runner{Serve: func(exec.Task) http.Handler { return h }}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return Engines{Pool: p}, Model{Name: "demo", Spec: engine.Spec{
		Key: "demo", Name: "demo", Adapter: "infernet", Parallel: parallel, Limits: exec.Limits{MemoryBytes: 64 << 20},
		Image: exec.Image{Digest: testDigest},
	}}
}

func TestPoolEngines(t *testing.T) {
	t.Parallel()
	servingtest.Check(t, openEngines)
}

// TestUnpaidBounded has a client that never pays ask for all it can get, many
// at once, through the real pool: what is unpaid stays below a window and one
// request.
func TestUnpaidBounded(t *testing.T) {
	t.Parallel()
	pool, m := openEngines(t, &servingtest.Engine{}, 8, 64)
	r := newRig(t, pool)
	r.model.Spec = m.Spec
	r.start(r.disk)
	c := r.client()
	const window = 300
	mustLease(t, c, 9000, window)
	var all sync.WaitGroup
	var mu sync.Mutex
	var most uint64
	for range 20 {
		all.Go(func() {
			for range 10 {
				resp, err := c.post("/v1/chat/completions", strings.NewReader(chat(strings.Repeat("x ", 20), `,"max_tokens":20`)))
				if err != nil {
					t.Error(err)
					return
				}
				var drain [4096]byte
				for err == nil {
					_, err = resp.Body.Read(drain[:])
				}
				_ = resp.Body.Close()
				if u, ok := ParseUsage(resp.Trailer.Get(HeaderUsage)); ok {
					mu.Lock()
					most = max(most, u.TotalIn+2*u.TotalOut)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	// Those refused beside others may have been the last: alone, one goes on.
	for {
		if resp, _ := c.ask(chat(strings.Repeat("x ", 20), `,"max_tokens":20`)); resp.StatusCode != http.StatusOK {
			break
		}
		most = max(most, c.used.In+2*c.used.Out)
	}
	// One request reserves 64 prompt tokens at 1 and 20 more at 2.
	if one := uint64(64 + 40); most < window || most > window+one {
		t.Errorf("%d were used unpaid, of a window of %d and one request of %d", most, window, one)
	}
}
