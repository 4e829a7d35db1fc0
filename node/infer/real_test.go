package infer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// patient has the times of tests over real connections: a machine may be slow,
// which is not what they are about.
func patient() infer.Config {
	c := infer.Default()
	c.QuoteTime, c.Farewell = time.Minute, 3*time.Minute
	c.FirstByte, c.FirstByteMax, c.Idle = 5*time.Minute, 5*time.Minute, 5*time.Minute
	return c
}

// machine is one node of the real thing: a libp2p host on loopback, the credit
// rail, a ledger.
type machine struct {
	host *p2p.Host
	rail *credit.Rail
	book *reputation.Ledger
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	cfg := p2p.Default("test")
	cfg.Listen, cfg.MDNS = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false
	m := &machine{book: reputation.NewLedger(key.PubKey(), store.NewMem(), reputation.Default())}
	if m.host, err = p2p.New(cfg, key, nil, nil); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, p identity.PubKey) (credit.Conn, error) {
		return m.host.Open(ctx, p, p2p.ProtoPay)
	}
	if m.rail, err = credit.New(credit.Default(), key, store.NewMem(), dial, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	m.host.Handle(p2p.ProtoPay, p2p.StreamLimits{}, func(ctx context.Context, s *p2p.Stream) {
		_ = m.rail.ServeStream(ctx, s.Peer(), s)
	})
	runs(t, m.host.Run)
	runs(t, m.rail.Run)
	<-m.host.Ready()
	return m
}

// runs owns a Run for the time of the test.
func runs(t testing.TB, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// warm is a pool of one engine without a model, in this process.
type warm struct {
	base string
	http *http.Transport
}

func (w warm) Acquire(context.Context, serving.Model, string) (serving.Slot, error) { return w, nil }
func (w warm) Load(serving.Model) serving.Load {
	return serving.Load{Parallel: 64, Warm: true}
}
func (w warm) Release() {}
func (w warm) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "http", w.base
	return w.http.RoundTrip(r)
}

// serve makes m a provider of the model.
func (m *machine) serve(t testing.TB, engine http.Handler) *serving.Server {
	t.Helper()
	srv := httptest.NewServer(engine)
	pool := warm{srv.Listener.Addr().String(), &http.Transport{MaxIdleConnsPerHost: 100}}
	t.Cleanup(func() { pool.http.CloseIdleConnections(); srv.Close() })
	return m.serveAs(t, pool, 1000, func(*serving.Deps) {})
}

// serveAs makes m a provider by a pool of its own, for a price.
func (m *machine) serveAs(t testing.TB, pool serving.Pool, price uint64, change func(*serving.Deps)) *serving.Server {
	t.Helper()
	taken, err := rails.New(m.rail)
	if err != nil {
		t.Fatal(err)
	}
	d := serving.Deps{Key: m.host.Key(), Store: store.NewMem(), Rail: taken, Ledger: m.book, Pool: pool}
	change(&d)
	s, err := serving.New(serving.Default(), d)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Add(serving.Model{Name: "demo", CID: infertest.Model, Image: infertest.Image, Context: 8192, Parallel: 64,
		Rates: []payments.TokenRate{{In: price, Out: 3 * price, Unit: payments.Credits}}})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, s.Run)
	doc := func(f func(context.Context, *p2p.Stream, wire.Event) error) func(context.Context, *p2p.Stream) {
		return func(ctx context.Context, st *p2p.Stream) {
			if ev, err := wire.ReadEvent(st.Reader); err == nil {
				_ = f(ctx, st, ev)
			}
		}
	}
	m.host.Handle(p2p.ProtoQuote, p2p.StreamLimits{}, doc(s.ServeInferOffer))
	m.host.Handle(p2p.ProtoJob, p2p.StreamLimits{}, doc(func(ctx context.Context, st *p2p.Stream, ev wire.Event) error {
		if ev.Kind == wire.KindLease {
			return s.ServeLease(ctx, st, ev)
		}
		return s.ServeWindow(ctx, st, ev)
	}))
	m.host.Handle(p2p.ProtoHTTP, p2p.HTTPStreamLimits(), s.ServeConn)
	return s
}

// known is a market of providers that are known.
type known []dht.Found

func (k known) Search(context.Context, dht.Query) ([]dht.Found, error) { return k, nil }

// pair is a client and a provider over libp2p.
func pair(t testing.TB) (client *machine, provider *machine, r *infer.Router) {
	t.Helper()
	client, provider = newMachine(t), newMachine(t)
	s := provider.serve(t, handler.New(handler.Config{Model: "demo"}))
	if err := client.host.Connect(t.Context(), provider.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	r, err := infer.New(patient(), infer.Deps{
		Key: client.host.Key(), Store: store.NewMem(), Peers: infer.Over(client.host), Rail: client.rail, Ledger: client.book,
		Market: known{{Peer: provider.host.ID(), Offer: wire.ProviderOffer{Serves: s.Offer()}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, r.Run)
	return client, provider, r
}

// TestRealServer sends requests to the real server over libp2p, many at once,
// some of them given up, and holds the books of both sides against each other.
func TestRealServer(t *testing.T) {
	t.Parallel()
	client, provider, r := pair(t)
	var all sync.WaitGroup
	const many = 50
	failures := make(chan error, 3*many)
	for i := range many {
		all.Go(func() {
			for round := range 3 {
				failures <- once(t.Context(), r, i, round)
			}
		})
	}
	all.Wait()
	for range 3 * many {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	paid := func(m *machine) (out, in uint64) {
		list, err := m.rail.Balances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			out, in = out+b.Paid, in+b.Received
		}
		return out, in
	}
	eventually(t, func() error {
		out, _ := paid(client)
		_, in := paid(provider)
		l := r.Leases()
		if len(l) != 1 || l[0].Paid != l[0].Spent || l[0].Paid != out || out != in || out == 0 {
			return fmt.Errorf("paid %d, received %d, leases %+v", out, in, l)
		}
		rec, err := client.book.ByPeer(provider.host.ID(), 0)
		if err != nil || len(rec) == 0 || len(rec) != int(l[0].Windows) || !rec[0].Countersigned {
			return fmt.Errorf("%d receipts for %d windows: %w", len(rec), l[0].Windows, err)
		}
		theirs, err := provider.book.ByPeer(client.host.ID(), 0)
		if err != nil || len(theirs) != len(rec) {
			return fmt.Errorf("%d receipts there, %d here: %w", len(theirs), len(rec), err)
		}
		return nil
	})
}

// once sends one request; in the third round every fifth is given up.
func once(ctx context.Context, r *infer.Router, i, round int) error {
	question := strings.TrimSpace(strings.Repeat(fmt.Sprintf("alpha%d beta ", i), 1+i%4))
	req := chat(question, 0, round != 1)
	leave := round == 2 && i%5 == 0
	if leave {
		req = chat(question+" @repeat=2000 @delay=1ms", 0, true)
	}
	res, err := r.Do(ctx, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if leave {
		_, err := io.ReadFull(res.Body, make([]byte, 2000))
		return err
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	text := string(raw)
	if req.Stream {
		text = ""
		for line := range strings.SplitSeq(string(raw), "\n") {
			var c struct {
				Choices []struct{ Delta struct{ Content string } }
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &c) == nil && len(c.Choices) > 0 {
				text += c.Choices[0].Delta.Content
			}
		}
	}
	if !strings.Contains(text, question) {
		return fmt.Errorf("asked %q, got %.300q", question, raw)
	}
	return nil
}

// eventually waits for check to hold.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal(err)
		}
	}
}
