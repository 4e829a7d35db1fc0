package infer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// bed is a client among providers.
type bed struct {
	t        testing.TB
	cfg      infer.Config
	deps     infer.Deps
	net      *infertest.Net
	p        []*infertest.Provider
	rail     *paymentstest.Fake
	fault    func(paymentstest.Fault)
	ledger   *reputation.Ledger
	words    *infertest.Words
	r        *infer.Router
	stop     func()
	tolerant bool // of errors of Run
	mu       sync.Mutex
	penalise map[identity.PubKey]int
}

const plenty = 1 << 40

// newBed makes a client and n providers; start runs its router.
func newBed(t testing.TB, n int) *bed {
	keys := make([]*identity.Key, n+1)
	ids := make([]identity.PubKey, n+1)
	for i := range keys {
		k, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		keys[i], ids[i] = k, k.PubKey()
	}
	rails, fault := paymentstest.NewFakes(plenty, time.Now, ids...)
	b := &bed{
		t: t, cfg: infer.Default(), net: infertest.NewNet(ids[0]), rail: rails[0], fault: fault,
		words: &infertest.Words{}, penalise: map[identity.PubKey]int{},
	}
	for i := 1; i <= n; i++ {
		p := infertest.New(keys[i], rails[i])
		p.Words = b.words
		b.net.Add(p)
		b.p = append(b.p, p)
	}
	b.ledger = reputation.NewLedger(ids[0], store.NewMem(), reputation.Default())
	b.deps = infer.Deps{
		Key: keys[0], Store: store.NewMem(), Peers: b.net, Market: b.net, Rail: b.rail, Ledger: b.ledger,
		Tokens: func(string) meter.Tokenizer { return b.words },
		Rand:   func() float64 { return 0 }, // the likeliest first
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return b
}

func (b *bed) start() *bed {
	b.t.Helper()
	var err error
	if b.r, err = infer.New(b.cfg, b.deps); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.r.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil && !b.tolerant {
			b.t.Errorf("Run: %v", err)
		}
		b.stop = func() {}
	}
	return b
}

// end stops everything; a bubble of synctest then finds goroutines that stay.
func (b *bed) end() {
	b.stop()
	for _, p := range b.p {
		p.Close()
	}
}

// chat is one of one question for n words; n 0 has no bound.
func chat(question string, n int, stream bool) infer.Request {
	body := map[string]any{
		"model": "demo", "stream": stream,
		"messages": []map[string]string{{"role": "user", "content": question}},
	}
	if n > 0 {
		body["max_tokens"] = n
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return infer.Request{Model: "demo", Path: "/v1/chat/completions", Body: raw, Stream: stream}
}

// do asks and reads the whole answer.
func (b *bed) do(req infer.Request) (answer, *infer.Response) {
	b.t.Helper()
	res, err := b.r.Do(b.t.Context(), req)
	if err != nil {
		b.t.Fatalf("Do: %v", err)
	}
	defer res.Body.Close()
	return readAnswer(b.t, res, req.Stream), res
}

// answer is what a client makes of an answer.
type answer struct {
	text   string
	ids    map[string]bool // of the events
	usage  *openai.Usage
	last   string // kind of the last event: usage, done, error, text
	err    *openai.Error
	events int
}

func readAnswer(t testing.TB, res *infer.Response, stream bool) answer {
	t.Helper()
	a := answer{ids: map[string]bool{}}
	if !stream {
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		var c openai.ChatResponse
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%v: %.200q", err, raw)
		}
		a.text, a.usage = c.Choices[0].Message.Content.Text, c.Usage
		return a
	}
	events := openai.NewEventReader(res.Body, 1<<20)
	var kinds []string
	for {
		ev, err := events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %q: %v", a.text, err)
		}
		kinds = append(kinds, a.event(t, ev))
	}
	a.last = kinds[len(kinds)-1]
	if i := len(kinds) - 2; a.last == "done" && (i < 0 || kinds[i] != "usage") {
		t.Errorf("the usage is not last before the end: %v", kinds)
	}
	return a
}

func (a *answer) event(t testing.TB, ev openai.Event) string {
	a.events++
	if ev.Done() {
		return "done"
	}
	if bytes.Contains(ev.Data, []byte(`"error"`)) {
		a.err = openai.ReadError(502, ev.Data)
		return "error"
	}
	var c openai.ChatChunk
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		t.Fatalf("%v: %q", err, ev.Data)
	}
	a.ids[c.ID] = true
	for _, ch := range c.Choices {
		if ch.Delta.Content != nil {
			a.text += *ch.Delta.Content
		}
	}
	if c.Usage != nil {
		a.usage = c.Usage
		return "usage"
	}
	return "text"
}

// books holds what was paid against what the providers metered, and their
// journals against ours.
func (b *bed) books() (paid uint64) {
	b.t.Helper()
	var metered uint64
	for _, p := range b.p {
		for _, l := range p.Leases() {
			metered += l.Price()
		}
	}
	bal, err := b.rail.Balances(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, one := range bal {
		paid += one.Paid
	}
	if paid != metered {
		b.t.Errorf("paid %d, metered %d", paid, metered)
	}
	return paid
}

// failed asks and expects an error of that status and code.
func (b *bed) failed(req infer.Request, status int, code string) *openai.Error {
	b.t.Helper()
	res, err := b.r.Do(b.t.Context(), req)
	if err == nil {
		res.Body.Close()
		b.t.Fatalf("answered, want %d %s", status, code)
	}
	var e *openai.Error
	if !errors.As(err, &e) || e.Status != status || e.Code != code {
		b.t.Fatalf("%#v, want %d %s", err, status, code)
	}
	return e
}

func script(s infertest.Script) func(int) infertest.Script {
	return func(int) infertest.Script { return s }
}

// first scripts the first request alone.
func first(s infertest.Script) func(int) infertest.Script {
	return func(n int) infertest.Script {
		if n == 0 {
			return s
		}
		return infertest.Script{}
	}
}

func question(i int) string {
	return fmt.Sprintf("question number %d %s", i, strings.Repeat("and more ", i%5))
}

func (b *bed) punish(p identity.PubKey, points int, _ string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.penalise[p] += points
}

func (b *bed) punished(p identity.PubKey) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.penalise[p]
}
