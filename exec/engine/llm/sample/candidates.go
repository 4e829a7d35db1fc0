package sample

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a token that may be drawn, with a weight: its probability up
// to a common factor, 1 for the likeliest.
type candidate struct {
	token  int
	weight float64
}

// candidates are the tokens that top-k, then top-p, then min-p leave, by their
// numbers: at least one.
func (s *Sampler) candidates(logits []float32, best float64) []candidate {
	byP := s.p.TopP > 0 && s.p.TopP < 1
	if s.p.TopK <= 0 && !byP {
		s.weigh(logits, best, math.Inf(1))
		return s.floor()
	}
	need := 0.0
	if s.p.TopK <= 0 {
		need = s.p.TopP * s.weigh(logits, best, math.Inf(1))
	}
	// Vocabularies are large and what is kept is small: sort only as far down
	// as is needed. The result is that of sorting all.
	for _, reach := range []float64{6, 14, math.Inf(1)} {
		mass := s.weigh(logits, best, reach)
		if reach > 14 || s.p.TopK > 0 && len(s.pool) >= s.p.TopK || s.p.TopK <= 0 && mass >= need {
			break
		}
	}
	slices.SortFunc(s.pool, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.token, b.token))
	})
	if s.p.TopK > 0 {
		s.pool = s.pool[:min(s.p.TopK, len(s.pool))]
		need = s.p.TopP * mass(s.pool)
	}
	if byP {
		s.nucleus(need)
	}
	// Laid end to end by their weights, two that are nearly as likely would
	// change places with the last bits of the arithmetic, and the draw with
	// them; who replays it elsewhere should draw the same.
	slices.SortFunc(s.pool, func(a, b candidate) int { return cmp.Compare(a.token, b.token) })
	return s.floor()
}

// weigh fills the pool with the tokens whose logit is at most reach
// temperatures below the best, and returns the sum of their weights.
func (s *Sampler) weigh(logits []float32, best, reach float64) float64 {
	s.pool = s.pool[:0]
	sum := 0.0
	for token, l := range logits {
		below := (best - float64(l)) / s.p.Temperature
		// A NaN is no candidate, nor is what has no weight left.
		if !(below <= reach) {
			continue
		}
		if w := math.Exp(-below); w > 0 {
			s.pool = append(s.pool, candidate{token, w})
			sum += w
		}
	}
	return sum
}

// nucleus keeps the first tokens of a sorted pool that weigh need.
func (s *Sampler) nucleus(need float64) {
	sum := 0.0
	for i, c := range s.pool {
		if sum += c.weight; sum >= need {
			s.pool = s.pool[:i+1]
			return
		}
	}
}

// floor drops what min-p does not let through.
func (s *Sampler) floor() []candidate {
	if s.p.MinP > 0 {
		s.pool = slices.DeleteFunc(s.pool, func(c candidate) bool { return c.weight < s.p.MinP })
	}
	return s.pool
}

func mass(pool []candidate) float64 {
	sum := 0.0
	for _, c := range pool {
		sum += c.weight
	}
	return sum
}
