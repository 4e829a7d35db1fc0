package serving_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p"
)

// runHost starts a libp2p host on loopback, QUIC alone.
func runHost(t testing.TB) *p2p.Host {
	t.Helper()
	cfg := p2p.Default("test")
	cfg.Listen, cfg.MDNS, cfg.NAT = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false, false
	h, err := p2p.New(cfg, newKey(t), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-h.Ready()
	return h
}

// overNet gives a rig's client streams of real hosts instead of pipes.
func overNet(t testing.TB, r *rig, lim p2p.StreamLimits) (c *client, open func() (*p2p.Stream, error), provider *p2p.Host) {
	t.Helper()
	mine := runHost(t)
	provider = runHost(t)
	provider.Handle(p2p.ProtoHTTP, lim, func(ctx context.Context, st *p2p.Stream) { r.s.ServeConn(ctx, st) })
	if err := mine.Connect(t.Context(), provider.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	c = r.client()
	c.key = mine.Key()
	open = func() (*p2p.Stream, error) { return mine.Open(t.Context(), provider.ID(), p2p.ProtoHTTP) }
	tr := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			st, err := open()
			if err != nil {
				return nil, err
			}
			return p2p.Conn(st), nil
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64,
	}
	c.http = &http.Client{Transport: tr}
	t.Cleanup(tr.CloseIdleConnections)
	return c, open, provider
}

// TestOverNet makes requests over a real connection, and resets one.
func TestOverNet(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c, open, _ := overNet(t, r, p2p.HTTPStreamLimits())
	mustLease(t, c, 1000, 500)
	for range 3 {
		if resp, text := c.ask(chat("one two", `,"stream":true`)); resp.StatusCode != 200 || !strings.Contains(text, "[DONE]") {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
	}
	if c.used != (totals{3, 6, 6}) {
		t.Errorf("used %+v", c.used)
	}
	st, err := open()
	if err != nil {
		t.Fatal(err)
	}
	request(t, st, c, "!hang one")
	if line, err := st.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	start := time.Now()
	if err := st.Reset(); err != nil {
		t.Fatal(err)
	}
	until(t, "the engine stops", func() bool { return e.Left.Load() == 1 })
	if d := time.Since(start); d > soon {
		t.Errorf("the engine learnt of the reset after %v", d)
	}
}

func request(t testing.TB, w io.Writer, c *client, text string) {
	t.Helper()
	body := chat(text, `,"stream":true`)
	if _, err := fmt.Fprintf(w, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", HeaderLease, c.job, len(body), body); err != nil {
		t.Fatal(err)
	}
}

// TestSlowReader wants a client that takes nothing to hold an engine no longer
// than the stream's idle time, and no memory beside the transport's window.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	r.model.Rates[0].In, r.model.Rates[0].Out = 1, 1
	r.start(r.disk)
	lim := p2p.HTTPStreamLimits()
	lim.Idle = 300 * time.Millisecond
	c, open, _ := overNet(t, r, lim)
	mustLease(t, c, 1000, 500)
	st, err := open()
	if err != nil {
		t.Fatal(err)
	}
	request(t, st, c, "!flood")
	until(t, "the engine is told to stop", func() bool { return e.Left.Load() == 1 })
	until(t, "the place is free", func() bool { _, n := r.s.Inflight(c.key.PubKey(), c.job); return n == 0 })
}

// TestManyStreams has a stranger open a thousand streams that say nothing: those
// above the limit are reset, the host bars it at last, and others go on.
// It runs alone, for it looks at the memory of all.
func TestManyStreams(t *testing.T) {
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	lim := p2p.HTTPStreamLimits()
	lim.PerPeer = 32
	c, _, provider := overNet(t, r, lim)
	mustLease(t, c, 1000, 500)
	c.ask(chat("one", ""))
	stranger := runHost(t)
	if err := stranger.Connect(t.Context(), provider.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	opened := 0
	for range 1000 {
		st, err := stranger.Open(t.Context(), provider.ID(), p2p.ProtoHTTP)
		if err != nil {
			break // barred, or at the host's own limit
		}
		if _, err := st.Write([]byte("POST ")); err == nil {
			opened++
		}
	}
	if resp, text := c.ask(chat("one", "")); resp.StatusCode != 200 {
		t.Errorf("beside %d streams: %d %s", opened, resp.StatusCode, text)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("%d streams take %d MiB", opened, grown>>20)
	}
}

// BenchmarkRequests measures requests to an instant engine over a real QUIC
// connection on loopback, client and provider in one process.
func BenchmarkRequests(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("at-once-%d", clients), func(b *testing.B) { benchmark(b, clients, "") })
	}
	b.Run("stream", func(b *testing.B) { benchmark(b, 8, `,"stream":true`) })
}

func benchmark(b *testing.B, clients int, more string) {
	r := newRig(b, newPool(b, &servingtest.Engine{}, 64, 256))
	r.model.Rates[0].In, r.model.Rates[0].Out = 1, 1
	r.start(r.disk)
	c, _, _ := overNet(b, r, p2p.HTTPStreamLimits())
	mustLease(b, c, 1_000_000, 1000)
	ctx, cancel := context.WithCancel(b.Context())
	var books sync.WaitGroup
	books.Go(func() { _ = r.s.Run(ctx) })
	body := chat("the quick brown fox", more)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, clients)
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				resp, err := c.post("/v1/chat/completions", strings.NewReader(body))
				if err != nil || resp.StatusCode != 200 {
					b.Error(resp, err)
					return
				}
				if _, err := io.Copy(io.Discard, bufio.NewReader(resp.Body)); err != nil {
					b.Error(err)
				}
				_ = resp.Body.Close()
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	cancel()
	books.Wait()
	times := slices.Concat(took...)
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
