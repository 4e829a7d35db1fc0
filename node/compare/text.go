package compare

import (
	"fmt"
	"math"
	"slices"
)

// Token is what a replaying engine thinks of one token that was claimed, given
// all before it. Logarithms are natural, and those of Logprob, Entropy and
// Varentropy are taken of the distribution from which the answer was drawn: at
// its temperature, after its truncation (top_p, top_k, min_p).
type Token struct {
	Logprob    float64 // of the claimed token; ignored where Outside
	Entropy    float64 // expectation of the negative log-probability, nats
	Varentropy float64 // variance of the negative log-probability, nats²
	// Outside says that the truncation leaves the claimed token no probability.
	Outside bool
	// Greedy says that the engine has no choice here: temperature 0, or a seed
	// that both know. Then Rank is 0 for the token that it would have picked
	// itself, and TopGap is by how much it prefers that one to the claimed: the
	// difference of log-probabilities, or of what its sampler ranks by. The fields
	// above are not looked at.
	Greedy bool
	Rank   int
	TopGap float64
}

// check refuses what cannot be said of a token.
func (tok Token) check() error {
	bad := func(what string, v float64) error { return fmt.Errorf("%w: %s %v", ErrToken, what, v) }
	switch {
	case tok.Greedy && tok.Rank < 0:
		return bad("rank", float64(tok.Rank))
	case tok.Greedy && !(tok.TopGap >= -maxSlip):
		return bad("gap", tok.TopGap)
	case tok.Greedy || tok.Outside:
		return nil
	case !(tok.Logprob <= maxSlip):
		return bad("log-probability", tok.Logprob)
	case !(tok.Entropy >= -maxSlip && tok.Entropy <= maxNats):
		return bad("entropy", tok.Entropy)
	case !(tok.Varentropy >= -maxSlip && tok.Varentropy <= maxNats*maxNats):
		return bad("varentropy", tok.Varentropy)
	}
	return nil
}

const (
	maxSlip = 1e-3 // what a sum of probabilities in 32 bits may be off by
	maxNats = 64   // more than any vocabulary holds
)

// Stats tell what a decision of Text rests on.
type Stats struct {
	Tokens  int     // taken in
	Greedy  int     // of which the engine had no choice
	Flips   int     // of which it would have picked another by more than the noise
	Outside int     // beyond the truncation
	Drift   float64 // mean surprise beyond the expected of the others, nats a token
	Z       float64 // their sum in standard deviations of it
	// Against is how strongly all speaks against an honest answer, For how strongly
	// against a wrong one: natural logarithms of e-values.
	Against, For float64
}

// Why puts a decision in words.
func (s Stats) Why() string {
	return fmt.Sprintf("%d tokens: %d of %d greedy ones are others, %d are outside, the rest surprise by %+.3f nats each (z %+.1f)",
		s.Tokens, s.Flips, s.Greedy, s.Outside, s.Drift, s.Z)
}

// Text decides, token by token, whether an answer came from the model with which
// it is replayed, in constant memory. It may be asked after each token and given
// more: the error rates hold at whatever moment one stops.
//
// It bets against the answer (Ville, 1939; Ramdas and others, "Game-theoretic
// statistics and safe anytime-valid inference", 2023). While all is honest the
// expected wealth of each bet never grows, so it reaches 1/Alpha with a chance of
// at most Alpha. A greedy token is a coin: the bet is the likelihood ratio of
// Wald's sequential test. The surprise of a drawn token less its entropy has mean
// 0 and variance Varentropy whatever the model; a bet on its sum is bounded by
// Bennett's inequality (1962) without any further assumption. Bets are on tokens
// more surprising than they should be (another model, a higher temperature), less
// (a lower temperature, an answer to another question) and on more of both (a
// smaller model whose temperature hides it); the wealth is their mean. In the same way it bets
// against a wrong answer, for Match and Beta.
//
// An answer that is unlucky is so for each auditor: asking a second one guards
// against a wrong auditor, not against chance.
type Text struct {
	t           Thresholds
	limit       float64 // of the logarithm of wealth
	flips, fars coin
	honest      coin
	acquit      stake
	stats       Stats
	against     [betCount]float64 // logarithms of wealth
	caught      bool              // once is enough
	greedy      float64           // bet against a wrong answer by its greedy tokens
	low         float64           // and by the drawn ones: that they surprise too much
	high        float64           // and too little

	drift, variance float64 // sums
	drawn           int
}

// NewText begins a test. The zero Thresholds are the default ones; errors of
// others are found by Validate.
func NewText(t Thresholds) *Text {
	if t == (Thresholds{}) {
		t = DefaultThresholds()
	}
	return &Text{
		t: t, limit: -math.Log(t.Alpha),
		flips: toss(t.Flip, t.Wrong), fars: toss(t.Flip/farRate, t.Wrong/farRate*2), honest: toss(t.Wrong, t.Flip),
		acquit: lay(t.Shift/spreadOfWrong, surpriseCap),
	}
}

// Add takes in the next token. Errors: ErrToken; the token is left out.
func (t *Text) Add(tok Token) error {
	if err := tok.check(); err != nil {
		return err
	}
	t.stats.Tokens++
	switch {
	case tok.Greedy:
		t.addGreedy(tok)
	case tok.Outside:
		t.stats.Outside++
		t.against[betOutside] += t.flips.grow(true)
	default:
		t.against[betOutside] += t.flips.grow(false)
		t.addDrawn(tok)
	}
	if slices.Max(t.against[:]) >= t.limit { // else the mean is below as well
		t.caught = t.caught || t.wealth() >= t.limit
	}
	return nil
}

// addGreedy counts another pick by more than the noise, and apart from that one
// by far more, which honest machines practically never have.
func (t *Text) addGreedy(tok Token) {
	t.stats.Greedy++
	flip := tok.Rank > 0 && tok.TopGap > t.t.Margin
	if flip {
		t.stats.Flips++
	}
	t.against[betFlips] += t.flips.grow(flip)
	t.against[betFar] += t.fars.grow(tok.Rank > 0 && tok.TopGap > farGap*t.t.Margin+1)
	t.greedy += t.honest.grow(flip)
}

// addDrawn bets on the surprise of a drawn token.
func (t *Text) addDrawn(tok Token) {
	v := max(tok.Varentropy, 0)
	x := -min(tok.Logprob, 0) - max(tok.Entropy, 0)
	x = min(x, 1e6) // -Inf, where a sampler had no truncation
	t.drawn++
	t.drift += x
	t.variance += v
	noise, moment := t.t.Noise*v, slack*v
	for i, s := range surprises {
		t.against[betSurprise+i] += s.grow(x-noise, moment)
		t.against[betBoredom+i] += s.grow(-x-noise, moment)
	}
	for i, s := range spreads {
		t.against[betSpread+i] += s.grow(min(x*x, s.cap)-moment, moment*s.cap)
	}
	shift := t.t.Shift * v
	t.low += t.acquit.grow(shift-x, v*spreadOfWrong)
	t.high += t.acquit.grow(shift+x, v*spreadOfWrong)
}

// Decide says what the tokens so far come to; inconclusive means that more are
// needed.
func (t *Text) Decide() (Answer, Stats) {
	s := t.stats
	s.Against, s.For = t.wealth(), t.greedy+min(t.low, t.high)
	if t.drawn > 0 {
		s.Drift = t.drift / float64(t.drawn)
	}
	if t.variance > 0 {
		s.Z = t.drift / math.Sqrt(t.variance)
	}
	switch {
	case t.caught:
		return Mismatch, s
	case s.For >= -math.Log(t.t.Beta):
		return Match, s
	}
	return Inconclusive, s
}
