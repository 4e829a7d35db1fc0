package serving_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

const (
	testCID    = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	testDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// totals is what was used of a lease.
type totals struct{ Requests, In, Out uint64 }

// rig is a provider with real rail, ledger and store, and clients that pay it
// over pipes.
type rig struct {
	t      testing.TB
	key    *identity.Key
	disk   store.Store
	cfg    Config
	credit credit.Config
	pool   Pool
	model  Model
	over   func(*rails.Set) Rail // what is taken, where that is not credit alone

	mu    sync.Mutex
	clock time.Time
	rail  *credit.Rail
	book  *reputation.Ledger
	s     *Server
	conns sync.WaitGroup
	lines []*http.Transport // of the clients
	fault []string          // told of clients
}

func newKey(t testing.TB) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newRig returns a provider whose pool answers; it is not running.
func newRig(t testing.TB, pool Pool) *rig {
	t.Helper()
	r := &rig{t: t, key: newKey(t), disk: store.NewMem(), cfg: Default(), credit: credit.Default(), pool: pool, clock: time.Now()}
	r.model = Model{Name: "demo", CID: testCID, Image: testDigest, Context: 64, Parallel: 4,
		Rates: []payments.TokenRate{{In: 1_000_000, Out: 2_000_000, Unit: payments.Credits}}}
	r.start(r.disk)
	t.Cleanup(r.conns.Wait)
	return r
}

// start makes everything anew on a store, as after a crash.
func (r *rig) start(s store.Store) {
	r.t.Helper()
	for _, l := range r.lines {
		l.CloseIdleConnections()
	}
	var err error
	log := slog.New(slog.DiscardHandler)
	nobody := func(context.Context, identity.PubKey) (credit.Conn, error) { return nil, io.ErrClosedPipe }
	if r.rail, err = credit.New(r.credit, r.key, store.Prefix(s, "rail/"), nobody, r.now, log); err != nil {
		r.t.Fatal(err)
	}
	r.book = reputation.NewLedger(r.key.PubKey(), store.Prefix(s, "book/"), reputation.Default())
	r.s, err = New(r.cfg, Deps{Key: r.key, Store: store.Prefix(s, "infer/"), Rail: r.taken(), Ledger: r.book, Pool: r.pool, Log: log, Now: r.now,
		Betrayed: func(fault string, docs ...wire.Event) {
			if len(docs) != 2 || docs[0].Kind != wire.KindLease || docs[1].Kind != wire.KindDisclosure {
				r.t.Errorf("%s is told of by %v", fault, texts(docs))
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.fault = append(r.fault, fault)
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.s.Add(r.model); err != nil {
		r.t.Fatal(err)
	}
}

// now is the time of all parts: it goes on by a little whenever it is asked for,
// and not while the machine is busy with something else.
func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(time.Microsecond)
	return r.clock
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// client is one client of a rig.
type client struct {
	r    *rig
	key  *identity.Key
	rail *credit.Rail
	http *http.Client

	cid  string // of the model to lease; "" is testCID
	unit string // and the rail it is paid on; "" is credit
	on   string
	sec  wire.ID // draws the audits; zero: there are none
	num  string  // of the next request; "" none
	job  wire.ID
	rate payments.TokenRate
	seq  uint32
	sum  totals // as the last window stated it
	used totals // as the trailers told
}

func (r *rig) client() *client {
	r.t.Helper()
	c := &client{r: r, key: newKey(r.t)}
	dial := func(ctx context.Context, _ identity.PubKey) (credit.Conn, error) {
		mine, theirs := net.Pipe()
		r.conns.Go(func() { _ = r.rail.ServeStream(context.WithoutCancel(ctx), c.key.PubKey(), theirs) })
		return mine, nil
	}
	var err error
	if c.rail, err = credit.New(credit.Default(), c.key, store.NewMem(), dial, r.now, slog.New(slog.DiscardHandler)); err != nil {
		r.t.Fatal(err)
	}
	tr := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			mine, theirs := net.Pipe()
			s := r.s
			r.conns.Go(func() { s.ServeNetConn(context.Background(), c.key.PubKey(), theirs) })
			return mine, nil
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64,
	}
	c.http = &http.Client{Transport: tr}
	r.lines = append(r.lines, tr)
	r.t.Cleanup(tr.CloseIdleConnections)
	return c
}

func (c *client) seal(m wire.Message) wire.Event {
	c.r.t.Helper()
	ev, err := wire.Seal(c.key, m, c.r.now())
	if err != nil {
		c.r.t.Fatal(err)
	}
	return ev
}

// lease quotes and leases; the returned events are what the provider answered.
func (c *client) lease(budget, window uint64) (quote, accepted wire.Event, err error) {
	c.r.t.Helper()
	c.job, c.seq, c.sum, c.used = wire.ID{}, 0, totals{}, totals{}
	copy(c.job[:], fmt.Sprintf("%032x", time.Now().UnixNano()))
	o := wire.InferOffer{Job: c.job, Model: cmp.Or(c.cid, testCID), Unit: cmp.Or(c.unit, "credits"), Rail: cmp.Or(c.on, "credit"), Budget: budget, Deadline: c.r.now().Add(time.Hour).Unix()}
	quote, err = c.r.s.Quote(c.r.t.Context(), c.key.PubKey(), c.seal(o))
	if err != nil {
		return quote, accepted, err
	}
	q, err := wire.Decode[wire.InferQuote](quote)
	if err != nil {
		c.r.t.Fatal(err)
	}
	c.rate = payments.TokenRate{In: q.In, Out: q.Out, Unit: payments.Unit(q.Unit)}
	accepted, err = c.r.s.Agree(c.key.PubKey(), c.seal(c.terms(quote.ID, o, window)))
	return quote, accepted, err
}

func (c *client) terms(quote wire.ID, o wire.InferOffer, window uint64) wire.Lease {
	l := wire.Lease{Quote: quote, Job: o.Job, Model: o.Model, In: c.rate.In, Out: c.rate.Out, Unit: o.Unit, Rail: o.Rail,
		Budget: o.Budget, Window: window, Deadline: o.Deadline}
	if !c.sec.IsZero() {
		l.AuditCommit, l.AuditMin = wire.SecretHash(c.sec), 100_000
	}
	return l
}

func chat(text string, more string) string {
	return fmt.Sprintf(`{"model":"anything","messages":[{"role":"user","content":%q}]%s}`, text, more)
}

// ask sends a chat and returns the answer, read whole.
func (c *client) ask(body string) (*http.Response, string) {
	c.r.t.Helper()
	resp, err := c.post("/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		c.r.t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if u, ok := ParseUsage(resp.Trailer.Get(HeaderUsage)); ok {
		c.used = totals{u.Requests, u.TotalIn, u.TotalOut}
	}
	return resp, string(raw)
}

func (c *client) post(path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(c.r.t.Context(), http.MethodPost, "http://provider"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set(HeaderLease, c.job.String())
	if c.num != "" {
		req.Header.Set(HeaderNumber, c.num)
	}
	return c.http.Do(req)
}

// next is the window of all that was used since the last.
func (c *client) next() wire.Window {
	return c.windowOf(c.used)
}

func (c *client) windowOf(used totals) wire.Window {
	before, _ := payments.PriceTokens(c.rate, c.sum.In, c.sum.Out)
	after, _ := payments.PriceTokens(c.rate, used.In, used.Out)
	return wire.Window{Job: c.job, Seq: c.seq, Requests: used.Requests - c.sum.Requests,
		InTokens: used.In - c.sum.In, OutTokens: used.Out - c.sum.Out, TotalIn: used.In, TotalOut: used.Out,
		Amount: after.Value - before.Value, Unit: cmp.Or(c.unit, "credits"), Rail: cmp.Or(c.on, "credit")}
}

// say states documents on one stream and returns the answers to each. pay is
// called between the first answer and the second document.
func (c *client) say(first wire.Message, pay func() wire.Event) (answers []wire.Event) {
	c.r.t.Helper()
	mine, theirs := net.Pipe()
	ev := c.seal(first)
	s := c.r.s
	c.r.conns.Go(func() {
		st := &pipeStream{bufio.NewReader(theirs), theirs}
		_ = s.ServeWindowOn(context.Background(), st, c.key.PubKey(), ev)
		_ = theirs.Close()
	})
	defer func() { _ = mine.Close() }()
	in := bufio.NewReader(mine)
	a, err := wire.ReadEvent(in)
	if err != nil {
		return nil
	}
	answers = append(answers, a)
	if pay == nil || a.Kind != wire.KindProgress {
		return answers
	}
	if err := wire.WriteEvent(mine, pay()); err != nil {
		return answers
	}
	if a, err = wire.ReadEvent(in); err == nil {
		answers = append(answers, a)
	}
	return answers
}

type pipeStream struct {
	*bufio.Reader
	net.Conn
}

func (p *pipeStream) Read(b []byte) (int, error) { return p.Reader.Read(b) }

func (c *client) receipt(w wire.Window) wire.Receipt {
	ref := payments.NewRef(w.Job.String(), w.Seq, 0)
	now := c.r.now().UnixMilli()
	return wire.Receipt{Job: w.Job, Shard: w.Seq, Provider: c.r.key.PubKey(), Payer: c.key.PubKey(), Image: testDigest, ModelCID: testCID,
		Units: w.InTokens + w.OutTokens, InTokens: w.InTokens, OutTokens: w.OutTokens, Amount: w.Amount, Unit: w.Unit, Rail: w.Rail,
		Verdict: wire.VerdictOK, Label: wire.LabelClaimed, PayRef: string(ref), StartedMS: now, EndedMS: now}
}

// pay pays a window on the rail.
func (c *client) pay(w wire.Window) error {
	if w.Amount == 0 {
		return nil
	}
	_, err := c.rail.Pay(c.r.t.Context(), payments.Payment{Ref: payments.NewRef(w.Job.String(), w.Seq, 0),
		Peer: c.r.key.PubKey(), Amount: payments.Amount{Value: w.Amount, Unit: payments.Credits}})
	return err
}

// settle states, pays and has receipted all that was used.
func (c *client) settle() {
	c.r.t.Helper()
	w := c.next()
	got := c.say(w, func() wire.Event {
		if err := c.pay(w); err != nil {
			c.r.t.Fatal(err)
		}
		return c.seal(c.receipt(w))
	})
	if len(got) != 2 || got[1].Kind != wire.KindCountersign {
		c.r.t.Fatalf("settled with %v", texts(got))
	}
	c.seq, c.sum = c.seq+1, c.used
}

// texts tells answers for a failure.
func texts(list []wire.Event) (out []string) {
	for _, ev := range list {
		text := ev.Kind.String()
		if m, err := wire.Decode[wire.Error](ev); err == nil {
			text += " " + m.Code + ": " + m.Text
		}
		out = append(out, text)
	}
	return out
}

// codeOf is the code of an Error, or the kind of another document.
func codeOf(list []wire.Event) string {
	if len(list) == 0 {
		return "nothing"
	}
	ev := list[len(list)-1]
	if m, err := wire.Decode[wire.Error](ev); err == nil {
		return m.Code
	}
	return ev.Kind.String()
}

// rails are those of the server: credit alone.
// taken are the rails that the server is paid on.
func (r *rig) taken() Rail {
	if r.over != nil {
		return r.over(r.rails())
	}
	return r.rails()
}

func (r *rig) rails() *rails.Set {
	s, err := rails.New(r.rail)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}
