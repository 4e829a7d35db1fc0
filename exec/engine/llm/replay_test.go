package main

import (
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
