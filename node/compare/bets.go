package compare

import (
	"math"
	"slices"
)

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

// The bets against an answer.
const (
	betFlips    = iota // greedy tokens that are others
	betFar             // by far
	betOutside         // drawn tokens beyond the truncation
	betSurprise        // drawn tokens too surprising
	betBoredom  = betSurprise + len(surprises)
	betSpread   = betBoredom + len(surprises)
	betCount    = betSpread + len(spreads)
)

const (
	farGap  = 4  // margins, beyond one nat
	farRate = 20 // how much rarer such tokens are

	surpriseCap   = 6.0 // nats: what is beyond counts as that
	spreadCap     = 16  // nats²
	slack         = 1.1 // how far an auditor's varentropy may be too small
	spreadOfWrong = 1.5 // variance of a wrong answer's surprise, in varentropies
)

// stake is a bet on a sum of terms: rate is the share of wealth laid on each unit
// of them, terms above cap count as cap. Cost is what a unit of variance takes of
// it.
type stake struct{ rate, cap, cost float64 }

// lay makes a stake. Bennett: a term of mean at most 0, capped, with a second
// moment of at most v lets wealth grow by a factor of exp(cost*v) at most, in the
// mean.
func lay(rate, cap float64) stake {
	return stake{rate: rate, cap: cap, cost: (math.Expm1(rate*cap) - rate*cap) / (cap * cap)}
}

// The small rates find a small drift in many tokens, the large ones a large drift
// in few.
var (
	surprises = [...]stake{lay(0.05, surpriseCap), lay(0.2, surpriseCap), lay(0.5, surpriseCap)}
	spreads   = [...]stake{lay(0.02, spreadCap), lay(0.06, spreadCap)}
)

// grow is the logarithm by which wealth grows with a term of mean at most 0 and
// second moment at most v: its expected factor is at most 1.
func (s stake) grow(term, v float64) float64 { return s.rate*min(term, s.cap) - s.cost*v }

// coin is the logarithm of a likelihood ratio: of tails, of heads.
type coin [2]float64

// toss is the coin that bets on rate where base is expected.
func toss(base, rate float64) coin {
	return coin{math.Log((1 - rate) / (1 - base)), math.Log(rate / base)}
}

func (c coin) grow(heads bool) float64 {
	if heads {
		return c[1]
	}
	return c[0]
}

// wealth is the logarithm of the mean of all bets.
func (t *Text) wealth() float64 {
	top, sum := slices.Max(t.against[:]), 0.0
	for _, w := range t.against {
		sum += math.Exp(w - top)
	}
	return top + math.Log(sum/float64(betCount))
}

// Tokens are how many greedy tokens are decided upon in the mean (Wald, 1945)
// when a share p of them are others.
func (t Thresholds) Tokens(p float64) float64 {
	up, down := -math.Log(t.Alpha/float64(betCount)), -math.Log(t.Beta)
	c := toss(t.Flip, t.Wrong)
	step := p*c[1] + (1-p)*c[0]
	if step > 0 {
		return up / step
	}
	return down / -step
}
