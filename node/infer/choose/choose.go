// Package choose ranks the providers that could answer a request. It is pure:
// what is known of each comes in, weights with their reasons come out.
//
// It refuses winner-takes-all: the softmax of the scores is mixed with a share
// for everyone eligible, so that a newcomer is tried and no provider can have
// all of a client's requests by being a little cheaper. That share is divided
// inversely to the price: asking a thousand times as much does not pay.
//
// Package node/infer calls it.
package choose

import (
	"cmp"
	"math"
	"slices"
)

// Candidate is what is known of one provider.
type Candidate struct {
	In, Out    uint64  // price per million tokens
	TPSMilli   uint64  // tokens a second times 1000; 0: not measured
	TTFTMS     uint64  // until the first token; 0: not measured
	Queue      uint32  // requests that wait there
	Slots      uint32  // requests it answers at once
	Active     uint32  // requests of ours that it answers now
	Context    uint32  // tokens; 0: not told
	Credit     uint64  // what we may still come to owe it
	Owing      uint64  // what the request could cost
	Reputation float64 // 0 to 1
	Failures   float64 // seen lately, decaying
	Warm       bool    // its engine runs
	Session    bool    // it answered this conversation before
	Resting    bool    // failed so often lately that it is asked only when nobody else is left
}

// Need is what a request asks of a provider.
type Need struct {
	MaxIn, MaxOut       uint64 // per million tokens; 0: no limit
	ExpectIn, ExpectOut uint64 // tokens
	Context             uint64 // tokens that must fit; 0: any
	MinReputation       float64
	MinTPSMilli         uint64
	MaxTTFTMS           uint64
	Budget              uint64 // the most that the request may cost; 0: no limit

	Human func(uint64) string // writes a sum for reasons; nil: as a number
}

// Ranked is a candidate's place in a choice.
type Ranked struct {
	Index       int // in the list that was given
	Score       float64
	Probability float64 // of being first
}

// Rank returns those of list that are eligible, likeliest first, with their
// probabilities, which add up to 1; and for each of list the reason why it is
// not eligible, nil when it is. Everyone eligible has a part of Floor, equal at
// equal prices; nobody has all unless alone. Resting ones are eligible only when all are.
func (p Params) Rank(list []Candidate, need Need) ([]Ranked, []error) {
	reasons := make([]error, len(list))
	var in []int
	session := false
	awake := slices.ContainsFunc(list, func(c Candidate) bool { return !c.Resting && c.Eligible(need) == nil })
	for i, c := range list {
		reasons[i] = c.Eligible(need)
		if reasons[i] == nil && c.Resting && awake {
			reasons[i] = ErrResting
		}
		if reasons[i] == nil {
			in = append(in, i)
			session = session || c.Session
		}
	}
	costs := prices(list, in, need)
	scores, share := p.scores(list, in, costs, need), spread(costs)
	out := make([]Ranked, len(in))
	floor := p.Floor
	if session {
		floor = p.SessionFloor
	}
	for i, w := range softmax(scores, p.Temperature) {
		out[i] = Ranked{Index: in[i], Score: scores[i], Probability: (1-floor)*w + floor*share[i]}
	}
	slices.SortStableFunc(out, func(a, b Ranked) int { return cmp.Compare(b.Probability, a.Probability) })
	return out, reasons
}

// softmax of scores over a temperature; it adds up to 1.
func softmax(scores []float64, temperature float64) []float64 {
	if len(scores) == 0 {
		return nil
	}
	top, sum := slices.Max(scores), 0.0
	out := make([]float64, len(scores))
	for i, s := range scores {
		out[i] = math.Exp((s - top) / temperature)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Draw orders ranked at random: each place goes to one of those left, by their
// probabilities. draw returns numbers of [0,1).
func Draw(ranked []Ranked, draw func() float64) []Ranked {
	left := slices.Clone(ranked)
	out := make([]Ranked, 0, len(left))
	for len(left) > 0 {
		sum := 0.0
		for _, r := range left {
			sum += r.Probability
		}
		at, x := len(left)-1, draw()*sum
		for i, r := range left {
			if x < r.Probability {
				at = i
				break
			}
			x -= r.Probability
		}
		out = append(out, left[at])
		left = slices.Delete(left, at, at+1)
	}
	return out
}
