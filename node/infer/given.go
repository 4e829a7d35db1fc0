package infer

import (
	"encoding/json"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
)

// given is what the reader of a stream has of it.
type given struct {
	id      string
	created json.RawMessage
	texts   map[int]*strings.Builder
	over    map[int]bool // choices with a reason for their end
	usage   bool
	hidden  bool // something beside plain text was given
	kept    bool // texts are whole
	started bool
}

// add notes an event that goes to the reader; keep says whether the text may be
// needed to go on elsewhere.
func (g *given) add(c meter.Chunk, keep bool) {
	if !g.started {
		g.started, g.kept = true, keep
		g.id, g.created = c.ID, c.Created
		g.texts, g.over = map[int]*strings.Builder{}, map[int]bool{}
	}
	for _, ch := range c.Choices {
		t := g.texts[ch.Index]
		if t == nil {
			t = &strings.Builder{}
			g.texts[ch.Index] = t
		}
		if g.kept {
			t.WriteString(ch.Plain())
		}
		g.hidden = g.hidden || ch.Hidden() > 0
		if ch.FinishReason != nil {
			g.over[ch.Index] = true
		}
	}
	g.usage = g.usage || c.Usage != nil
}

// whole says that every choice has ended and the usage is told.
func (g *given) whole() bool {
	return g.usage && len(g.over) > 0 && len(g.over) == len(g.texts)
}

// joinable says whether another answer can be joined to what was given.
func (g *given) joinable() bool { return !g.started || g.kept && !g.hidden }

// usageEvent is the event that providers send last, for one that did not.
func (g *given) usageEvent(u meter.Count) []byte {
	raw, err := json.Marshal(struct {
		ID      string          `json:"id"`
		Object  string          `json:"object"`
		Created json.RawMessage `json:"created,omitempty"`
		Choices []struct{}      `json:"choices"`
		Usage   openai.Usage    `json:"usage"`
	}{g.id, openai.ObjectChatChunk, g.created, []struct{}{}, openai.Usage{
		PromptTokens: int(u.In), CompletionTokens: int(u.Out), TotalTokens: int(u.In + u.Out),
	}})
	if err != nil {
		return nil
	}
	return append(append([]byte("data: "), raw...), "\n\n"...)
}

// claimed is the usage that the provider says.
func (a *answer) claimed() (meter.Count, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.m.Said() {
		return meter.Count{}, false
	}
	return a.m.Claimed(), true
}
