package compare_test

import (
	"math"
	"math/rand/v2"
	"slices"

	"infernet.tech/infernet/node/compare"
)

// place is one position of a text: what the serving model draws from and what
// the auditing one thinks of each token.
type place struct {
	cdf    []float64 // of the serving model
	pick   int       // its likeliest token
	tokens []compare.Token
	greedy []compare.Token
}

// served says how a serving model differs from the auditing one.
type served struct {
	noise       float64 // standard deviation of its logits' differences
	temperature float64 // times the one that was asked for
	keep        int     // of the likeliest tokens it draws from, 0 all
}

const vocabulary = 96

// text makes places whose entropies are as those of a language model: many near
// nothing, some of several nats.
func text(r *rand.Rand, n int, s served) []place {
	if s.temperature == 0 {
		s.temperature = 1
	}
	out := make([]place, n)
	for i := range out {
		logits, other := make([]float64, vocabulary), make([]float64, vocabulary)
		spread := 1.5 + 4*r.Float64()
		for k := range logits {
			logits[k] = spread * r.NormFloat64()
			other[k] = (logits[k] + s.noise*r.NormFloat64()) / s.temperature
		}
		out[i] = position(logsoftmax(logits), logsoftmax(other), s.keep)
	}
	return out
}

func position(audit, serve []float64, keep int) place {
	p := place{cdf: make([]float64, vocabulary), tokens: make([]compare.Token, vocabulary), greedy: make([]compare.Token, vocabulary)}
	order := make([]int, vocabulary)
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int { return cmpFloat(serve[b], serve[a]) })
	p.pick = order[0]
	allowed := make([]bool, vocabulary)
	for i, k := range order {
		allowed[k] = keep == 0 || i < keep
	}
	sum := 0.0
	for k, l := range serve {
		if allowed[k] {
			sum += math.Exp(l)
		}
		p.cdf[k] = sum
	}
	entropy, second, top := 0.0, 0.0, slices.Max(audit)
	for _, l := range audit {
		entropy -= math.Exp(l) * l
		second += math.Exp(l) * l * l
	}
	for k, l := range audit {
		p.tokens[k] = compare.Token{Logprob: l, Entropy: entropy, Varentropy: second - entropy*entropy}
		rank := 0
		for _, m := range audit {
			if m > l {
				rank++
			}
		}
		p.greedy[k] = compare.Token{Greedy: true, Rank: rank, TopGap: top - l}
	}
	return p
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func logsoftmax(l []float64) []float64 {
	top, sum := slices.Max(l), 0.0
	for _, v := range l {
		sum += math.Exp(v - top)
	}
	out := make([]float64, len(l))
	for i, v := range l {
		out[i] = v - top - math.Log(sum)
	}
	return out
}

// draw answers with a token drawn at a place, as the auditor sees it.
func (p place) draw(r *rand.Rand) compare.Token {
	u := r.Float64() * p.cdf[len(p.cdf)-1]
	i, _ := slices.BinarySearch(p.cdf, u)
	return p.tokens[min(i, len(p.tokens)-1)]
}

// audit replays an answer of n tokens, asks after every eighth, and returns when
// it was decided.
func audit(r *rand.Rand, t compare.Thresholds, places []place, n int, greedy bool) (compare.Answer, compare.Stats) {
	test := compare.NewText(t)
	for i := range n {
		p := places[r.IntN(len(places))]
		tok := p.greedy[p.pick]
		if !greedy {
			tok = p.draw(r)
		}
		if err := test.Add(tok); err != nil {
			panic(err)
		}
		if i%8 != 7 && i < n-1 {
			continue
		}
		if a, s := test.Decide(); a != compare.Inconclusive || i == n-1 {
			return a, s
		}
	}
	return compare.Inconclusive, compare.Stats{}
}
