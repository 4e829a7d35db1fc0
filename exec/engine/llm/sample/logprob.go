package sample

import (
	"cmp"
	"math"
	"slices"
)

// Logprob is a token and its natural log-probability.
type Logprob struct {
	Token   int
	Logprob float64
}

// Norm is the logarithm of the sum of exp(logit): a token's log-probability
// is its logit less this. Values that are no numbers count as impossible.
func Norm(logits []float32) float64 {
	best := Best(logits)
	if best < 0 {
		return 0
	}
	top, sum := float64(logits[best]), 0.0
	for _, l := range logits {
		if l == l {
			sum += math.Exp(float64(l) - top)
		}
	}
	return top + math.Log(sum)
}

// Of is the log-probability of a token. It is bounded below, because JSON
// knows no infinity.
func Of(logits []float32, token int, norm float64) float64 {
	p := float64(logits[token]) - norm
	if !(p > -9999) {
		return -9999
	}
	return p
}

// Top are the n likeliest tokens, of equals the lower number first.
func Top(logits []float32, n int, norm float64) []Logprob {
	top := make([]Logprob, 0, n+1)
	for token := range logits {
		p := Of(logits, token, norm)
		if len(top) == n && (n == 0 || p <= top[n-1].Logprob) {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, p, func(l Logprob, p float64) int {
			return cmp.Or(cmp.Compare(p, l.Logprob), -1)
		})
		top = slices.Insert(top, at, Logprob{token, p})[:min(n, len(top)+1)]
	}
	return top
}

// Rank is how many tokens go before this one: those that are likelier, and
// equals with a lower number. The token that greedy choice takes has rank 0.
func Rank(logits []float32, token int) int {
	rank, mine := 0, logits[token]
	for t, l := range logits {
		if l > mine || l == mine && t < token || mine != mine && l == l {
			rank++
		}
	}
	return rank
}
