package infer

import (
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
)

// Judged is a replayed token as package compare takes it in, for who judges
// replays that this package did not ask for. See token.
func Judged(t openai.ReplayToken, temperature float64, same bool) compare.Token {
	return token(t, temperature, same)
}

// token is a replayed token as the test of answers takes it in. same says that
// the replaying engine draws by the same seed in the same way as the engine
// that answered: then it has no choice.
func token(t openai.ReplayToken, temperature float64, same bool) compare.Token {
	out := compare.Token{
		Logprob: t.Sampled, Entropy: t.Entropy, Varentropy: t.Varentropy, Outside: t.Outside,
		Greedy: temperature == 0, Rank: t.Rank, TopGap: t.Top.Logprob - t.Logprob,
	}
	if temperature > 0 && same && t.Drawn != nil {
		out.Greedy, out.TopGap, out.Rank = true, t.Drawn.Gap, 0
		if t.Drawn.ID != t.ID {
			out.Rank = max(t.Rank, 1)
		}
	}
	return out
}
