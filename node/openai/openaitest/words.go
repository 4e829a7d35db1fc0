package openaitest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// answer is what is going to be said, and how.
type answer struct {
	chat     bool
	words    []string
	finish   string
	prompt   int // tokens of the prompt: its words
	logprobs bool
	seed     *int64
}

const created = 1700000000

// complete answers a chat or a plain completion.
func (e *Engine) complete(w io.Writer, req infer.Request) error {
	a := e.plan(req)
	if req.Stream {
		return a.stream(w, req.Model)
	}
	return a.whole(w, req.Model)
}

func (e *Engine) plan(req infer.Request) answer {
	var s oai.Sampling
	said := ""
	a := answer{chat: req.Path == "/v1/chat/completions", finish: oai.FinishStop}
	if a.chat {
		r, _ := oai.Limits{Messages: 2048, List: 256, Depth: 64, Media: true}.DecodeChat(req.Body)
		s, a.logprobs = r.Sampling, r.Logprobs
		for _, m := range r.Messages {
			said = m.Content.String()
			a.prompt += len(strings.Fields(said))
		}
	} else {
		r, _ := oai.DecodeCompletion(req.Body)
		s = r.Sampling
		if len(r.Prompt.Texts) > 0 {
			said = r.Prompt.Texts[0]
		}
		a.prompt = len(strings.Fields(said))
	}
	a.seed = s.Seed
	switch {
	case e.Answer != nil:
		said = e.Answer(said)
	case req.Model == Evil:
		said = "\x1b[2Jpwned \u202etxt"
	case s.ResponseFormat != nil && s.ResponseFormat.JSONSchema != nil:
		said = `{"schema":"` + s.ResponseFormat.JSONSchema.Name + `"}`
	case s.ResponseFormat != nil && s.ResponseFormat.Type == "json_object":
		said = `{"form":"json"}`
	}
	for _, stop := range s.Stop {
		said, _, _ = strings.Cut(said, stop)
	}
	a.words = strings.SplitAfter(said, " ")
	if n := s.MaxOutput(); n > 0 && n < len(a.words) {
		a.words, a.finish = a.words[:n], oai.FinishLength
	}
	return a
}

func (a answer) usage() *oai.Usage {
	return &oai.Usage{PromptTokens: a.prompt, CompletionTokens: len(a.words), TotalTokens: a.prompt + len(a.words)}
}

func (a answer) fingerprint() string {
	if a.seed == nil {
		return ""
	}
	return fmt.Sprintf("fp_seed_%d", *a.seed)
}

func (a answer) probs(words []string) *oai.Logprobs {
	if !a.logprobs {
		return nil
	}
	var l oai.Logprobs
	for _, word := range words {
		l.Content = append(l.Content, oai.TokenLogprob{Token: word, Logprob: -0.5, Bytes: []int{}, TopLogprobs: []oai.TopLogprob{{Token: word, Logprob: -0.5, Bytes: []int{}}}})
	}
	return &l
}

func ids(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 100 + i
	}
	return out
}

func (a answer) whole(w io.Writer, model string) error {
	if model == Cut {
		_, err := io.WriteString(w, `{"id":"x","choi`)
		return err
	}
	text := strings.Join(a.words, "")
	var v any = oai.CompletionResponse{ID: "cmpl-1", Object: oai.ObjectCompletion, Created: created, Model: model, Usage: a.usage(),
		Choices: []oai.CompletionChoice{{Text: text, FinishReason: &a.finish, PromptTokenIDs: ids(a.prompt), TokenIDs: ids(len(a.words))}}}
	if a.chat {
		v = oai.ChatResponse{ID: "chatcmpl-1", Object: oai.ObjectChat, Created: created, Model: model, Usage: a.usage(),
			SystemFingerprint: a.fingerprint(), PromptTokenIDs: ids(a.prompt),
			Choices: []oai.ChatChoice{{Message: oai.Message{Role: "assistant", Content: oai.Text(text)}, Logprobs: a.probs(a.words),
				FinishReason: a.finish, TokenIDs: ids(len(a.words))}}}
	}
	return json.NewEncoder(w).Encode(v)
}

func (a answer) stream(w io.Writer, model string) error {
	for i := 0; i < len(a.words) || model == Endless; i++ {
		word := a.words[i%len(a.words)]
		if err := a.event(w, model, i, word, nil); err != nil {
			return err
		}
		if err, end := spoil(w, model, i); end || err != nil {
			return err
		}
	}
	if err := a.event(w, model, len(a.words), "", &a.finish); err != nil {
		return err
	}
	last := oai.ChatChunk{ID: "chatcmpl-1", Object: oai.ObjectChatChunk, Created: created, Model: model, Choices: []oai.ChunkChoice{}, Usage: a.usage()}
	if err := send(w, last); err != nil {
		return err
	}
	_, err := io.WriteString(w, "data: [DONE]\n\n")
	return err
}

// spoil does what the bad models do after their second word.
func spoil(w io.Writer, model string, i int) (err error, end bool) {
	if i != 1 {
		return nil, false
	}
	switch model {
	case Cut:
		return nil, true
	case Failing:
		return send(w, oai.Upstream("the provider is gone")), true
	case Garbage:
		_, err = io.WriteString(w, "data: {\"choices\":[{]}\n\n")
		return err, true
	case Huge:
		_, err = io.WriteString(w, "data: {\"x\":\""+strings.Repeat("x", 2<<20)+"\"}\n\n")
		return err, true
	}
	return nil, false
}

// event sends one word.
func (a answer) event(w io.Writer, model string, i int, word string, finish *string) error {
	var tokens []int
	if finish == nil {
		tokens = []int{100 + i}
	}
	if !a.chat {
		c := oai.CompletionChoice{Text: word, FinishReason: finish, TokenIDs: tokens}
		if i == 0 {
			c.PromptTokenIDs = ids(a.prompt)
		}
		return send(w, oai.CompletionResponse{ID: "cmpl-1", Object: oai.ObjectCompletion, Created: created, Model: model, Choices: []oai.CompletionChoice{c}})
	}
	c := oai.ChunkChoice{FinishReason: finish, TokenIDs: tokens}
	if finish == nil {
		c.Delta.Content, c.Logprobs = &word, a.probs([]string{word})
	}
	out := oai.ChatChunk{ID: "chatcmpl-1", Object: oai.ObjectChatChunk, Created: created, Model: model, SystemFingerprint: a.fingerprint()}
	if i == 0 {
		c.Delta.Role, out.PromptTokenIDs = "assistant", ids(a.prompt)
	}
	out.Choices = []oai.ChunkChoice{c}
	return send(w, out)
}

func send(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte("data: "), raw...), '\n', '\n'))
	return err
}
