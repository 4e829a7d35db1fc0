package serving_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/wire"
)

// soon is far less than any time limit of a stream, and enough for a busy machine.
const soon = 15 * time.Second

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func TestRequestRefused(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{Path: "/home/somebody/secret"}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	other := r.client()
	mustLease(t, other, 1000, 500)
	good := chat("hello", "")
	do := func(change func(*http.Request)) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://p/v1/chat/completions", strings.NewReader(good))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(HeaderLease, c.job.String())
		change(req)
		resp, err := c.http.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(raw)
	}
	body := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s)) }
	}
	for name, tt := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"a foreign lease":   {func(r *http.Request) { r.Header.Set(HeaderLease, other.job.String()) }, 402, CodeLeaseUnknown},
		"no lease":          {func(r *http.Request) { r.Header.Del(HeaderLease) }, 402, CodeLeaseUnknown},
		"half a lease":      {func(r *http.Request) { r.Header.Set(HeaderLease, "00ff") }, 402, CodeLeaseUnknown},
		"another path":      {func(r *http.Request) { r.URL.Path = "/metrics" }, 404, "no such path"},
		"a path around":     {func(r *http.Request) { r.URL.Path = "/v1/../metrics" }, 404, "no such path"},
		"GET":               {func(r *http.Request) { r.Method = http.MethodGet }, 405, "only POST"},
		"an announced GiB":  {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(zeros{}), 1<<30 }, 413, "request_too_large"},
		"a chunked GiB":     {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(zeros{}), -1 }, 413, "request_too_large"},
		"a header bomb":     {func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 64<<10)) }, 431, ""},
		"no JSON":           {body("{"), 400, "invalid_request_error"},
		"a member twice":    {body(`{"max_tokens":1,"max_tokens":9,"messages":[]}`), 400, "given twice"},
		"another spelling":  {body(`{"messages":[{"role":"user","content":"x"}],"Max_Tokens":9}`), 400, "spelt"},
		"an engine's fault": {body(chat("!fail", "")), 502, "the engine failed"},
	} {
		status, text := do(tt.change)
		if strings.Contains(text, e.Path) {
			t.Errorf("%s: a path of this machine is told: %s", name, text)
		}
		if status != tt.status || !strings.Contains(text, tt.code) {
			t.Errorf("%s: %d %.200q, want %d %s", name, status, text, tt.status, tt.code)
		}
	}
	if n, active := r.s.Inflight(c.key.PubKey(), c.job); n != 0 || active != 0 {
		t.Errorf("%d reserved for %d requests after the end", n, active)
	}
	if u := c.used; u != (totals{}) {
		t.Errorf("refusals were metered: %+v", u)
	}
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestCreditBound(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	want := func(name, code string) {
		t.Helper()
		if resp, text := c.ask(chat("x", `,"max_tokens":1`)); resp.StatusCode != 402 || !strings.Contains(text, code) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	// A request reserves at most 64 prompt tokens and 2 for the answer.
	mustLease(t, c, 65, 65)
	want("a budget below one request", CodeBudget)

	mustLease(t, c, 1000, 10)
	if resp, text := c.ask(chat("one two three four", "")); resp.StatusCode != 200 {
		t.Fatalf("the first request: %s", text)
	}
	want("12 unpaid of a window of 10", CodeWindowDue)
	c.settle()
	if resp, text := c.ask(chat("one", "")); resp.StatusCode != 200 {
		t.Errorf("after the window was paid: %s", text)
	}
	r.pass(r.cfg.Overdue + time.Second)
	want("3 unpaid for too long", CodeWindowDue)
	c.settle()
	r.pass(time.Hour)
	want("past the deadline", CodeLeaseEnded)

	r2 := newRig(t, r.pool)
	r2.credit.Limit = 100
	r2.start(r2.disk)
	c = r2.client()
	mustLease(t, c, 1000, 500)
	first := c.job
	if resp, text := c.ask(chat(strings.Repeat("x ", 20), `,"max_tokens":1`)); resp.StatusCode != 200 {
		t.Fatal(text)
	}
	want("60 of 100 used", CodeNoCredit)
	mustLease(t, c, 1000, 500)
	if c.job == first {
		t.Fatal("the same lease")
	}
	want("60 of 100 used on another lease", CodeNoCredit)
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 1, 1))
	r.cfg.PerPeer = 3
	r.start(r.disk)
	c := r.client()
	mustLease(t, c, 10_000, 1000)
	// begin sends a request that ends when it is left.
	begin := func() (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://p/v1/chat/completions", strings.NewReader(chat("!mute", "")))
			req.Header.Set(HeaderLease, c.job.String())
			if resp, err := c.http.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		return func() { cancel(); <-ended }
	}
	load := func(active, queued int) func() bool {
		return func() bool { l := r.pool.Load(r.model); return l.Active == active && l.Queued == queued }
	}
	leaveWork := begin()
	until(t, "a request works", func() bool { return e.Served.Load() == 1 })
	leaveQueue := begin()
	until(t, "one request works and one waits", load(1, 1))
	if resp, text := c.ask(chat("x", "")); resp.StatusCode != 429 {
		t.Errorf("a full queue: %d %s", resp.StatusCode, text)
	}
	leaveQueue() // before the other's place is free: it never has the engine
	until(t, "nobody waits", load(1, 0))
	leaveWork()
	until(t, "the engine learns that its client went", func() bool { return e.Left.Load() == 1 })
	until(t, "the places are free", func() bool { _, n := r.s.Inflight(c.key.PubKey(), c.job); return n == 0 })
	if resp, text := c.ask(chat("x", "")); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", resp.StatusCode, text)
	}
	// "!mute" are five bytes: two tokens, of the one that the engine had.
	if c.used != (totals{2, 1 + 2, 1}) {
		t.Errorf("a prompt that was read and one that waited are metered as %+v", c.used)
	}
}

// TestClientGone cancels in the middle of a stream: the engine stops, and what
// was sent is metered.
func TestClientGone(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://p/v1/chat/completions", strings.NewReader(chat("!hang one two", `,"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(HeaderLease, c.job.String())
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.Contains(line, "one") {
		t.Fatalf("%q, %v", line, err)
	}
	start := time.Now()
	cancel()
	until(t, "the engine stops", func() bool { return e.Left.Load() == 1 })
	if d := time.Since(start); d > soon {
		t.Errorf("the engine learnt of it after %v", d)
	}
	until(t, "the request ends", func() bool { _, n := r.s.Inflight(c.key.PubKey(), c.job); return n == 0 })
	c.ask(chat("x", ""))
	if c.used.Requests != 2 || c.used.Out != 2 || c.used.In < 4 {
		t.Errorf("metered %+v", c.used)
	}
	_ = resp.Body.Close()
}

func TestEngineFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	for _, stream := range []string{"", `,"stream":true`} {
		if resp, text := c.ask(chat("!crash", stream)); resp.StatusCode != 503 || !strings.Contains(text, CodeEngineCrashed) {
			t.Errorf("before the first byte: %d %s", resp.StatusCode, text)
		}
	}
	resp, text := c.ask(chat("!cut one two three", `,"stream":true`))
	events := strings.Split(strings.TrimSpace(text), "\n\n")
	if last := events[len(events)-1]; resp.StatusCode != 200 || len(events) != 3 || !strings.HasPrefix(last, `data: {"error":`) || !strings.Contains(last, CodeEngineCrashed) {
		t.Errorf("in mid-stream: %d %s", resp.StatusCode, text)
	}
	if u, ok := ParseUsage(resp.Trailer.Get(HeaderUsage)); !ok || u.Out != 2 {
		t.Errorf("a stream cut after two words is metered as %v", resp.Trailer)
	}
}

// TestHalfAnswer wants a long answer that is no stream to fail where it is read,
// and not to be metered, when the engine ends within it.
func TestHalfAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	resp, err := c.post("/v1/chat/completions", strings.NewReader(chat("!half", "")))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(resp.Body); err == nil || len(raw) < 32<<10 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	_ = resp.Body.Close()
	c.ask(chat("one", ""))
	if c.used != (totals{1, 1, 1}) {
		t.Errorf("metered %+v", c.used)
	}
	resp, text := c.ask(chat("!bare one two", ""))
	if u, ok := ParseUsage(resp.Trailer.Get(HeaderUsage)); !ok || u.Out != 0 || u.In == 0 {
		t.Errorf("an answer without a usage is metered as %v: %s", resp.Trailer, text)
	}
}

// TestOutgrows lets a stream that named no maximum go on as far as the budget
// reaches, and no further.
func TestOutgrows(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 5000, 1000)
	resp, text := c.ask(chat("!flood", `,"stream":true`))
	if resp.StatusCode != 200 || !strings.Contains(text[strings.LastIndex(strings.TrimSpace(text), "\n"):], CodeBudget) {
		t.Errorf("%d …%s", resp.StatusCode, text[max(0, len(text)-300):])
	}
	if cost := c.used.In + 2*c.used.Out; cost > 5000+8 || cost < 2000 {
		t.Errorf("%+v of a budget of 5000", c.used)
	}
	until(t, "the engine stops", func() bool { return e.Left.Load() == 1 })
}

func TestEmbeddingsMetered(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	resp, err := c.post("/v1/embeddings", strings.NewReader(`{"model":"m","input":["one two","three"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Trailer.Get(HeaderUsage); !strings.HasPrefix(got, "in=3,out=0,") {
		t.Errorf("metered %q", got)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 1, 1))
	if _, ok := r.s.Local("other"); ok {
		t.Error("a model that is not served")
	}
	for _, name := range []string{"demo", testCID, "demo"} {
		rt, ok := r.s.Local(name)
		if !ok {
			t.Fatal("no", name)
		}
		resp, err := (&http.Client{Transport: rt}).Post("http://any/v1/chat/completions", "application/json", strings.NewReader(chat("hello", "")))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(raw), `"model":"demo"`) {
			t.Errorf("%s, %v", raw, err)
		}
		_ = resp.Body.Close()
	}
}

// Engines that know max_tokens alone keep to max_completion_tokens too.
func TestMaxCompletionTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 1, 1))
	c := r.client()
	mustLease(t, c, 1000, 500)
	rt, ok := r.s.Local("demo")
	if !ok {
		t.Fatal("not served")
	}
	for more, want := range map[string]string{
		"":                           "one two three four",
		`,"max_tokens":3`:            "one two three",
		`,"max_completion_tokens":2`: "one two",
		`,"max_completion_tokens":2,"max_tokens":null`: "one two",
		`,"max_completion_tokens":1,"max_tokens":3`:    "one",
	} {
		body := chat("!keep one two three four", more)
		want = `"content":"` + want + `"`
		if _, got := c.ask(body); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", more, got, want)
		}
		resp, err := (&http.Client{Transport: rt}).Post("http://any/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("locally %s: %s, want %s (%v)", more, raw, want, err)
		}
		_ = resp.Body.Close()
	}
}

func TestQuoteRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 1, 1))
	c := r.client()
	good := wire.InferOffer{Job: wire.ID{1}, Model: testCID, Unit: "credits", Rail: "credit", Budget: 10, Deadline: r.now().Add(time.Hour).Unix()}
	for name, tt := range map[string]struct {
		change func(*wire.InferOffer)
		code   string
	}{
		"no fault":      {func(*wire.InferOffer) {}, ""},
		"another model": {func(o *wire.InferOffer) { o.Model = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" }, CodeRefused},
		"price in":      {func(o *wire.InferOffer) { o.MaxIn = 999_999 }, CodeRefused},
		"price out":     {func(o *wire.InferOffer) { o.MaxOut = 1 }, CodeRefused},
		"rail":          {func(o *wire.InferOffer) { o.Rail = "lightning" }, CodeRefused},
		"unit":          {func(o *wire.InferOffer) { o.Unit = "msat" }, CodeRefused},
		"past":          {func(o *wire.InferOffer) { o.Deadline = 1 }, CodeStale},
		"far":           {func(o *wire.InferOffer) { o.Deadline = r.now().Add(48 * time.Hour).Unix() }, CodeRefused},
	} {
		o := good
		tt.change(&o)
		_, err := r.s.Quote(t.Context(), c.key.PubKey(), c.seal(o))
		if tt.code == "" && err != nil || tt.code != "" && CodeOf(err) != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConnEnds wants a connection to end with its context, in the middle of an
// answer too.
func TestConnEnds(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	mine, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.s.ServeNetConn(ctx, c.key.PubKey(), theirs)
	}()
	body := chat("!hang one", `,"stream":true`)
	go func() {
		_, _ = fmt.Fprintf(mine, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", HeaderLease, c.job, len(body), body)
	}()
	if line, err := bufio.NewReader(mine).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(3 * time.Minute):
		t.Fatal("the connection outlives its context")
	}
	until(t, "the engine stops", func() bool { return e.Left.Load() == 1 })
	if _, err := io.ReadAll(mine); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
