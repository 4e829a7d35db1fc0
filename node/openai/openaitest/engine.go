// Package openaitest holds an Inferer that makes its answers up, for tests of
// node/openai and of what speaks through it. It answers in the shapes of real
// engines behind a router: events with token ids, the usage as the last one.
//
// The model that is asked for decides what happens; see the constants. It
// refuses nothing else and is no part of the product.
package openaitest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Models and what they do.
const (
	Echo    = "echo"    // repeats what the user said last, word by word
	Endless = "endless" // streams words until nobody listens
	Hang    = "hang"    // says nothing until the caller has gone
	Full    = "full"    // 429
	Broken  = "broken"  // 503
	Flaky   = "flaky"   // 503 for every first and second time of three that it is asked
	Bare    = "bare"    // an error that is none of the API
	Cut     = "cut"     // ends in mid-stream
	Failing = "failing" // ends with an error event
	Garbage = "garbage" // sends events that are not JSON
	Huge    = "huge"    // sends an event of 2 MiB, or an answer of 64 MiB
	Evil    = "evil"    // words that would drive a terminal
)

// CID is that of every model here.
const CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

// Provider is who answers.
var Provider = identity.PubKey{1, 2, 3}

// Lease is under which it is paid.
var Lease = wire.ID{9, 9}

// Engine makes answers up. It is safe for concurrent use.
type Engine struct {
	// Answer, when set, is what Echo says whatever is asked.
	Answer func(question string) string

	mu    sync.Mutex
	asked []infer.Request
	gone  int
	open  int
	peak  int
	flaky int           // requests to Flaky
	wake  chan struct{} // closed and renewed at each change
}

// New returns an engine.
func New() *Engine { return &Engine{wake: make(chan struct{})} }

// Asked are the requests so far.
func (e *Engine) Asked() []infer.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]infer.Request(nil), e.asked...)
}

// Last is the latest request.
func (e *Engine) Last() infer.Request {
	all := e.Asked()
	if len(all) == 0 {
		return infer.Request{}
	}
	return all[len(all)-1]
}

// Peak is how many answers were under way at once.
func (e *Engine) Peak() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// Open is how many answers are under way now.
func (e *Engine) Open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open
}

// Gone waits until n callers left before their answer's end; false when ctx
// ends first.
func (e *Engine) Gone(ctx context.Context, n int) bool {
	return e.wait(ctx, func() bool { return e.gone >= n })
}

// Began waits until n requests were made.
func (e *Engine) Began(ctx context.Context, n int) bool {
	return e.wait(ctx, func() bool { return len(e.asked) >= n })
}

func (e *Engine) wait(ctx context.Context, done func() bool) bool {
	for {
		e.mu.Lock()
		ok, wake := done(), e.wake
		e.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return false
		}
	}
}

func (e *Engine) change(fn func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fn()
	close(e.wake)
	e.wake = make(chan struct{})
}

// Models implements openai.Inferer.
func (e *Engine) Models(context.Context) ([]infer.ModelInfo, error) {
	var out []infer.ModelInfo
	for _, name := range []string{Echo, Endless, "org/" + Echo} {
		out = append(out, infer.ModelInfo{Name: name, CID: CID, Providers: 1, Context: 4096, MinIn: 1000, MinOut: 3000, Unit: "credits", Seen: time.Unix(1700000000, 0)})
	}
	return out, nil
}

// Do implements openai.Inferer.
func (e *Engine) Do(ctx context.Context, req infer.Request) (*infer.Response, error) {
	e.change(func() { e.asked = append(e.asked, req) })
	if err := e.refuse(req.Model); err != nil {
		return nil, err
	}
	if req.Model == Hang {
		<-ctx.Done()
		e.change(func() { e.gone++ })
		return nil, ctx.Err()
	}
	pr, pw := io.Pipe()
	resp := &infer.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: pr,
		Provider: Provider, Lease: Lease, Model: CID, PriceIn: 1000, PriceOut: 3000, Unit: "credits",
	}
	if req.Stream {
		resp.Header.Set("Content-Type", "text/event-stream")
	}
	stop := context.AfterFunc(ctx, func() { _ = pr.CloseWithError(ctx.Err()) })
	e.change(func() { e.open++; e.peak = max(e.peak, e.open) })
	go func() {
		err := e.write(pw, req)
		stop()
		e.change(func() {
			e.open--
			if err != nil {
				e.gone++
			}
		})
		_ = pw.Close()
	}()
	return resp, nil
}

func (e *Engine) refuse(model string) error {
	switch model {
	case Full:
		return oai.RateLimit("the queue is full")
	case Broken:
		return oai.Unavailable("nobody is there")
	case Bare:
		return io.ErrUnexpectedEOF
	case Flaky:
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.flaky++; e.flaky%3 != 0 {
			return oai.Unavailable("not yet")
		}
		return nil
	case Echo, Endless, Hang, Cut, Failing, Garbage, Huge, Evil, "org/" + Echo:
		return nil
	}
	return oai.NotFound(model)
}

// write makes the answer; an error says that nobody listens any more.
func (e *Engine) write(w io.Writer, req infer.Request) error {
	if req.Path == "/v1/embeddings" {
		return embed(w, req)
	}
	if req.Model == Huge && !req.Stream {
		_, err := io.Copy(w, io.LimitReader(zeros{}, 64<<20))
		return err
	}
	return e.complete(w, req)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// embed gives each text a vector of its length and its words.
func embed(w io.Writer, req infer.Request) error {
	r, err := oai.DecodeEmbedding(req.Body)
	if err != nil {
		return nil
	}
	out := oai.EmbeddingResponse{Object: oai.ObjectList, Model: req.Model, Data: []oai.Embedding{}}
	for i, text := range r.Input.Texts {
		v := []float32{float32(len(text)), float32(len(strings.Fields(text))), 1}
		out.Data = append(out.Data, oai.Embedding{Object: oai.ObjectEmbedding, Index: i,
			Embedding: oai.Vector{Values: v, Base64: r.EncodingFormat == "base64"}})
		out.Usage.PromptTokens += len(strings.Fields(text))
	}
	out.Usage.TotalTokens = out.Usage.PromptTokens
	return json.NewEncoder(w).Encode(out)
}
