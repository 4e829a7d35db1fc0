package main

import (
	"context"
	"math"
	"net/http"

	"infernet.tech/infernet/exec/engine/openai"
)

// chat answers POST /v1/chat/completions.
func (s *server) chat(w http.ResponseWriter, r *http.Request, body []byte) error {
	in, err := openai.DecodeChat(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	if len(in.Tools) > 0 && string(in.ToolChoice) != `"none"` {
		return openai.BadRequest("tools", "this engine gives its models no tools")
	}
	a, err := s.newAsk(in.Sampling, in.Extra, math.MaxInt)
	if err != nil {
		return err
	}
	if in.Logprobs {
		a.logprobs = 0
		if in.TopLogprobs != nil {
			a.logprobs = *in.TopLogprobs
		}
	}
	if a.prompt, err = s.conversation(in.Messages); err != nil {
		return err
	}
	g, err := s.generate(r.Context(), a)
	if err != nil {
		return err
	}
	c := chatAnswer{server: s, ask: a, generation: g, id: s.id("chatcmpl"), created: s.now()}
	if a.stream {
		return c.stream(r.Context(), openai.NewEventWriter(w))
	}
	return c.whole(r.Context(), w)
}

// chatAnswer turns a generation into the shapes of a chat.
type chatAnswer struct {
	*generation
	server  *server
	ask     ask
	id      string
	created int64
}

func (c *chatAnswer) whole(ctx context.Context, w http.ResponseWriter) error {
	out := openai.ChatResponse{ID: c.id, Object: openai.ObjectChat, Created: c.created, Model: c.server.name, Choices: make([]openai.ChatChoice, c.ask.n)}
	texts := make([][]byte, c.ask.n)
	for i := range out.Choices {
		out.Choices[i].Index = i
		if c.ask.logprobs >= 0 {
			out.Choices[i].Logprobs = &openai.Logprobs{Content: []openai.TokenLogprob{}}
		}
	}
	for {
		ev, ok, err := c.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		choice := &out.Choices[ev.index]
		texts[ev.index] = append(texts[ev.index], ev.text...)
		choice.FinishReason = ev.finish
		if ev.token < 0 {
			continue
		}
		if c.ask.ids {
			choice.TokenIDs = append(choice.TokenIDs, ev.token)
		}
		if choice.Logprobs != nil {
			choice.Logprobs.Content = append(choice.Logprobs.Content, c.server.logprob(ev))
		}
	}
	for i, text := range texts {
		out.Choices[i].Message = openai.Message{Role: "assistant", Content: openai.Text(string(text))}
	}
	out.Usage = c.counts()
	if c.ask.ids {
		out.PromptTokenIDs = c.ask.prompt
	}
	return reply(w, out)
}

func (c *chatAnswer) stream(ctx context.Context, out *openai.EventWriter) error {
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
		chunk := c.chunk(ev)
		if !begun[ev.index] {
			begun[ev.index] = true
			chunk.Choices[0].Delta.Role = "assistant"
			if c.ask.ids {
				chunk.PromptTokenIDs = c.ask.prompt
			}
		}
		if err := out.Event(chunk); err != nil {
			return nil // the reader is gone
		}
	}
	if c.ask.usage {
		last := c.envelope()
		last.Choices, last.Usage = []openai.ChunkChoice{}, c.counts()
		if err := out.Event(last); err != nil {
			return nil
		}
	}
	_ = out.Done()
	return nil
}

// tells says whether a reader learns anything from an event.
func (a ask) tells(ev event) bool {
	return ev.text != "" || ev.finish != "" || ev.token >= 0 && (a.ids || a.logprobs >= 0)
}

func (c *chatAnswer) envelope() openai.ChatChunk {
	return openai.ChatChunk{ID: c.id, Object: openai.ObjectChatChunk, Created: c.created, Model: c.server.name}
}

func (c *chatAnswer) chunk(ev event) openai.ChatChunk {
	choice := openai.ChunkChoice{Index: ev.index}
	if ev.text != "" || ev.finish == "" {
		choice.Delta.Content = &ev.text
	}
	if ev.finish != "" {
		choice.FinishReason = &ev.finish
	}
	if ev.token >= 0 {
		if c.ask.ids {
			choice.TokenIDs = []int{ev.token}
		}
		if c.ask.logprobs >= 0 {
			choice.Logprobs = &openai.Logprobs{Content: []openai.TokenLogprob{c.server.logprob(ev)}}
		}
	}
	out := c.envelope()
	out.Choices = []openai.ChunkChoice{choice}
	return out
}
