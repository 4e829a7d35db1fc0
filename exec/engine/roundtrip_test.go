package engine

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/exec/exectest"
)

// socketRunner is the fake with its tasks on a real unix socket.
type socketRunner struct {
	exectest.Runner
	path string
}

func (r *socketRunner) Start(ctx context.Context, t exec.Task, s exec.Streams) (exec.Handle, error) {
	h, err := r.Runner.Start(ctx, t, s)
	return socketHandle{h, r.path}, err
}

type socketHandle struct {
	exec.Handle
	path string
}

func (h socketHandle) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", h.path)
}

// serveEcho has the engine without a model on a unix socket.
func serveEcho(tb testing.TB, model string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	srv := &http.Server{Handler: handler.New(handler.Config{Model: model})}
	go func() { _ = srv.Serve(l) }()
	tb.Cleanup(func() { _ = srv.Close() })
	return path
}

// BenchmarkRoundTrip is one request to an engine without a model: over the
// pool, and with nothing between as the baseline.
func BenchmarkRoundTrip(b *testing.B) {
	path := serveEcho(b, "a")
	body := []byte(`{"model":"a","messages":[{"role":"user","content":"one two three"}]}`)
	do := func(b *testing.B, rt http.RoundTripper) {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://engine/v1/chat/completions", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		_ = resp.Body.Close()
	}
	b.Run("socket", func(b *testing.B) {
		plain := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return socketHandle{path: path}.Dial(ctx)
		}}
		defer plain.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			do(b, plain)
		}
	})
	r := &socketRunner{path: path}
	r.Serve = func(exec.Task) http.Handler { return http.NotFoundHandler() }
	p, err := NewPool(Default(), r, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	s := testSpec("a")
	s.Parallel = 64
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			slot, err := p.Acquire(b.Context(), s, "t")
			if err != nil {
				b.Fatal(err)
			}
			do(b, slot)
			slot.Release()
		}
	})
	b.Run("pool-parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				slot, err := p.Acquire(b.Context(), s, "t")
				if err != nil {
					b.Error(err)
					return
				}
				do(b, slot)
				slot.Release()
			}
		})
	})
}

// TestRoundTripKeepsConnections: a hundred requests, one connection.
func TestRoundTripKeepsConnections(t *testing.T) {
	t.Parallel()
	r := &countingRunner{}
	r.Serve = func(exec.Task) http.Handler { return handler.New(handler.Config{Model: "a"}) }
	p, err := NewPool(Default(), r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for range 100 {
		slot, err := p.Acquire(t.Context(), testSpec("a"), "t")
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/completions", strings.NewReader(`{"model":"a","prompt":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := slot.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
			t.Error(resp.Status, err)
		}
		_ = resp.Body.Close()
		slot.Release()
	}
	cancel()
	<-ended
	if n := r.dials.Load(); n > 6 { // some before it listened
		t.Errorf("%d connections for 100 requests", n)
	}
}

// countingRunner counts connections.
type countingRunner struct {
	exectest.Runner
	dials atomic.Int32
}

func (r *countingRunner) Start(ctx context.Context, t exec.Task, s exec.Streams) (exec.Handle, error) {
	h, err := r.Runner.Start(ctx, t, s)
	return countingHandle{h, r}, err
}

type countingHandle struct {
	exec.Handle
	r *countingRunner
}

func (h countingHandle) Dial(ctx context.Context) (net.Conn, error) {
	h.r.dials.Add(1)
	return h.Handle.Dial(ctx)
}

// TestRoundTripAgain: an engine that closes kept connections without a word
// costs nobody a request.
func TestRoundTripAgain(t *testing.T) {
	t.Parallel()
	r := &exectest.Runner{Listen: func(ctx context.Context, _ exec.Task, l net.Listener) exec.Result {
		for ctx.Err() == nil {
			c, err := l.Accept()
			if err != nil {
				break
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for n := range 2 {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if n == 1 && req.URL.Path != "/health" {
						return // without an answer
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
		return exec.Result{Reason: exec.ReasonOK}
	}}
	p, err := NewPool(Default(), r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for range 20 {
		slot, err := p.Acquire(t.Context(), testSpec("a"), "t")
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/completions", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := slot.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		slot.Release()
		if len(req.Header) > 0 {
			t.Errorf("the caller's header was changed: %v", req.Header)
		}
	}
	cancel()
	<-ended
}
