package compare

import "math"

// Thresholds are the settings of Text.
type Thresholds struct {
	// Alpha bounds the share of honest answers called a mismatch, Beta that of
	// wrong ones called a match.
	Alpha, Beta float64
	// Margin is the TopGap up to which rounding may pick another token. Of tokens
	// picked greedily, at most a share Flip differs by more when all is honest,
	// and at least Wrong when it is not. The same shares hold for drawn tokens
	// that are outside.
	Margin, Flip, Wrong float64
	// Noise is the drift that rounding may cause, and Shift the least drift of a
	// wrong answer, both as a share of the varentropy: as much as if the
	// temperature were off by that share.
	Noise, Shift float64
}

// DefaultThresholds are those of DiFR (arXiv 2511.20621) for picked tokens, and
// for drawn ones what 16-bit arithmetic on other hardware stays well within.
func DefaultThresholds() Thresholds {
	return Thresholds{Alpha: 1e-4, Beta: 1e-2, Margin: 0.25, Flip: 0.02, Wrong: 0.06, Noise: 0.03, Shift: 0.2}
}

// bet numbers the bets against an answer.
type bet int

const (
	betFlips    bet = iota // greedy tokens that are others
	betFar                 // by far
	betOutside             // drawn tokens beyond the truncation
	betSurprise            // drawn tokens too surprising
	betBoredom  = betSurprise + bet(len(surprises))
	betSpread   = betBoredom + bet(len(surprises))
	betCount    = betSpread + bet(len(spreads))
)

const (
	farGap  = 4  // margins, beyond one nat
	farRate = 20 // how much rarer such tokens are

	surpriseCap   = 6.0 // nats: what is beyond counts as that
	slack         = 1.1 // how far an auditor's varentropy may be too small
	spreadOfWrong = 1.5 // variance of a wrong answer's surprise, in varentropies
)

// stake is a bet on a sum of terms: rate is the share of wealth laid on each unit
// of them, terms above cap count as cap.
type stake struct{ rate, cap float64 }

// The small rates find a small drift in many tokens, the large ones a large drift
// in few.
var (
	surprises = [...]stake{{0.05, surpriseCap}, {0.2, surpriseCap}, {0.5, surpriseCap}}
	spreads   = [...]stake{{0.02, 16}, {0.06, 16}}
)

// grow is the logarithm by which wealth grows with a term of mean at most 0 and
// second moment at most v*slack. Bennett: then the expected growth factor is at
// most 1.
func (s stake) grow(term, v float64) float64 {
	rc := s.rate * s.cap
	return s.rate*min(term, s.cap) - (math.Expm1(rc)-rc)/(s.cap*s.cap)*v*slack
}

// coin is the logarithm of the likelihood ratio of rate to that of base.
func coin(heads bool, base, rate float64) float64 {
	if heads {
		return math.Log(rate / base)
	}
	return math.Log((1 - rate) / (1 - base))
}

func (t *Text) bet(i bet, growth float64) { t.against[i] += growth }

// wealth is the logarithm of the mean of all bets.
func (t *Text) wealth() float64 {
	top := math.Inf(-1)
	for _, w := range t.against {
		top = max(top, w)
	}
	sum := 0.0
	for _, w := range t.against {
		sum += math.Exp(w - top)
	}
	return top + math.Log(sum/float64(betCount))
}

// Tokens are how many greedy tokens are decided upon in the mean (Wald, 1945)
// when a share p of them are others.
func (t Thresholds) Tokens(p float64) float64 {
	up, down := -math.Log(t.Alpha/float64(betCount)), -math.Log(t.Beta)
	step := p*coin(true, t.Flip, t.Wrong) + (1-p)*coin(false, t.Flip, t.Wrong)
	if step > 0 {
		return up / step
	}
	return down / -step
}
