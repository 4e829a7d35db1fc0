package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
)

// logprobs wants one a token, none above zero, the likeliest first.
func logprobs(ctx context.Context, p *probe) error {
	r, err := p.chat(ctx, object{"logprobs": true, "top_logprobs": 2})
	if err != nil {
		return err
	}
	l := r.Choices[0].Logprobs
	if l == nil || len(l.Content) == 0 {
		return errors.New("no logprobs in the answer")
	}
	text := ""
	for _, t := range l.Content {
		text += t.Token
		if t.Logprob > 1e-6 || math.IsNaN(t.Logprob) || len(t.TopLogprobs) != 2 {
			return fmt.Errorf("token %.40q has logprob %v and %d at the top", t.Token, t.Logprob, len(t.TopLogprobs))
		}
		if t.TopLogprobs[0].Logprob < t.TopLogprobs[1].Logprob || t.TopLogprobs[0].Logprob < t.Logprob-1e-6 {
			return fmt.Errorf("the top at %.40q is not sorted", t.Token)
		}
	}
	if got := r.Choices[0].Message.Content.String(); !strings.HasPrefix(text, got) {
		return fmt.Errorf("the tokens say %.100q, the text %.100q", text, got)
	}
	return nil
}

// jsonSchema asks a question that has nothing to do with the schema, so that
// only a grammar makes the answer keep to it.
func jsonSchema(ctx context.Context, p *probe) error {
	schema := object{
		"type": "object", "additionalProperties": false, "required": []string{"n", "ok"},
		"properties": object{"n": object{"type": "integer"}, "ok": object{"type": "boolean"}},
	}
	text, err := p.says(ctx, object{
		"max_tokens": 200, "response_format": object{"type": "json_schema", "json_schema": object{"name": "answer", "strict": true, "schema": schema}},
	})
	if err != nil {
		return err
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return fmt.Errorf("%w in %.200q", err, text)
	}
	n, isNumber := got["n"].(float64)
	_, isBool := got["ok"].(bool)
	if !isNumber || n != math.Trunc(n) || !isBool || len(got) != 2 {
		return fmt.Errorf("%.200q does not keep the schema", text)
	}
	return nil
}

// embeddings: equal texts are equal, others are not, and both encodings say the
// same.
func embeddings(ctx context.Context, p *probe) error {
	var r, again openai.EmbeddingResponse
	ask := object{"model": p.o.Model, "input": []string{"a cat", "a dog", "a cat"}}
	if err := p.get(ctx, "/v1/embeddings", ask, &r); err != nil {
		return err
	}
	if len(r.Data) != 3 || r.Usage.PromptTokens < 3 {
		return fmt.Errorf("%d vectors and %d tokens for three texts", len(r.Data), r.Usage.PromptTokens)
	}
	for i, d := range r.Data {
		if d.Index != i || len(d.Embedding.Values) == 0 || len(d.Embedding.Values) != len(r.Data[0].Embedding.Values) {
			return fmt.Errorf("vector %d has index %d and %d numbers", i, d.Index, len(d.Embedding.Values))
		}
	}
	a, b, c := r.Data[0].Embedding.Values, r.Data[1].Embedding.Values, r.Data[2].Embedding.Values
	if cosine(a, c) < 0.999 || cosine(a, b) > 0.9999 {
		return fmt.Errorf("cosine %.4f for equal texts, %.4f for others", cosine(a, c), cosine(a, b))
	}
	ask["encoding_format"] = "base64"
	if err := p.get(ctx, "/v1/embeddings", ask, &again); err != nil {
		return err
	}
	if len(again.Data) != 3 || !again.Data[0].Embedding.Base64 || cosine(a, again.Data[0].Embedding.Values) < 0.999 {
		return errors.New("base64 is not given, or is another vector")
	}
	return nil
}

// cosine is 1 for vectors of one direction, -1 also for those of unlike length.
func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return -1
	}
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// tokenize has to agree with itself and with the usage: clients count by it.
func tokenize(ctx context.Context, p *probe) error {
	var t openai.TokenizeResponse
	const text = "The capital of France is Paris."
	if err := p.get(ctx, "/tokenize", object{"model": p.o.Model, "prompt": text, "add_special_tokens": false}, &t); err != nil {
		return err
	}
	if t.Count < 2 || t.Count != len(t.Tokens) {
		return fmt.Errorf("count %d of %d tokens", t.Count, len(t.Tokens))
	}
	var d openai.DetokenizeResponse
	if err := p.get(ctx, "/detokenize", object{"model": p.o.Model, "tokens": t.Tokens}, &d); err != nil {
		return err
	}
	if strings.TrimSpace(d.Prompt) != text {
		return fmt.Errorf("came back as %.100q", d.Prompt)
	}
	r, err := p.chat(ctx, nil)
	if err != nil {
		return err
	}
	if err := p.get(ctx, "/tokenize", object{"model": p.o.Model, "messages": p.ask(nil)["messages"]}, &t); err != nil {
		return err
	}
	if err := counted(r.Usage); err != nil {
		return err
	}
	if t.Count != r.Usage.PromptTokens {
		return fmt.Errorf("messages have %d tokens, and the usage says %d", t.Count, r.Usage.PromptTokens)
	}
	return nil
}

// withIDs is a greedy answer with its token ids.
func (p *probe) withIDs(ctx context.Context) (openai.ChatResponse, error) {
	r, err := p.chat(ctx, object{"return_token_ids": true})
	if err == nil && (len(r.PromptTokenIDs) == 0 || len(r.Choices[0].TokenIDs) == 0) {
		err = errors.New("no prompt_token_ids or token_ids in the answer")
	}
	return r, err
}

// tokenIDs are what a client counts and has replayed.
func tokenIDs(ctx context.Context, p *probe) error {
	r, err := p.withIDs(ctx)
	if err != nil {
		return err
	}
	if err := counted(r.Usage); err != nil {
		return err
	}
	in, out := len(r.PromptTokenIDs), len(r.Choices[0].TokenIDs)
	if in != r.Usage.PromptTokens || out != r.Usage.CompletionTokens {
		return fmt.Errorf("%d + %d ids, usage %d + %d", in, out, r.Usage.PromptTokens, r.Usage.CompletionTokens)
	}
	s, err := p.stream(ctx, object{"return_token_ids": true})
	if err == nil && (fmt.Sprint(s.promptIDs) != fmt.Sprint(r.PromptTokenIDs) || fmt.Sprint(s.tokenIDs) != fmt.Sprint(r.Choices[0].TokenIDs)) {
		err = fmt.Errorf("%d + %d other ids in the stream", len(s.promptIDs), len(s.tokenIDs))
	}
	return err
}

// replay of the engine's own greedy answer finds each token the likeliest;
// that of another does not.
func replay(ctx context.Context, p *probe) error {
	r, err := p.withIDs(ctx)
	if err != nil {
		return err
	}
	ids := r.Choices[0].TokenIDs
	ask := object{"model": p.o.Model, "prompt_token_ids": r.PromptTokenIDs, "token_ids": ids}
	var own, other openai.ReplayResponse
	if err := p.get(ctx, "/infernet/replay", ask, &own); err != nil {
		return err
	}
	if len(own.Tokens) != len(ids) {
		return fmt.Errorf("%d tokens were judged of %d", len(own.Tokens), len(ids))
	}
	for i, t := range own.Tokens {
		if t.ID != ids[i] || t.Rank != 0 || t.Logprob > 1e-6 {
			return fmt.Errorf("token %d of its own answer (%.40q) has rank %d, logprob %v", i, t.Text, t.Rank, t.Logprob)
		}
	}
	wrong := make([]int, len(ids))
	for i := range ids {
		wrong[i] = r.PromptTokenIDs[i%len(r.PromptTokenIDs)]
	}
	ask["token_ids"] = wrong
	if err := p.get(ctx, "/infernet/replay", ask, &other); err != nil {
		return err
	}
	for i, t := range other.Tokens {
		if t.Rank > 0 && t.Logprob < own.Tokens[min(i, len(own.Tokens)-1)].Logprob+1 {
			return nil
		}
	}
	return errors.New("an answer that is not its own has rank 0 everywhere")
}
