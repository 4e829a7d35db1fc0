package engine

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/gpu"
)

// TestPoolLendsGPUs: idle engines give their cards up for those that are asked
// for, never two have one, and each is wiped in between.
func TestPoolLendsGPUs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		wiped := 0
		book := gpu.NewBook([]gpu.Device{{ID: "GPU-00000000", Vendor: gpu.NVIDIA}, {ID: "GPU-11111111", Index: 1, Vendor: gpu.NVIDIA}},
			gpu.WiperFunc(func(context.Context, gpu.Device) error {
				mu.Lock()
				defer mu.Unlock()
				wiped++
				return nil
			}))
		b := &bench{t: t, ended: make(chan error, 1), programs: map[string]*serving{}}
		b.runner = &exectest.Runner{
			GPUs:  []string{"GPU-00000000", "GPU-11111111"},
			Serve: func(k exec.Task) http.Handler { return b.program(k.Labels["tech.infernet.engine.key"]) },
		}
		var err error
		if b.Pool, err = NewPool(Default(), b.runner, book, nil); err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		b.end = end
		go func() { b.ended <- b.Run(ctx) }()
		defer b.close()

		with := func(key, cards string) Spec {
			s := testSpec(key)
			var err error
			if s.GPUs, err = gpu.ParseRequest(cards); err != nil {
				t.Fatal(err)
			}
			return s
		}
		b.must(b.ask(t.Context(), with("a", "1"), "t", "/echo", nil))
		b.must(b.ask(t.Context(), with("b", "1"), "t", "/echo", nil))
		<-time.After(time.Second)
		if a, b := b.status("a").GPUs, b.status("b").GPUs; len(a) != 1 || len(b) != 1 || a[0] == b[0] {
			t.Errorf("lent %q and %q", a, b)
		}
		b.must(b.ask(t.Context(), with("c", "all"), "t", "/echo", nil)) // both leave
		b.want("a", Cold)
		b.want("b", Cold)
		if n := len(b.status("c").GPUs); n != 2 || wiped != 2 {
			t.Errorf("%d cards, %d wiped", n, wiped)
		}
		if k := b.runner.Started(); len(k) != 3 || len(k[2].GPUs) != 2 {
			t.Errorf("tasks %+v", k)
		}
		// A busy engine keeps its cards, and who waits may give up.
		b.must(b.ask(t.Context(), with("c", "all"), "t", "/wait", func(*http.Response) {
			short, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := b.ask(short, with("a", "1"), "t", "/echo", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			b.want("c", Ready)
		}))
		if _, err := b.Acquire(t.Context(), with("d", "3"), "t"); !errors.Is(err, gpu.ErrNoGPU) {
			t.Errorf("more than there are: %v", err)
		}
		b.must(b.ask(t.Context(), with("a", "1"), "t", "/echo", nil))
	})
}

func TestPoolWithoutGPUs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, nil)
		defer b.close()
		s := testSpec("a")
		s.GPUs = gpu.Request{Count: 1}
		if _, err := b.Acquire(t.Context(), s, "t"); !errors.Is(err, gpu.ErrNoGPU) || !errors.Is(err, ErrSpec) {
			t.Errorf("%v", err)
		}
	})
}
