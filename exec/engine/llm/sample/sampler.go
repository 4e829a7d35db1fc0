package sample

import (
	"math"
	"math/rand/v2"
)

// Sampler chooses the tokens of one answer. It is not safe for use by several
// at once.
type Sampler struct {
	p         Params
	rnd       *rand.Rand
	generated map[int]int      // times a token was generated
	seen      map[int]struct{} // tokens of prompt and answer; nil when Repeat is neutral
	pool      []candidate
}

// New is a sampler for an answer to prompt.
func New(p Params, prompt []int) *Sampler {
	s := &Sampler{p: p, rnd: rand.New(rand.NewPCG(p.Seed, p.Stream))}
	if p.Frequency != 0 || p.Presence != 0 {
		s.generated = map[int]int{}
	}
	if p.Repeat != 0 && p.Repeat != 1 {
		s.seen = map[int]struct{}{}
		for _, token := range prompt {
			s.seen[token] = struct{}{}
		}
	}
	return s
}

// Accept tells the sampler that a token was taken into the answer.
func (s *Sampler) Accept(token int) {
	if s.generated != nil {
		s.generated[token]++
	}
	if s.seen != nil {
		s.seen[token] = struct{}{}
	}
}

// Next chooses a token; it changes logits. With a constraint the choice is
// from what it allows. Errors: ErrNoToken.
func (s *Sampler) Next(logits []float32, c Constraint) (int, error) {
	s.adjust(logits)
	token, err := s.pick(logits)
	if err != nil || c == nil || c.Allows(token) {
		return token, err
	}
	// To choose freely first and from the allowed ones only then gives the
	// same distribution, and is cheap where the model keeps to the form.
	c.Mask(logits)
	return s.pick(logits)
}

func (s *Sampler) adjust(logits []float32) {
	for token, b := range s.p.Bias {
		if token >= 0 && token < len(logits) {
			logits[token] += float32(b)
		}
	}
	for token, n := range s.generated {
		logits[token] -= float32(float64(n)*s.p.Frequency + s.p.Presence)
	}
	for token := range s.seen {
		if logits[token] > 0 {
			logits[token] /= float32(s.p.Repeat)
		} else {
			logits[token] *= float32(s.p.Repeat)
		}
	}
}

func (s *Sampler) pick(logits []float32) (int, error) {
	best := Best(logits)
	if best < 0 || math.IsInf(float64(logits[best]), -1) {
		return 0, ErrNoToken
	}
	if s.p.Temperature == 0 || math.IsInf(float64(logits[best]), 1) {
		return best, nil
	}
	return s.draw(s.candidates(logits, float64(logits[best]))), nil
}

// draw takes one of the candidates by their weights.
func (s *Sampler) draw(from []candidate) int {
	total := 0.0
	for _, c := range from {
		total += c.weight
	}
	at := s.rnd.Float64() * total
	for _, c := range from {
		if at -= c.weight; at < 0 {
			return c.token
		}
	}
	return from[len(from)-1].token
}

// Best is the likeliest token and of equals the first, -1 when none is a
// number.
func Best(logits []float32) int {
	best := -1
	for i, l := range logits {
		// A NaN is greater than nothing.
		if l == l && (best < 0 || l > logits[best]) {
			best = i
		}
	}
	return best
}
