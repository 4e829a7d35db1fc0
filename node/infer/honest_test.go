package infer

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
)

// replayedAnswer is an honest answer with its replay.
type replayedAnswer struct {
	claim claim
	out   openai.ReplayResponse
}

// pool has n answers made by an engine whose arithmetic is a little off, and
// replayed by one whose is not.
func pool(t *testing.T, maker, honest *running, how map[string]any, n int) []replayedAnswer {
	t.Helper()
	var out []replayedAnswer
	for i := range n {
		more := map[string]any{"seed": 5000 + i}
		for k, v := range how {
			more[k] = v
		}
		q := asked(questions(i), more)
		h, in := maker.answers(t, q)
		c, ok := claimOf(q, h, in, 512)
		if !ok {
			t.Fatalf("%+v", h)
		}
		out = append(out, replayedAnswer{c, honest.replays(t, c)})
	}
	return out
}

// noisy is a replay with each number a little off, as on another card: what was
// chosen by less than the noise may have been another choice.
func noisy(out openai.ReplayResponse, rnd *rand.Rand, noise float64) openai.ReplayResponse {
	tokens := make([]openai.ReplayToken, len(out.Tokens))
	for i, tok := range out.Tokens {
		tok.Logprob = min(0, tok.Logprob+rnd.NormFloat64()*noise)
		tok.Sampled = min(0, tok.Sampled+rnd.NormFloat64()*noise)
		tok.Entropy = max(0, tok.Entropy+rnd.NormFloat64()*noise)
		if tok.Rank == 0 {
			tok.Top.Logprob = tok.Logprob
		} else {
			tok.Top.Logprob = max(tok.Logprob, min(0, tok.Top.Logprob+rnd.NormFloat64()*noise))
		}
		tokens[i] = tok
	}
	out.Tokens = tokens
	return out
}

// TestHonestAreNotBlamed has 10,000 audits decide about honest answers, in each
// way to draw and by each kind of auditor. They are drawn from a pool of real
// answers and replays; with INFERNET_LONG each of 10,000 answers is a real one.
func TestHonestAreNotBlamed(t *testing.T) {
	audits, size := 2_000, 20 // in each of five ways
	if os.Getenv("INFERNET_LONG") != "" {
		audits, size = 10_000, 10_000
	}
	honest, maker := serve(t, model(t, nil)), serve(t, model(t, gguftest.Jitter(3e-3)))
	for name, tc := range map[string]struct {
		how   map[string]any
		by    like
		noise float64
	}{
		"greedy, alike":       {map[string]any{"temperature": 0}, like{true, true}, 0},
		"greedy, other cards": {map[string]any{"temperature": 0}, like{}, 0.05},
		"drawn, alike":        {map[string]any{"temperature": 0.9, "top_p": 0.95}, like{true, true}, 0},
		"drawn, same engine":  {map[string]any{"temperature": 1}, like{engine: true}, 0.05},
		"drawn, other engine": {map[string]any{"temperature": 0.8, "top_k": 40}, like{}, 0.02},
	} {
		t.Run(name, func(t *testing.T) {
			all := pool(t, maker, honest, tc.how, size)
			rnd := rand.New(rand.NewPCG(3, 4))
			test, counts := newTrial(alike(), apart()), map[compare.Answer]int{}
			tokens := 0
			for i := range audits {
				one := all[i%len(all)]
				if size < audits {
					one = all[rnd.IntN(len(all))]
				}
				if err := test.add(one.claim, noisy(one.out, rnd, tc.noise), tc.by); err != nil {
					t.Fatal(err)
				}
				tokens += len(one.out.Tokens)
				answer, _, why := test.decide()
				if answer == compare.Inconclusive && len(test.seen) < dossierCases {
					continue
				}
				if counts[answer]++; answer == compare.Mismatch {
					t.Errorf("audit %d: %s", i, why)
				}
				test = newTrial(alike(), apart())
			}
			if counts[compare.Match] == 0 {
				t.Errorf("nobody was found right: %v", counts)
			}
			t.Log(strconv.Itoa(audits)+" audits,", tokens, "tokens, decisions", counts)
		})
	}
}
