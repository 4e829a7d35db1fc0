package openai

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// piece is what a chunk, or an answer, of either kind has in it.
type piece struct {
	Choices []struct {
		Delta        oai.Delta       `json:"delta"`
		Message      oai.Message     `json:"message"`
		Text         string          `json:"text"`
		Logprobs     json.RawMessage `json:"logprobs"`
		FinishReason *string         `json:"finish_reason"`
	} `json:"choices"`
	Usage *oai.Usage `json:"usage"`
}

func (t *ollamaTurn) stream(resp *infer.Response) error {
	err := t.face.events(resp, func(ev oai.Event) error {
		switch {
		case ev.Done() || len(ev.Data) == 0:
			return nil
		case failed(ev.Data):
			return oai.ReadError(http.StatusBadGateway, ev.Data)
		}
		var p piece
		if err := json.Unmarshal(ev.Data, &p); err != nil {
			return oai.Upstream("the provider sent an event of another shape")
		}
		return t.words(p)
	})
	if err != nil {
		return err
	}
	for i := range t.calls {
		t.calls[i].Function.Arguments = string(t.arguments[i])
	}
	if len(t.calls) > 0 {
		l := t.line("", "")
		if l.Message != nil {
			l.Message.ToolCalls = ollamaCalls(t.calls)
		}
		if err := t.send(l, "application/x-ndjson"); err != nil {
			return err
		}
	}
	return t.send(t.last(t.line("", "")), "application/x-ndjson")
}

// words sends what one chunk brings.
func (t *ollamaTurn) words(p piece) error {
	t.note(p)
	if len(p.Choices) == 0 {
		return nil
	}
	c := p.Choices[0]
	text := c.Text
	if c.Delta.Content != nil {
		text += *c.Delta.Content
	}
	if err := t.gather(c.Delta.ToolCalls); err != nil {
		return err
	}
	l := t.line(text, c.Delta.ReasoningContent)
	l.Logprobs = tokenLogprobs(c.Logprobs)
	if text == "" && c.Delta.ReasoningContent == "" && len(l.Logprobs) == 0 {
		return nil
	}
	if t.first.IsZero() {
		t.first = time.Now()
	}
	return t.send(l, "application/x-ndjson")
}

// note keeps the usage and the reason of the end.
func (t *ollamaTurn) note(p piece) {
	if p.Usage != nil {
		t.usage = *p.Usage
	}
	if len(p.Choices) > 0 && p.Choices[0].FinishReason != nil && *p.Choices[0].FinishReason == oai.FinishLength {
		t.finish = "length"
	}
}

// gather puts calls together from their pieces: Ollama sends them whole, so all
// of them are bounded as one event is.
func (t *ollamaTurn) gather(pieces []oai.ToolCall) error {
	const most = 128
	for _, c := range pieces {
		at := len(t.calls) - 1
		if c.Index != nil {
			at = *c.Index
		} else if c.Function.Name != "" {
			at++
		}
		switch {
		case at < 0 || at > len(t.calls) || at >= most:
		case at == len(t.calls):
			t.calls, t.arguments = append(t.calls, c), append(t.arguments, []byte(c.Function.Arguments))
		default:
			t.calls[at].Function.Name += c.Function.Name
			t.arguments[at] = append(t.arguments[at], c.Function.Arguments...)
		}
		t.gathered += len(c.ID) + len(c.Type) + len(c.Function.Name) + len(c.Function.Arguments)
		if t.gathered > t.face.cfg.MaxEvent {
			return oai.Upstream("the provider sent calls of more than " + strconv.Itoa(t.face.cfg.MaxEvent) + " bytes")
		}
	}
	return nil
}

func (t *ollamaTurn) whole(resp *infer.Response) error {
	raw, err := read(resp, t.hold, t.face.cfg.MaxAnswer)
	if err != nil {
		return err
	}
	var p piece
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Choices) == 0 {
		return oai.Upstream("the provider's answer has another shape")
	}
	t.note(p)
	c := p.Choices[0]
	l := t.line(c.Text+c.Message.Content.String(), c.Message.ReasoningContent)
	l.Logprobs = tokenLogprobs(c.Logprobs)
	if l.Message != nil {
		l.Message.ToolCalls = ollamaCalls(c.Message.ToolCalls)
	}
	return t.send(t.last(l), "application/json")
}

func tokenLogprobs(raw json.RawMessage) []oai.TokenLogprob {
	var l oai.Logprobs
	if json.Unmarshal(raw, &l) != nil {
		return nil // those of plain completions have another shape
	}
	return l.Content
}

func ollamaCalls(calls []oai.ToolCall) []ollamaCall {
	var out []ollamaCall
	for i, c := range calls {
		var o ollamaCall
		o.ID, o.Function.Index, o.Function.Name = c.ID, i, c.Function.Name
		o.Function.Arguments = json.RawMessage(c.Function.Arguments)
		if !json.Valid(o.Function.Arguments) {
			o.Function.Arguments = json.RawMessage("{}")
		}
		out = append(out, o)
	}
	return out
}
