package infer_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

func TestNameOfSeveralModels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 3)
		b.p[0].Model = otherModel
		b.start()
		defer b.end()
		if _, res := b.do(chat("hello", 5, true)); res.Model != infertest.Model {
			t.Errorf("%s was asked, two of three serve %s", res.Model, infertest.Model)
		}
		c, ok := b.r.LastChoice("DEMO")
		if !ok || len(c.Candidates) != 2 || len(c.Dropped) != 1 || !strings.Contains(c.Dropped[0].Reason, otherModel) {
			t.Errorf("choice %+v", c)
		}
		req := chat("hello", 5, true)
		req.Model = otherModel
		if _, res := b.do(req); res.Provider != b.p[0].ID() {
			t.Error("a CID is not asked of who serves it")
		}
	})
}

func TestAliasNamesTheModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 3)
		b.p[0].Model = otherModel
		b.deps.Alias = func(name string) (string, bool) { return otherModel, name == "demo" }
		b.start()
		defer b.end()
		if _, res := b.do(chat("hello", 5, true)); res.Model != otherModel {
			t.Errorf("%s was asked, the alias names %s", res.Model, otherModel)
		}
	})
}

// TestSpread sends conversations to equal providers: everyone gets some, and
// follow-ups go where the conversation is.
func TestSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 3)
		b.deps.Rand = rand.New(rand.NewPCG(5, 6)).Float64
		b.start()
		defer b.end()
		moved := 0
		for i := range 60 {
			_, one := b.do(chat(question(i), 3, true))
			_, two := b.do(chat(question(i), 4, true))
			if one.Provider != two.Provider {
				moved++
			}
		}
		for i, p := range b.p {
			if n, _, _ := p.Served(); n < 10 {
				t.Errorf("provider %d had %d of 120 requests", i, n)
			}
		}
		if moved > 6 {
			t.Errorf("%d of 60 conversations changed their provider", moved)
		}
	})
}

func TestRefreshGoesOnInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.start()
		defer b.end()
		b.do(chat("hello", 5, true))
		<-time.After(b.cfg.SearchEvery + time.Second)
		b.p[0].SetSlowQuotes(true) // the next round takes its whole time and fails
		began := time.Now()
		b.do(chat("hello", 5, true))
		if took := time.Since(began); took != 0 {
			t.Errorf("a request waited %s for quotes", took)
		}
		<-time.After(b.cfg.QuoteTime + time.Second)
		b.do(chat("hello", 5, true)) // on the quote before
		<-time.After(4 * b.cfg.QuoteEvery)
		b.do(chat("hello", 5, true)) // and asks for new ones
		<-time.After(b.cfg.QuoteTime + time.Second)
		b.failed(chat("hello", 5, true), 503, infer.CodeNoProvider)
		b.p[0].SetSlowQuotes(false)
		<-time.After(time.Second)
		b.do(chat("hello", 5, true))
	})
}

// A provider that is late with its first quote is asked again, and by then
// known.
func TestFirstQuoteIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].SetSlowQuotes(true)
		b.p[1].NoQuotes = true
		b.start()
		defer b.end()
		time.AfterFunc(b.cfg.QuoteTime+time.Second, func() { b.p[0].SetSlowQuotes(false) })
		began := time.Now()
		b.do(chat("hello", 5, true))
		if took := time.Since(began); took != 2*b.cfg.QuoteTime {
			t.Errorf("took %s", took)
		}
	})
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 4)
		b.p[0].GPUs = []wire.GPU{{Name: "NVIDIA RTX 4090", VRAMBytes: 24 << 30}}
		b.p[1].GPUs = []wire.GPU{{Name: "NVIDIA RTX 4060", VRAMBytes: 8 << 30}}
		b.p[2].GPUs, b.p[2].Out = b.p[0].GPUs, 9000
		b.start()
		defer b.end()
		got, dropped, err := b.r.Candidates(t.Context(), infer.Query{Model: "demo", VRAMBytes: 16 << 30, GPU: "rtx", MaxOut: payments.Amount{Value: 5000, Unit: payments.Credits}})
		if err != nil || len(got) != 1 || got[0].Peer != b.p[0].ID() || got[0].Probability < 0.999 {
			t.Errorf("%+v, %v", got, err)
		}
		reasons := map[string]string{}
		for _, d := range dropped {
			reasons[d.Peer.String()] = d.Stage + ": " + d.Reason
		}
		for i, want := range []string{"", "search: its largest such card", "choice: asks more than the limit", "search: has no card"} {
			if got := reasons[b.p[i].ID().String()]; i > 0 && !strings.HasPrefix(got, want) {
				t.Errorf("provider %d: %q, want %q", i, got, want)
			}
		}
	})
}

func TestModels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 3)
		b.p[2].Name, b.p[2].Model, b.p[1].Out = "big", otherModel, 2000
		b.deps.LocalModels = func() []infer.ModelInfo { return []infer.ModelInfo{{Name: "demo", CID: infertest.Model}} }
		b.start()
		defer b.end()
		list, err := b.r.Models(t.Context())
		if err != nil || len(list) != 2 || list[0].Name != "big" || list[1].Providers != 3 || !list[1].Local || list[1].MinOut != 2000 {
			t.Errorf("%+v, %v", list, err)
		}
		searches, _, _ := b.net.Counts()
		for range 10 {
			if _, err := b.r.Models(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if again, _, _ := b.net.Counts(); again != searches {
			t.Errorf("%d searches for a list that was just made", again-searches)
		}
	})
}

// handled is a round tripper over a handler: this node's own engine.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestOwnEngineComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		status := http.StatusOK
		own := handled{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status != http.StatusOK {
				openai.WriteError(w, &openai.Error{Status: status, Message: "own"})
				return
			}
			e := openai.NewEventWriter(w)
			text := "own"
			e.Event(openai.ChatChunk{ID: "x", Choices: []openai.ChunkChoice{{Delta: openai.Delta{Content: &text}}}})
			e.Event(openai.ChatChunk{ID: "x", Choices: []openai.ChunkChoice{}, Usage: &openai.Usage{PromptTokens: 1}})
			e.Done()
		})}
		b.deps.Local = func(model string) (http.RoundTripper, bool) { return own, model == "demo" }
		b.start()
		defer b.end()
		a, res := b.do(chat("hello", 5, true))
		if a.text != "own" || res.Provider != b.deps.Key.PubKey() || !res.Lease.IsZero() || res.PriceOut != 0 {
			t.Errorf("%q, %+v", a.text, res)
		}
		status = 400
		b.failed(chat("hello", 5, true), 400, "")
		status = 429 // its queue is full: others are asked
		if a, res := b.do(chat("hello", 5, true)); a.text == "own" || res.Provider != b.p[0].ID() {
			t.Errorf("%q, %+v", a.text, res)
		}
	})
}
