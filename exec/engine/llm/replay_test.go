package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/openai"
)

// perturbed is a model that differs from the demonstration model in the low
// bits of its weights.
func perturbed(t *testing.T) string {
	t.Helper()
	h, err := gguf.ReadFile(demoModel, gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for at := (int(h.HeaderSize) + 31) / 32 * 32; at < len(raw); at += 2 {
		raw[at] ^= byte(rnd.Uint32())
	}
	path := filepath.Join(t.TempDir(), "other.gguf")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *client) replay(t *testing.T, f fields) []openai.ReplayToken {
	t.Helper()
	var out openai.ReplayResponse
	if err := c.post(t.Context(), "/infernet/replay", f, &out); err != nil {
		t.Fatal(err)
	}
	return out.Tokens
}

// misses are the tokens of another's answers that this model would not say,
// and how many there are.
func (c *client) misses(t *testing.T, author *client) (wrong, all int) {
	t.Helper()
	for _, q := range append(questions(12), "Tell me a story about a fox named Pip.") {
		r := author.chat(t, user(q).with(fields{"return_token_ids": true, "logprobs": true, "max_tokens": 60}))
		said := r.Choices[0]
		judged := c.replay(t, fields{"prompt_token_ids": r.PromptTokenIDs, "token_ids": said.TokenIDs})
		if len(judged) != len(said.TokenIDs) {
			t.Fatalf("%d of %d tokens were judged", len(judged), len(said.TokenIDs))
		}
		for i, j := range judged {
			all++
			if j.Rank != 0 {
				wrong++
			}
			if same := j.Logprob == said.Logprobs.Content[i].Logprob; author == c && !same {
				t.Errorf("%q, token %d: log-probability %v when said, %v when replayed", q, i, said.Logprobs.Content[i].Logprob, j.Logprob)
			}
			if j.ID != said.TokenIDs[i] || (j.Rank == 0) != (j.Top.ID == j.ID) || j.Top.Logprob < j.Logprob {
				t.Errorf("token %d: %+v", i, j)
			}
		}
	}
	return wrong, all
}

func TestReplay(t *testing.T) {
	cl := start(t)
	if wrong, all := cl.misses(t, cl); wrong != 0 || all < 100 {
		t.Errorf("%d of %d tokens of the model's own have another rank than 0", wrong, all)
	}
	path := perturbed(t)
	other := start(t, func(c *config) { c.model = path })
	if wrong, all := other.misses(t, other); wrong != 0 {
		t.Errorf("%d of %d tokens of the other model's own have another rank than 0", wrong, all)
	}
	if wrong, all := cl.misses(t, other); wrong*50 < all {
		t.Errorf("%d of %d tokens of another model have another rank than 0", wrong, all)
	}
	wrong := 0
	claim := cl.replay(t, fields{"messages": []fields{{"role": "user", "content": "What is the capital of France?"}}, "completion": "The capital of France is Rome."})
	for _, j := range claim {
		if j.Rank != 0 {
			wrong++
		}
	}
	if wrong == 0 {
		t.Error("a lie has rank 0 throughout")
	}
}

// TestReplayOfDraws replays answers drawn in many ways, with their ends: with
// the seed each token is drawn again, and without it the draws are as likely
// as the model says.
func TestReplayOfDraws(t *testing.T) {
	cl := start(t)
	for name, how := range map[string]fields{
		"greedy":    {"temperature": 0},
		"plain":     {"temperature": 1},
		"hot":       {"temperature": 1.7},
		"cut":       {"temperature": 0.9, "top_p": 0.9, "top_k": 40, "min_p": 0.02},
		"penalties": {"temperature": 0.8, "presence_penalty": 0.5, "frequency_penalty": 0.3, "repetition_penalty": 1.2},
		"bias":      {"temperature": 1, "logit_bias": fields{"300": 2, "301": -5}},
	} {
		var surprise, variance float64
		n := 0
		for i, q := range questions(5) {
			r := cl.chat(t, user(q).with(how).with(fields{"seed": 100 + i, "n": 2, "return_token_ids": true, "max_tokens": 60}))
			for _, ch := range r.Choices {
				ask := fields{"messages": []fields{{"role": "user", "content": q}}, "token_ids": ch.TokenIDs, "finish_reason": ch.FinishReason}
				judged := cl.replay(t, ask.with(how).with(fields{"seed": 100 + i, "choice": ch.Index}))
				want := len(ch.TokenIDs)
				if ch.FinishReason == openai.FinishStop {
					want++
				}
				if len(judged) != want || judged[len(judged)-1].End != (ch.FinishReason == openai.FinishStop) {
					t.Fatalf("%s: %d tokens judged of %d, ended %q", name, len(judged), want, ch.FinishReason)
				}
				for at, j := range judged {
					if j.Drawn == nil || j.Drawn.ID != j.ID || j.Drawn.Gap != 0 || j.Outside || how["temperature"] == 0 && j.Rank != 0 {
						t.Fatalf("%s, %q, token %d: %+v, drawn %+v", name, q, at, j, j.Drawn)
					}
					surprise -= j.Sampled + j.Entropy
					variance += j.Varentropy
					n++
				}
			}
		}
		z := surprise / math.Sqrt(max(variance, 1e-9))
		if n < 40 || math.Abs(z) > 4 {
			t.Errorf("%s: %d tokens, surprise of %.1f standard deviations", name, n, z)
		}
		t.Logf("%s: %d tokens, %.2f standard deviations", name, n, z)
	}
}

func TestReplayFindsEnds(t *testing.T) {
	cl := start(t)
	q := "What is the capital of France?"
	r := cl.chat(t, user(q).with(fields{"temperature": 0, "return_token_ids": true}))
	ids := r.Choices[0].TokenIDs
	ask := fields{"messages": []fields{{"role": "user", "content": q}}, "finish_reason": "stop", "temperature": 0}
	var out openai.ReplayResponse
	if err := cl.post(t.Context(), "/infernet/replay", ask.with(fields{"token_ids": ids}), &out); err != nil {
		t.Fatal(err)
	}
	if out.Text != r.Choices[0].Message.Content.String() {
		t.Errorf("the tokens spell %q, the answer was %q", out.Text, r.Choices[0].Message.Content)
	}
	for n := range len(ids) {
		cut := cl.replay(t, ask.with(fields{"token_ids": ids[:n]}))
		last := cut[len(cut)-1]
		if len(cut) != n+1 || !last.End || last.Rank == 0 || last.Top.Logprob-last.Logprob < 1 {
			t.Errorf("cut after %d tokens: %+v", n, last)
		}
	}
}
