package handler

import (
	"net/http"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// completion goes on with a text by repeating it.
func (s *server) completion(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := openai.DecodeCompletion(body)
	if err != nil {
		return err
	}
	if err := s.mine(req.Model); err != nil {
		return err
	}
	if req.Prompt.Len() != 1 {
		return openai.BadRequest("prompt", "one prompt a request")
	}
	prompt := req.Prompt.Texts
	if len(prompt) == 0 {
		prompt = s.vocab.text(req.Prompt.Tokens[0])
	} else {
		prompt = split(prompt[0])
	}
	p, err := s.plan(prompt, strings.Join(prompt, ""), &req.Sampling)
	if err != nil {
		return err
	}
	out := openai.CompletionResponse{ID: "cmpl-" + answerID(body), Object: openai.ObjectCompletion, Created: time.Now().Unix(), Model: s.Model}
	if req.Stream {
		s.streamCompletion(w, r, &req, p, out)
		return nil
	}
	for i := range p.words {
		if !s.pace(r, p, i) {
			return nil
		}
	}
	out.Usage = p.usage(req.Choices())
	for i := range req.Choices() {
		c := s.choice(&req, p.words, 0)
		c.Index, c.FinishReason = i, &p.finish
		if req.ReturnTokenIDs {
			c.PromptTokenIDs = s.vocab.ids(p.prompt)
		}
		if req.Echo {
			c.Text = strings.Join(p.prompt, "") + c.Text
		}
		out.Choices = append(out.Choices, c)
	}
	reply(w, out)
	return nil
}

// streamCompletion gives the answer word by word; out is what all chunks share.
func (s *server) streamCompletion(w http.ResponseWriter, r *http.Request, req *openai.CompletionRequest, p plan, out openai.CompletionResponse) {
	events := openai.NewEventWriter(w)
	offset := 0
	for at, word := range p.words {
		if !s.pace(r, p, at) {
			return
		}
		for i := range req.Choices() {
			c := s.choice(req, []string{word}, offset)
			c.Index = i
			if req.ReturnTokenIDs && at == 0 {
				c.PromptTokenIDs = s.vocab.ids(p.prompt)
			}
			out.Choices = []openai.CompletionChoice{c}
			if events.Event(out) != nil || r.Context().Err() != nil {
				return
			}
		}
		offset += len(word)
	}
	for i := range req.Choices() {
		out.Choices = []openai.CompletionChoice{{Index: i, FinishReason: &p.finish}}
		if events.Event(out) != nil {
			return
		}
	}
	if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
		out.Choices, out.Usage = []openai.CompletionChoice{}, p.usage(req.Choices())
		_ = events.Event(out)
	}
	_ = events.Done()
}

// choice is an answer, or a part of one that begins at offset.
func (s *server) choice(req *openai.CompletionRequest, words []string, offset int) openai.CompletionChoice {
	c := openai.CompletionChoice{Text: strings.Join(words, "")}
	if req.ReturnTokenIDs {
		c.TokenIDs = s.vocab.ids(words)
	}
	if req.Logprobs == nil {
		return c
	}
	c.Logprobs = &openai.CompletionLogprobs{}
	for _, word := range words {
		v := logprob
		top := map[string]float64{}
		for i, t := range likeliest(word, *req.Logprobs) {
			top[t] = logprob * float64(1+16*i)
		}
		c.Logprobs.Tokens = append(c.Logprobs.Tokens, word)
		c.Logprobs.TokenLogprobs = append(c.Logprobs.TokenLogprobs, &v)
		c.Logprobs.TopLogprobs = append(c.Logprobs.TopLogprobs, top)
		c.Logprobs.TextOffset = append(c.Logprobs.TextOffset, offset)
		offset += len(word)
	}
	return c
}
