package sample

import (
	"math"
	"slices"
)

// Judgement is how a claimed token stands at its place. Logprob, Rank and
// those of Best are after penalties and biases and before temperature.
type Judgement struct {
	Token       int // of several that would do, the one that was judged
	Logprob     float64
	Rank        int
	Best        int
	BestLogprob float64

	// Sampled is the token's log-probability as it is drawn, Entropy and
	// Varentropy are the mean and the variance of its negative; all are 0
	// where the choice is greedy. A token that cannot be drawn is Outside, and
	// Sampled is then told as if nothing had been cut off.
	Sampled, Entropy, Varentropy float64
	Outside                      bool

	// Drawn is what Next would have chosen, Gap how far the draw was from the
	// token, in logits: 0 when it is the token. Numbers that differ in their
	// last bits move a draw by little.
	Drawn int
	Gap   float64
}

// Judge tells how a token stands, of several (the ends of an answer) the one
// that is drawn, or else the likeliest. It draws as Next does, so that a
// sampler of the same parameters and seed goes the same way as long as Accept
// is told what was accepted there. It changes logits. Errors: ErrNoToken.
func (s *Sampler) Judge(logits []float32, claimed ...int) (Judgement, error) {
	s.adjust(logits)
	best := Best(logits)
	if best < 0 || math.IsInf(float64(logits[best]), -1) || len(claimed) == 0 {
		return Judgement{}, ErrNoToken
	}
	norm := Norm(logits)
	j := Judgement{Best: best, BestLogprob: Of(logits, best, norm), Drawn: best}
	greedy := s.p.Temperature == 0 || math.IsInf(float64(logits[best]), 1)
	var from []candidate
	total, at := 0.0, 0.0
	if !greedy {
		from = s.candidates(logits, float64(logits[best]))
		total = mass(from)
		at = s.rnd.Float64() * total
		j.Drawn = hit(from, at)
	}
	j.Token = claimed[0]
	for _, t := range claimed {
		if t == j.Drawn {
			j.Token = t
			break
		}
		if logits[t] > logits[j.Token] {
			j.Token = t
		}
	}
	j.Logprob, j.Rank = Of(logits, j.Token, norm), Rank(logits, j.Token)
	if greedy {
		j.Gap = gap(j.BestLogprob - j.Logprob)
		return j, nil
	}
	j.spread(logits, from, total, s.p.Temperature)
	s.place(&j, logits, from, total, at)
	return j, nil
}

// maxGap stands for a token that no small difference explains.
const maxGap = 99

func gap(g float64) float64 {
	if !(g < maxGap) {
		return maxGap
	}
	return max(g, 0)
}

// hit is the candidate at a place of the weights laid end to end, as draw
// finds it.
func hit(from []candidate, at float64) int {
	for _, c := range from {
		if at -= c.weight; at < 0 {
			return c.token
		}
	}
	return from[len(from)-1].token
}

// spread fills in the mean and the variance of -log p over what may be drawn.
func (j *Judgement) spread(logits []float32, from []candidate, total, temperature float64) {
	top, log := float64(logits[j.Best]), math.Log(total)
	square := 0.0
	for _, c := range from {
		bits := (top-float64(logits[c.token]))/temperature + log
		p := c.weight / total
		j.Entropy += p * bits
		square += p * bits * bits
	}
	j.Varentropy = max(0, square-j.Entropy*j.Entropy)
}

// place fills in what depends on where the token lies among the candidates.
func (s *Sampler) place(j *Judgement, logits []float32, from []candidate, total, at float64) {
	below := (float64(logits[j.Best]) - float64(logits[j.Token])) / s.p.Temperature
	i := slices.IndexFunc(from, func(c candidate) bool { return c.token == j.Token })
	if i < 0 {
		// The least of what is kept: so much likelier it would have to be.
		least := from[0].weight
		for _, c := range from {
			least = min(least, c.weight)
		}
		j.Outside = true
		j.Gap = gap((below + math.Log(least)) * s.p.Temperature)
		j.Sampled = max(-9999, -below-math.Log(s.weigh(logits, float64(logits[j.Best]), math.Inf(1))))
		return
	}
	j.Sampled = max(-9999, -below-math.Log(total))
	if j.Drawn == j.Token {
		return
	}
	low := mass(from[:i])
	edge := low
	if at >= low {
		edge = low + from[i].weight
	}
	j.Gap = gap(math.Abs(logit(at/total)-logit(edge/total)) * s.p.Temperature)
}

// logit is how far a share of the probability is from a half, on the scale on
// which a change of the logits moves it evenly.
func logit(p float64) float64 {
	p = min(max(p, 1e-12), 1-1e-12)
	return math.Log(p / (1 - p))
}
