package infertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/wire"
)

// usual is how many words an answer has that nobody bounded.
const usual = 8

// Word is the ith word of every provider's answer, with its leading space.
func Word(salt string, i int) string { return fmt.Sprintf(" %sword%d", salt, i) }

// Answer is the text of n words.
func Answer(salt string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(Word(salt, i))
	}
	return b.String()
}

// request answers one request of the data plane.
func (p *Provider) request(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	n := p.served
	p.served++
	p.active++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.active--
		if r.Context().Err() != nil {
			p.cuts++
		}
	}()
	var s Script
	if p.Script != nil {
		s = p.Script(n)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	l, e := p.leased(r.Header.Get("Infernet-Lease"))
	if e == nil && s.Status != 0 {
		e = &openai.Error{Status: s.Status, Code: s.Code, Type: s.Type, Message: "scripted refusal"}
	}
	if e != nil {
		openai.WriteError(w, e)
		return
	}
	if r.URL.Path == "/infernet/replay" {
		p.replay(w, l, body)
		return
	}
	if !wait(r, s.Delay) {
		p.left(l, body, s)
		return
	}
	c := &call{p: p, l: l, s: s, w: w, r: r, ask: words(body)}
	c.run(body)
}

// left meters the prompt of a request that was broken off before its first byte.
func (p *Provider) left(l *Lease, body []byte, s Script) {
	ask, err := meter.ReadAsk(body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.Total = l.Total.Add(meter.Count{In: ask.Estimate() + uint64(s.OverIn), Out: uint64(s.OverOut)})
	l.Requests++
}

// replay answers a replay: each claimed token is as likely as Replay says.
func (p *Provider) replay(w http.ResponseWriter, l *Lease, body []byte) {
	in, err := openai.DecodeReplay(body)
	if err != nil {
		openai.WriteError(w, err)
		return
	}
	rank := 0
	if p.Replay != nil {
		rank = p.Replay(in.TokenIDs)
	}
	out := openai.ReplayResponse{Text: p.Words.Decode(in.TokenIDs)}
	for _, id := range in.TokenIDs {
		t := openai.ReplayToken{ID: id, Logprob: -float64(rank) * 9, Sampled: -float64(rank) * 9, Rank: rank, Drawn: &openai.ReplayDrawn{ID: id - min(rank, 1), Gap: float64(rank) * 9}}
		out.Tokens = append(out.Tokens, t)
	}
	if in.FinishReason == openai.FinishStop {
		out.Tokens = append(out.Tokens, openai.ReplayToken{End: true, Drawn: &openai.ReplayDrawn{}})
	}
	n := words(body) + len(in.TokenIDs)
	out.Usage = &openai.Usage{PromptTokens: n, TotalTokens: n}
	p.mu.Lock()
	l.Total = l.Total.Add(meter.Count{In: uint64(n)})
	l.Requests++
	w.Header().Set("Trailer", "Infernet-Usage")
	w.Header().Set("Content-Type", "application/json")
	raw, _ := json.Marshal(out)
	usage := fmt.Sprintf("in=%d,out=0,total_in=%d,total_out=%d,requests=%d", n, l.Total.In, l.Total.Out, l.Requests)
	p.mu.Unlock()
	_, _ = w.Write(raw)
	w.Header().Set("Infernet-Usage", usage)
}

func wait(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return r.Context().Err() == nil
	}
	select {
	case <-r.Context().Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (p *Provider) leased(id string) (*Lease, *openai.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, err := wire.ParseID(id)
	l := p.leases[name]
	code := ""
	switch {
	case err != nil || l == nil:
		code = "lease_unknown"
	case l.Ended || time.Now().Unix() >= l.Terms.Deadline:
		code = "lease_ended"
	case p.Window > 0 && l.price(l.Total)-l.price(l.Stated) >= p.Window:
		code = "window_due"
	default:
		return l, nil
	}
	return nil, &openai.Error{Status: http.StatusPaymentRequired, Code: code, Message: code}
}

// words counts the prompt: its words, and three for each message.
func words(body []byte) (n int) {
	ask, err := meter.ReadAsk(body)
	if err != nil {
		return 0
	}
	for _, t := range ask.Texts {
		n += len(strings.Fields(t))
	}
	return n + 3*ask.Turns
}

// call is one request being answered.
type call struct {
	p   *Provider
	l   *Lease
	s   Script
	w   http.ResponseWriter
	r   *http.Request
	ask int
	out int // words sent
}

func (c *call) run(body []byte) {
	var req struct {
		Stream    bool `json:"stream"`
		MaxTokens int  `json:"max_tokens"`
		IDs       bool `json:"return_token_ids"`
	}
	_ = json.Unmarshal(body, &req)
	n := c.s.Words
	if n == 0 {
		n = usual
	}
	if req.MaxTokens > 0 {
		n = req.MaxTokens
	}
	c.w.Header().Set("Trailer", "Infernet-Usage")
	if !req.Stream {
		c.whole(n, req.IDs)
		return
	}
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.stream(n, req.IDs)
}

// metered enters the use and tells it in the trailer.
func (c *call) metered() {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	in, out := uint64(c.ask+c.s.OverIn), uint64(c.out+c.s.OverOut)
	c.l.Total = c.l.Total.Add(meter.Count{In: in, Out: out})
	c.l.Requests++
	if !c.s.NoUsage {
		c.w.Header().Set("Infernet-Usage", fmt.Sprintf("in=%d,out=%d,total_in=%d,total_out=%d,requests=%d", in, out, c.l.Total.In, c.l.Total.Out, c.l.Requests))
	}
}

func (c *call) usage() *openai.Usage {
	if c.s.NoUsage {
		return nil
	}
	u := &openai.Usage{PromptTokens: c.ask + c.s.OverIn, CompletionTokens: c.out + c.s.OverOut}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}

func (c *call) whole(n int, ids bool) {
	c.out = n
	res := openai.ChatResponse{ID: "chatcmpl-" + c.p.ID().Short(), Object: openai.ObjectChat, Model: c.p.Name, Usage: c.usage(),
		Choices: []openai.ChatChoice{{Message: openai.Message{Role: "assistant", Content: openai.Text(Answer(c.s.Salt, n))}, FinishReason: "stop"}}}
	if ids {
		res.Choices[0].TokenIDs = c.p.Words.ids(Answer(c.s.Salt, n))
	}
	c.metered()
	raw, _ := json.Marshal(res)
	if c.s.DieAfter > 0 {
		_, _ = c.w.Write(raw[:len(raw)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = c.w.Write(raw)
}

// stream sends word by word.
func (c *call) stream(n int, ids bool) {
	e := openai.NewEventWriter(c.w)
	defer func() {
		if c.r.Context().Err() != nil {
			c.metered()
		}
	}()
	for i := 0; i < n || c.s.Endless; i++ {
		if i > 0 && !wait(c.r, c.s.Every) {
			return
		}
		if c.misbehave(e, i) {
			return
		}
		text := Word(c.s.Salt, i)
		ch := openai.ChatChunk{ID: "chatcmpl-" + c.p.ID().Short(), Object: openai.ObjectChatChunk, Created: 1, Model: c.p.Name,
			Choices: []openai.ChunkChoice{{Delta: openai.Delta{Content: &text}}}}
		if ids {
			ch.Choices[0].TokenIDs = c.p.Words.ids(text)
		}
		if e.Event(ch) != nil {
			return
		}
		c.out++
		c.p.mu.Lock()
		c.p.sent++
		c.p.mu.Unlock()
	}
	stop := "stop"
	_ = e.Event(openai.ChatChunk{ID: "chatcmpl-" + c.p.ID().Short(), Object: openai.ObjectChatChunk, Created: 1, Model: c.p.Name, Choices: []openai.ChunkChoice{{FinishReason: &stop}}})
	if u := c.usage(); u != nil {
		_ = e.Event(openai.ChatChunk{ID: "chatcmpl-" + c.p.ID().Short(), Object: openai.ObjectChatChunk, Created: 1, Model: c.p.Name, Choices: []openai.ChunkChoice{}, Usage: u})
	}
	c.metered()
	if !c.s.NoDone {
		_ = e.Done()
	}
}

// misbehave does what the script has for the ith word; it reports whether the
// stream is over.
func (c *call) misbehave(e *openai.EventWriter, i int) bool {
	switch i {
	case 0:
	case c.s.DieAfter:
		c.metered()
		panic(http.ErrAbortHandler)
	case c.s.SilentAfter:
		<-c.r.Context().Done()
		return true
	case c.s.ErrorAfter:
		c.metered()
		_ = e.Event(openai.Upstream("the engine ended"))
		return true
	case c.s.GarbageAt:
		_ = e.Raw([]byte("data: {\"choices\":[{\n\n"))
	case c.s.HalfUTF8At:
		_ = e.Raw([]byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xe2\x82\"}}]}\n\n"))
	case c.s.HugeAt:
		_ = e.Raw([]byte("data: {\"x\":\"" + strings.Repeat("x", 4<<20) + "\"}\n\n"))
	}
	return false
}
