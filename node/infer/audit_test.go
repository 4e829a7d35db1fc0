package infer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// class is the hardware of all machines here.
const class = "cpu-test"

// direct is a pool of one real engine; replay changes its replays.
type direct struct {
	e      *infer.Engine
	replay func(*openai.ReplayResponse)
}

func over(e *infer.Engine) direct { return direct{e: e} }

func (d direct) Acquire(context.Context, serving.Model, string) (serving.Slot, error) { return d, nil }
func (d direct) Load(serving.Model) serving.Load                                      { return serving.Load{Parallel: 64, Warm: true} }
func (d direct) Release()                                                             {}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.e.Transport.RoundTrip(r)
	if err != nil || d.replay == nil || r.URL.Path != "/infernet/replay" {
		return resp, err
	}
	defer resp.Body.Close()
	var out openai.ReplayResponse
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	d.replay(&out)
	raw, err := json.Marshal(out)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return resp, err
}

// lying is an auditor whose replays say that nothing is right.
func lying(e *infer.Engine) direct {
	return direct{e, func(out *openai.ReplayResponse) {
		for i := range out.Tokens {
			tok := &out.Tokens[i]
			tok.Rank, tok.Top.Logprob, tok.Sampled, tok.Outside = 7, tok.Logprob+9, -30, true
			if tok.Drawn != nil {
				tok.Drawn.ID, tok.Drawn.Gap = tok.ID+1, 9
			}
		}
	}}
}

// court is a client among providers with real engines.
type court struct {
	client    *machine
	providers []*machine
	stores    []store.Store
	book      *reputation.Book
	store     store.Store
	r         *infer.Router
	cfg       infer.Config

	mu       sync.Mutex
	betrayed []string
}

// newCourt makes the first provider the cheapest: it is asked first.
func newCourt(t *testing.T, change func(*infer.Config, *infer.Deps), engines ...direct) *court {
	t.Helper()
	c := &court{client: newMachine(t), store: store.NewMem(), cfg: patient()}
	var offers known
	for i, e := range engines {
		m, db := newMachine(t), store.NewMem()
		s := m.serveAs(t, e, uint64(1000+1000*min(i, 1)), func(d *serving.Deps) {
			d.Store = db
			d.Betrayed = func(fault string, _ ...wire.Event) {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.betrayed = append(c.betrayed, fault)
			}
		})
		c.providers, c.stores = append(c.providers, m), append(c.stores, db)
		offers = append(offers, dht.Found{Peer: m.host.ID(), Offer: wire.ProviderOffer{Serves: s.Offer(), Class: class}})
		if err := c.client.host.Connect(t.Context(), m.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if c.book, err = reputation.NewBook(c.client.host.ID(), store.NewMem(), reputation.Default()); err != nil {
		t.Fatal(err)
	}
	c.cfg.PayIdle, c.cfg.AuditFloor = 300*time.Millisecond, 1000
	d := infer.Deps{
		Key: c.client.host.Key(), Store: c.store, Peers: infer.Over(c.client.host), Rail: c.client.rail, Ledger: c.book.Ledger(), Market: offers,
		Trust: c.book, Rand: func() float64 { return 0 },
	}
	if change != nil {
		change(&c.cfg, &d)
	}
	if c.r, err = infer.New(c.cfg, d); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs the router until stop.
func (c *court) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// ask asks the nth question and returns who answered.
func (c *court) ask(t *testing.T, i int, how string) identity.PubKey {
	t.Helper()
	req := infer.Request{Model: "demo", Path: "/v1/chat/completions", Stream: i%2 == 0}
	req.Body = fmt.Appendf(nil, `{"model":"demo","stream":%v%s,"messages":[{"role":"user","content":%q}]}`, req.Stream, how, infer.QuestionOf(i))
	if !strings.Contains(how, "max_tokens") {
		req.Body = bytes.Replace(req.Body, []byte(`{`), []byte(`{"max_tokens":48,`), 1)
	}
	res, err := c.r.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(raw), `"error"`) {
		t.Fatalf("%v: %s", err, raw[max(0, len(raw)-600):])
	}
	return res.Provider
}

// caughtUp waits until all that was drawn is audited, or somebody is suspected:
// what confirms a suspicion are replays, too.
func (c *court) caughtUp(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		if s := c.r.AuditStats(); s.Suspected == 0 && s.Replayed+s.Dropped+s.Inconclusive < s.Drawn {
			return fmt.Errorf("the audits do not keep up: %+v", s)
		}
		return nil
	})
}

// bad are the receipts that blame a provider.
func (c *court) bad(t *testing.T, p *machine) (bad []reputation.Record) {
	t.Helper()
	all, err := c.book.Ledger().ByPeer(p.host.ID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Receipt.Verdict != wire.VerdictOK {
			bad = append(bad, r)
		}
	}
	return bad
}

func TestAuditsCatchAnotherModel(t *testing.T) {
	t.Parallel()
	cheater := infer.ServeEngine(t, infer.VariantOf(t, gguftest.Quantise(4)))
	honest := infer.ServeEngine(t, infer.VariantOf(t, nil))
	// Nothing is paid before it is looked at, however long that takes.
	late := func(cfg *infer.Config, _ *infer.Deps) { cfg.PayIdle = time.Hour }
	c := newCourt(t, late, over(cheater), over(honest), over(honest))
	c.run(t)
	n := 0
	for ; c.r.AuditStats().Suspected == 0; n++ {
		if n == 100 {
			t.Fatalf("not found: %+v", c.r.AuditStats())
		}
		how := `,"temperature":0`
		if n%3 == 0 {
			how = ""
		}
		by := c.ask(t, n, how)
		c.caughtUp(t)
		if by != c.providers[0].host.ID() && c.r.AuditStats().Confirmed == 0 {
			t.Fatalf("request %d was answered by another", n)
		}
	}
	eventually(t, func() error {
		bad := c.bad(t, c.providers[0])
		if len(bad) != 1 || bad[0].Receipt.Verdict != wire.VerdictBad || bad[0].Receipt.Blame != wire.BlameProvider ||
			bad[0].Receipt.Amount != 0 || bad[0].Receipt.Class != class || bad[0].Receipt.Audits == 0 {
			return fmt.Errorf("receipts %+v", bad)
		}
		return nil
	})
	var lease infer.LeaseInfo
	for _, l := range c.r.Leases() {
		switch {
		case l.Lease == c.bad(t, c.providers[0])[0].Receipt.Job:
			lease = l
		case l.Provider != c.providers[0].host.ID() && l.State == "disputed":
			t.Errorf("an honest provider's lease: %+v", l)
		}
	}
	if lease.State != "disputed" || lease.Paid >= lease.Spent {
		t.Errorf("the lease %+v", lease)
	}
	p, ok, err := c.r.ProofOf(lease.Lease)
	if err != nil || !ok || len(p.Answers) == 0 || len(p.Findings) != 2 || p.Findings[0].By[0] == p.Findings[1].By[0] || p.Findings[1].Answer != "mismatch" {
		t.Errorf("the proof %+v, %v", p, err)
	}
	if by := c.ask(t, n+1, ""); by == c.providers[0].host.ID() {
		t.Error("the cheater is asked again")
	}
	t.Logf("found after %d answers; %+v", n, c.r.AuditStats())
}

func TestAuditsOfTheHonest(t *testing.T) {
	t.Parallel()
	honest := infer.ServeEngine(t, infer.VariantOf(t, nil))
	c := newCourt(t, nil, over(honest), over(honest))
	stop := c.run(t)
	for i := range 30 {
		c.ask(t, i, []string{"", `,"temperature":0`, `,"temperature":0.7,"top_p":0.9,"n":2`}[i%3])
	}
	eventually(t, func() error {
		s := c.r.AuditStats()
		if s.Drawn == 0 || s.Replayed+s.Dropped+s.Inconclusive < s.Drawn || s.Passed == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	stop()
	s := c.r.AuditStats()
	if s.Suspected != 0 || s.Confirmed != 0 || s.Inconclusive != 0 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	ok, audits := 0, uint32(0)
	all, err := c.book.Ledger().ByPeer(c.providers[0].host.ID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if audits += r.Receipt.Audits; r.Receipt.Verdict == wire.VerdictOK && r.Countersigned && r.Receipt.RatePPM >= c.cfg.Audits.Least {
			ok++
		}
	}
	if ok == 0 || ok != len(all) || audits == 0 {
		t.Errorf("%d of %d receipts are well, with %d audits", ok, len(all), audits)
	}
	c.mu.Lock()
	if len(c.betrayed) > 0 {
		t.Errorf("promises broken: %v", c.betrayed)
	}
	c.mu.Unlock()
	shown := 0
	_ = c.stores[0].View(func(tx store.Reader) error {
		return tx.Scan([]byte("shown/"), func(_, raw []byte) error {
			ev, err := wire.Parse(raw)
			if err != nil {
				return err
			}
			m, err := wire.Decode[wire.Disclosure](ev)
			shown += len(m.Rows)
			return err
		})
	})
	if uint64(shown) < s.Drawn {
		t.Errorf("%d rows were disclosed, %d answers drawn", shown, s.Drawn)
	}
	t.Logf("%+v, %d rows", s, shown)
}

func TestOneAuditorBlamesNobody(t *testing.T) {
	t.Parallel()
	honest := infer.ServeEngine(t, infer.VariantOf(t, nil))
	for name, others := range map[string][]direct{
		"alone": {lying(honest)}, "against others": {lying(honest), over(honest), over(honest)},
	} {
		t.Run(name, func(t *testing.T) {
			// Any of them may answer, and any of the others audit: one of them for
			// some answers, each of which is audited. That the liar is not among
			// some hundred of those drawn is not to be expected.
			c := newCourt(t, func(cfg *infer.Config, d *infer.Deps) { cfg.Audits.Least, d.Rand = 1_000_000, nil }, append([]direct{over(honest)}, others...)...)
			c.run(t)
			for n := 0; c.r.AuditStats().Suspected == 0; n++ {
				if n == 1500 {
					t.Fatalf("never suspected: %+v", c.r.AuditStats())
				}
				c.ask(t, n, `,"max_tokens":16`)
				c.caughtUp(t)
			}
			eventually(t, func() error {
				if s := c.r.AuditStats(); s.Inconclusive == 0 {
					return fmt.Errorf("%+v", s)
				}
				return nil
			})
			for _, p := range c.providers {
				if s := c.r.AuditStats(); s.Confirmed != 0 || len(c.bad(t, p)) != 0 {
					t.Errorf("blamed on one word: %+v", s)
				}
			}
		})
	}
}

func TestAuditsKeepToTheirMoney(t *testing.T) {
	t.Parallel()
	honest := infer.ServeEngine(t, infer.VariantOf(t, nil))
	c := newCourt(t, func(cfg *infer.Config, _ *infer.Deps) { cfg.AuditFloor = 1 }, over(honest), over(honest))
	stop := c.run(t)
	for i := range 30 {
		c.ask(t, i, "")
	}
	stop()
	s, spent := c.r.AuditStats(), uint64(0)
	for _, l := range c.r.Leases() {
		spent += l.Spent
	}
	// What was spent is told rounded up, of whole units.
	if most := 1 + spent/10 + 1; s.Spent > most {
		t.Errorf("audits cost %d of %d spent, at most %d: %+v", s.Spent, spent, most, s)
	}
	if s.Drawn == 0 {
		t.Error("nothing was drawn")
	}
}

// TestNobodyToAskHoldsUpNoPayment pays at once for answers that were drawn and that
// nobody independent is there to replay.
func TestNobodyToAskHoldsUpNoPayment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.deps.Trust, b.cfg.Audits.Wait = unknown{}, time.Minute
		b.start()
		defer b.end()
		b.do(chat("hello", 20, true))
		<-time.After(b.cfg.PayIdle + 10*time.Second)
		if s := b.r.AuditStats(); s.Drawn == 0 || s.Replayed != 0 {
			t.Errorf("audits %+v", s)
		}
		if l := b.r.Leases(); len(l) != 1 || l[0].Paid == 0 {
			t.Errorf("leases %+v", l)
		}
	})
}
