package main

import (
	"context"
	"net/http"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

// completionTokens is how long a completion is where the request does not
// say, as with OpenAI.
const completionTokens = 16

// completions answers POST /v1/completions.
func (s *server) completions(w http.ResponseWriter, r *http.Request, body []byte) error {
	in, err := openai.DecodeCompletion(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	a, err := s.newAsk(in.Sampling, in.Extra, completionTokens)
	if err != nil {
		return err
	}
	switch {
	case in.Prompt.Len() != 1:
		return openai.BadRequest("prompt", "one prompt in a request")
	case in.Suffix != "":
		return openai.BadRequest("suffix", "this engine cannot fill in")
	case in.BestOf != nil && *in.BestOf != a.n:
		return openai.BadRequest("best_of", "must be n")
	case in.Echo && in.Logprobs != nil:
		return openai.BadRequest("echo", "has no log-probabilities here: see /infernet/replay")
	case in.MaxTokens != nil && *in.MaxTokens < 1:
		return openai.BadRequest("max_tokens", "must be at least 1")
	}
	if in.Logprobs != nil {
		a.logprobs = *in.Logprobs
	}
	if len(in.Prompt.Texts) == 1 {
		a.prompt, err = s.plain(in.Prompt.Texts[0], true)
	} else {
		a.prompt = in.Prompt.Tokens[0]
		err = s.known("prompt", a.prompt)
	}
	if err != nil {
		return err
	}
	g, err := s.generate(r.Context(), a)
	if err != nil {
		return err
	}
	c := completion{generation: g, server: s, ask: a, id: s.id("cmpl"), created: s.now(), lengths: make([]int, a.n)}
	if in.Echo {
		c.echo = s.echo(in.Prompt)
	}
	if a.stream {
		return c.stream(r.Context(), openai.NewEventWriter(w))
	}
	return c.whole(r.Context(), w)
}

// echo is the prompt's own text.
func (s *server) echo(in openai.Input) string {
	if len(in.Texts) == 1 {
		return in.Texts[0]
	}
	return s.text(in.Tokens[0])
}

// completion turns a generation into the shapes of plain completions.
type completion struct {
	*generation
	server  *server
	ask     ask
	echo    string
	id      string
	created int64
	lengths []int // characters of each answer so far, for text offsets
}

func (c *completion) envelope() openai.CompletionResponse {
	return openai.CompletionResponse{ID: c.id, Object: openai.ObjectCompletion, Created: c.created, Model: c.server.name, Choices: []openai.CompletionChoice{}}
}

func (c *completion) whole(ctx context.Context, w http.ResponseWriter) error {
	out := c.envelope()
	for i := range c.ask.n {
		out.Choices = append(out.Choices, c.first(i))
	}
	texts := make([][]byte, c.ask.n)
	for {
		ev, ok, err := c.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		part, choice := c.choice(ev), &out.Choices[ev.index]
		texts[ev.index] = append(texts[ev.index], part.Text...)
		choice.FinishReason = part.FinishReason
		choice.TokenIDs = append(choice.TokenIDs, part.TokenIDs...)
		choice.Logprobs = join(choice.Logprobs, part.Logprobs)
	}
	for i, text := range texts {
		out.Choices[i].Text += string(text)
	}
	out.Usage = c.counts()
	return reply(w, out)
}

func (c *completion) stream(ctx context.Context, out *openai.EventWriter) error {
	begun := make([]bool, c.ask.n)
	for {
		ev, ok, err := c.next(ctx)
		if err != nil {
			return broken(out, err)
		}
		if !ok {
			break
		}
		if !c.ask.tells(ev) {
			continue
		}
		choice := c.choice(ev)
		if !begun[ev.index] {
			begun[ev.index] = true
			first := c.first(ev.index)
			choice.Text, choice.PromptTokenIDs = first.Text+choice.Text, first.PromptTokenIDs
		}
		chunk := c.envelope()
		chunk.Choices = append(chunk.Choices, choice)
		if err := out.Event(chunk); err != nil {
			return nil // the reader is gone
		}
	}
	if c.ask.usage {
		last := c.envelope()
		last.Usage = c.counts()
		if err := out.Event(last); err != nil {
			return nil
		}
	}
	_ = out.Done()
	return nil
}

// first is what an answer begins with.
func (c *completion) first(index int) openai.CompletionChoice {
	out := openai.CompletionChoice{Index: index, Text: c.echo}
	c.lengths[index] = utf8.RuneCountInString(c.echo)
	if c.ask.ids {
		out.PromptTokenIDs = c.ask.prompt
	}
	return out
}

// choice is what an event adds to an answer.
func (c *completion) choice(ev event) openai.CompletionChoice {
	out := openai.CompletionChoice{Index: ev.index, Text: ev.text}
	if ev.finish != "" {
		out.FinishReason = &ev.finish
	}
	if ev.token >= 0 {
		if c.ask.ids {
			out.TokenIDs = []int{ev.token}
		}
		if c.ask.logprobs >= 0 {
			out.Logprobs = c.logprobs(ev)
		}
	}
	c.lengths[ev.index] += utf8.RuneCountInString(ev.text)
	return out
}

func (c *completion) logprobs(ev event) *openai.CompletionLogprobs {
	top := make(map[string]float64, len(ev.top)+1)
	for _, t := range append(ev.top, sample.Logprob{Token: ev.token, Logprob: ev.logprob}) {
		piece := c.server.pieces[t.Token]
		// Several tokens may have one text; the likeliest counts.
		if p, ok := top[piece]; !ok || t.Logprob > p {
			top[piece] = t.Logprob
		}
	}
	return &openai.CompletionLogprobs{
		Tokens: []string{c.server.pieces[ev.token]}, TokenLogprobs: []*float64{&ev.logprob},
		TopLogprobs: []map[string]float64{top}, TextOffset: []int{c.lengths[ev.index]},
	}
}

func join(a, b *openai.CompletionLogprobs) *openai.CompletionLogprobs {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	a.Tokens = append(a.Tokens, b.Tokens...)
	a.TokenLogprobs = append(a.TokenLogprobs, b.TokenLogprobs...)
	a.TopLogprobs = append(a.TopLogprobs, b.TopLogprobs...)
	a.TextOffset = append(a.TextOffset, b.TextOffset...)
	return a
}
