package handler

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
)

const (
	dimensions    = 64   // of an embedding
	maxDimensions = 4096 // that may be asked for
)

// embeddings gives texts a direction by their words.
func (s *server) embeddings(w http.ResponseWriter, _ *http.Request, body []byte) error {
	req, err := openai.DecodeEmbedding(body)
	if err != nil {
		return err
	}
	if err := s.mine(req.Model); err != nil {
		return err
	}
	size := dimensions
	if req.Dimensions != nil {
		if size = *req.Dimensions; size > maxDimensions {
			return openai.BadRequest("dimensions", "more than %d", maxDimensions)
		}
	}
	inputs := [][]string{}
	for _, t := range req.Input.Texts {
		inputs = append(inputs, split(t))
	}
	for _, ids := range req.Input.Tokens {
		inputs = append(inputs, s.vocab.text(ids))
	}
	out := openai.EmbeddingResponse{Object: openai.ObjectList, Model: s.Model}
	for i, words := range inputs {
		if len(words) > s.Context {
			return openai.ContextLength(s.Context, len(words))
		}
		out.Usage.PromptTokens += len(words)
		out.Data = append(out.Data, openai.Embedding{
			Object: openai.ObjectEmbedding, Index: i,
			Embedding: openai.Vector{Values: embed(words, size), Base64: req.EncodingFormat == "base64"},
		})
	}
	out.Usage.TotalTokens = out.Usage.PromptTokens
	reply(w, out)
	return nil
}

// embed adds up a direction for each word, so that texts with words in common
// are near each other, and makes the length one.
func embed(words []string, size int) []float32 {
	sum := make([]float64, size)
	for _, word := range words {
		h := fnv.New64a()
		_, _ = h.Write([]byte(strings.TrimSpace(word)))
		x := h.Sum64()
		for i := range sum {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			sum[i] += float64(int64(x)) / math.MaxInt64
		}
	}
	norm := 0.0
	for _, v := range sum {
		norm += v * v
	}
	out := make([]float32, size)
	for i, v := range sum {
		if norm > 0 {
			out[i] = float32(v / math.Sqrt(norm))
		}
	}
	return out
}

// tokenize counts a text or a conversation as the model would see it.
func (s *server) tokenize(w http.ResponseWriter, _ *http.Request, body []byte) error {
	req, err := openai.DecodeTokenize(body)
	if err != nil {
		return err
	}
	words := split(req.Prompt)
	if len(req.Messages) > 0 {
		words, _ = template(req.Messages)
	}
	reply(w, openai.TokenizeResponse{Count: len(words), MaxModelLen: s.Context, Tokens: s.vocab.ids(words)})
	return nil
}

// detokenize knows the words that it has seen.
func (s *server) detokenize(w http.ResponseWriter, _ *http.Request, body []byte) error {
	req, err := openai.DecodeDetokenize(body)
	if err != nil {
		return err
	}
	reply(w, openai.DetokenizeResponse{Prompt: strings.Join(s.vocab.text(req.Tokens), "")})
	return nil
}

// replay holds claimed tokens against what this model would have said.
func (s *server) replay(w http.ResponseWriter, _ *http.Request, body []byte) error {
	req, err := openai.DecodeReplay(body)
	if err != nil {
		return err
	}
	prompt := split(req.Prompt)
	last := req.Prompt
	switch {
	case len(req.Messages) > 0:
		prompt, last = template(req.Messages)
	case len(req.PromptTokenIDs) > 0:
		prompt = s.vocab.text(req.PromptTokenIDs)
		last = strings.Join(prompt, "")
		if n := len(prompt); n > 1 && prompt[n-1] == "<assistant>" {
			last = afterRole(prompt[:n-1])
		}
	}
	ids := req.TokenIDs
	if req.Completion != "" {
		ids = s.vocab.ids(split(req.Completion))
	}
	if n := len(prompt) + len(ids); n > s.Context {
		return openai.ContextLength(s.Context, n)
	}
	p, err := s.plan(prompt, last, &openai.Sampling{})
	if err != nil {
		return err
	}
	would := s.vocab.ids(p.words)
	out := openai.ReplayResponse{Usage: &openai.Usage{PromptTokens: len(prompt) + len(ids), TotalTokens: len(prompt) + len(ids)}}
	for i, text := range s.vocab.text(ids) {
		t := openai.ReplayToken{ID: ids[i], Text: text, Logprob: logprob, Top: openai.ReplayTop{ID: ids[i], Logprob: logprob}}
		if i >= len(would) || would[i] != ids[i] {
			t.Rank, t.Logprob = 1+ids[i]%1000, -20
			if i < len(would) {
				t.Top.ID = would[i]
			} else {
				t.Top.ID = 0 // the end
			}
		}
		out.Tokens = append(out.Tokens, t)
	}
	reply(w, out)
	return nil
}

// afterRole is the text of the last message of a laid out conversation.
func afterRole(prompt []string) string {
	for i := len(prompt) - 1; i >= 0; i-- {
		if slices.Contains([]string{"<system>", "<user>", "<assistant>", "<tool>", "<developer>"}, prompt[i]) {
			return strings.TrimSpace(strings.Join(prompt[i+1:], ""))
		}
	}
	return strings.Join(prompt, "")
}

// structured is the text in the form that was asked for.
func structured(f *openai.ResponseFormat, text string) string {
	switch {
	case f == nil || f.Type == "text":
		return text
	case f.Type == "json_object":
		out, _ := json.Marshal(map[string]string{"echo": text})
		return string(out)
	}
	var schema map[string]any
	_ = json.Unmarshal(f.JSONSchema.Schema, &schema)
	out, _ := json.Marshal(instance(schema, text, 0))
	return string(out)
}

// instance is a value that keeps a schema of the ordinary kinds.
func instance(schema map[string]any, text string, depth int) any {
	if choices, ok := schema["enum"].([]any); ok && len(choices) > 0 {
		return choices[0]
	}
	if v, ok := schema["const"]; ok {
		return v
	}
	switch schema["type"] {
	case "string":
		return text
	case "integer", "number":
		return max(0, number(schema["minimum"]))
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		return []any{}
	}
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if p, ok := properties[name].(map[string]any); ok && depth < 16 {
			out[name] = instance(p, text, depth+1)
		}
	}
	return out
}

func number(v any) float64 {
	f, _ := v.(float64)
	return f
}
