package handler

import (
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// logprob is what the model gives every token it says: the same, below
// certainty.
const logprob = -0.125

// chat repeats the last message.
func (s *server) chat(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := openai.DecodeChat(body)
	if err != nil {
		return err
	}
	if err := s.mine(req.Model); err != nil {
		return err
	}
	prompt, last := template(req.Messages)
	p, err := s.plan(prompt, last, &req.Sampling)
	if err != nil {
		return err
	}
	if req.Stream {
		s.streamChat(w, r, &req, p)
		return nil
	}
	for i := range p.words {
		if !s.pace(r, p, i) {
			return nil
		}
	}
	out := openai.ChatResponse{ID: "chatcmpl-" + answerID(body), Object: openai.ObjectChat, Created: time.Now().Unix(), Model: s.Model, Usage: p.usage(req.Choices())}
	if req.ReturnTokenIDs {
		out.PromptTokenIDs = s.vocab.ids(p.prompt)
	}
	for i := range req.Choices() {
		c := openai.ChatChoice{
			Index: i, FinishReason: p.finish, Logprobs: chatLogprobs(&req, p.words),
			Message: openai.Message{Role: "assistant", Content: openai.Text(strings.Join(p.words, ""))},
		}
		if req.ReturnTokenIDs {
			c.TokenIDs = s.vocab.ids(p.words)
		}
		out.Choices = append(out.Choices, c)
	}
	reply(w, out)
	return nil
}

// streamChat gives the answer word by word: a chunk with the role, one for each
// token, one with the reason for the end, and the usage where it is asked for.
func (s *server) streamChat(w http.ResponseWriter, r *http.Request, req *openai.ChatRequest, p plan) {
	events := openai.NewEventWriter(w)
	chunk := openai.ChatChunk{ID: "chatcmpl-" + strconv.FormatInt(time.Now().UnixNano(), 36), Object: openai.ObjectChatChunk, Created: time.Now().Unix(), Model: s.Model}
	send := func(choices ...openai.ChunkChoice) bool {
		chunk.Choices = choices
		err := events.Event(chunk)
		chunk.PromptTokenIDs = nil
		return err == nil && r.Context().Err() == nil
	}
	if req.ReturnTokenIDs {
		chunk.PromptTokenIDs = s.vocab.ids(p.prompt)
	}
	empty := ""
	for i := range req.Choices() {
		if !send(openai.ChunkChoice{Index: i, Delta: openai.Delta{Role: "assistant", Content: &empty}}) {
			return
		}
	}
	for at, word := range p.words {
		if !s.pace(r, p, at) {
			return
		}
		for i := range req.Choices() {
			c := openai.ChunkChoice{Index: i, Delta: openai.Delta{Content: &word}, Logprobs: chatLogprobs(req, []string{word})}
			if req.ReturnTokenIDs {
				c.TokenIDs = s.vocab.ids([]string{word})
			}
			if !send(c) {
				return
			}
		}
	}
	for i := range req.Choices() {
		if !send(openai.ChunkChoice{Index: i, FinishReason: &p.finish}) {
			return
		}
	}
	if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
		chunk.Usage = p.usage(req.Choices())
		chunk.Choices = []openai.ChunkChoice{}
		_ = events.Event(chunk)
	}
	_ = events.Done()
}

// chatLogprobs are those of some of the answer's words.
func chatLogprobs(req *openai.ChatRequest, words []string) *openai.Logprobs {
	if !req.Logprobs {
		return nil
	}
	out := &openai.Logprobs{Content: []openai.TokenLogprob{}}
	for _, word := range words {
		l := openai.TokenLogprob{Token: word, Logprob: logprob, Bytes: bytesOf(word), TopLogprobs: []openai.TopLogprob{}}
		if req.TopLogprobs != nil {
			for i, t := range likeliest(word, *req.TopLogprobs) {
				l.TopLogprobs = append(l.TopLogprobs, openai.TopLogprob{Token: t, Logprob: logprob * float64(1+16*i), Bytes: bytesOf(t)})
			}
		}
		out.Content = append(out.Content, l)
	}
	return out
}

// likeliest are n tokens, the likeliest first.
func likeliest(word string, n int) []string {
	var out []string
	for i := range n {
		if i == 0 {
			out = append(out, word)
		} else {
			out = append(out, " other"+strconv.Itoa(i))
		}
	}
	return out
}

func bytesOf(s string) []int {
	out := make([]int, len(s))
	for i := range len(s) {
		out[i] = int(s[i])
	}
	return out
}

// answerID names an answer after its request.
func answerID(body []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(body)
	return strconv.FormatUint(h.Sum64(), 16)
}
