package reputation

import (
	"bytes"
	"math"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/wire"
)

// Params are the numbers of the score. Different nodes may choose different
// ones; the score is each node's own opinion.
type Params struct {
	HalfGood time.Duration // after which a success counts half
	HalfBad  time.Duration // after which a failure counts half
	// Reference is, by unit, the amount at stake that weighs 1 when audited.
	// More weighs more by the logarithm, up to MaxWeight. Evidence in a unit
	// that is not listed counts as worth nothing.
	Reference  map[string]uint64
	MaxWeight  float64
	Unaudited  float64       // factor of what was claimed or replicated, not audited
	OneSided   float64       // factor of what the other party did not sign
	MinBad     float64       // least weight of a failure, which is never paid and so has no value
	LambdaBad  float64       // how many successes a wrong result outweighs
	LambdaLate float64       // the same for late, failed and unpaid
	FraudLoss  float64       // the same for proven fraud
	FraudTime  time.Duration // how long proven fraud keeps the score at 0

	// Kappa is the weight of a reference amount that reaches a peer through
	// others, as a part of the same amount paid and audited by oneself.
	Kappa float64
	// Network is the one whose digests are taken; empty: any.
	Network string
}

// Default returns the parameters everyone begins with: half-lives of 30 and 60
// days, a reference of ten credits or about ten US cents.
func Default() Params {
	const day = 24 * time.Hour
	return Params{
		HalfGood: 30 * day, HalfBad: 60 * day,
		Reference: map[string]uint64{"credits": 10, "msat": 100_000, "uusdc": 100_000},
		MaxWeight: 4, Unaudited: 0.3, OneSided: 0.25, MinBad: 1,
		LambdaBad: 3, LambdaLate: 1, FraudLoss: 10, FraudTime: 180 * day, Kappa: 0.3,
	}
}

// Score returns the Default score of a peer with that evidence at that time:
// from 0, which is also that of a peer without evidence, to less than 1.
func Score(now time.Time, evidence []Evidence) float64 {
	return Default().Explain(now, evidence).Score
}

// Explanation is a score with all that went into it.
type Explanation struct {
	Score float64 `json:"score"`
	Good  float64 `json:"good"` // decayed weight of successes
	Bad   float64 `json:"bad"`  // decayed weight of failures
	Mean  float64 `json:"mean"` // expected rate of success; Score is its lower bound
	Fraud bool    `json:"fraud"`
	Items []Item  `json:"items"`
	Older Older   `json:"older,omitzero"` // what is too much to list

	Direct   float64 `json:"direct"`             // the score without the word of others
	Indirect float64 `json:"indirect,omitempty"` // weight that the word of others adds to Good
	Flow     float64 `json:"flow,omitempty"`     // reference amounts that reach the peer from here
	Via      []Via   `json:"via,omitempty"`      // through whom, most first
	Suspect  bool    `json:"suspect,omitempty"`  // see Standing
	Chain    Chain   `json:"chain,omitzero"`     // the peer's own receipts towards this node
}

// Older sums up evidence that is not listed, the oldest there is.
type Older struct {
	Count int     `json:"count"`
	Good  float64 `json:"good"`
	Bad   float64 `json:"bad"`
}

// Item is what one piece of evidence adds. Good and Bad are already decayed.
type Item struct {
	Evidence
	Weight float64 `json:"weight"` // before decay
	Decay  float64 `json:"decay"`  // what age leaves of it, 0 to 1
	Good   float64 `json:"good"`
	Bad    float64 `json:"bad"`
}

// Explain computes the score and lists each piece of evidence with its weight,
// oldest first. The order in which evidence is given does not matter.
func (p Params) Explain(now time.Time, evidence []Evidence) Explanation {
	sorted := slices.Clone(evidence)
	slices.SortStableFunc(sorted, func(a, b Evidence) int {
		if c := a.When.Compare(b.When); c != 0 {
			return c
		}
		return bytes.Compare(a.Receipt[:], b.Receipt[:])
	})
	x := Explanation{Items: make([]Item, 0, len(sorted))}
	for _, e := range sorted {
		it := p.item(now, e)
		x.Good += it.Good
		x.Bad += it.Bad
		x.Fraud = x.Fraud || e.Fraud && now.Sub(e.When) < p.FraudTime
		x.Items = append(x.Items, it)
	}
	x.conclude()
	return x
}

// conclude computes the score from what was summed up. The word of others
// never lowers what direct evidence proves.
func (x *Explanation) conclude() {
	x.Mean, x.Direct = lowerBound(x.Good, x.Bad)
	x.Score = x.Direct
	if x.Indirect > 0 {
		mean, score := lowerBound(x.Good+x.Indirect, x.Bad)
		x.Mean, x.Score = mean, max(score, x.Direct)
	}
	if x.Fraud {
		x.Score, x.Direct = 0, 0
	}
}

func (p Params) item(now time.Time, e Evidence) Item {
	it := Item{Evidence: e, Weight: p.weight(e)}
	age := max(now.Sub(e.When), 0) // a date ahead of us earns no more than today's
	switch {
	case e.Fraud:
		it.Decay = decay(age, p.HalfBad)
		it.Bad = p.FraudLoss * it.Weight * it.Decay
	case e.Verdict == OK:
		it.Decay = decay(age, p.HalfGood)
		it.Good = it.Weight * it.Decay
	case !e.ownFault():
		it.Decay = decay(age, p.HalfBad) // it says nothing of the peer
	case e.Verdict == Bad:
		it.Decay = decay(age, p.HalfBad)
		it.Bad = p.LambdaBad * it.Weight * it.Decay
	default: // failed, late, unpaid
		it.Decay = decay(age, p.HalfBad)
		it.Bad = p.LambdaLate * it.Weight * it.Decay
	}
	return it
}

// weight is min(MaxWeight, log2(1+value)) by the factors for how it is known.
func (p Params) weight(e Evidence) float64 {
	success := e.Verdict == OK && !e.Fraud
	var w float64
	if ref := p.Reference[e.Unit]; ref > 0 {
		w = min(p.MaxWeight, math.Log2(1+float64(e.Amount)/float64(ref)))
	}
	if e.Label != wire.LabelAudited {
		w *= p.Unaudited
	}
	if !success {
		w = max(w, p.MinBad)
	}
	// A culprit does not sign for its failure, and the scorer needs nobody's
	// signature for what it saw itself. Praise always takes both. Of what others
	// saw, both may be one.
	if (e.Delegated || !e.Countersigned && (success || !e.Own)) && !e.Fraud {
		w *= p.OneSided
	}
	return w
}

func decay(age, half time.Duration) float64 {
	return math.Exp2(-age.Hours() / half.Hours())
}

// lowerBound returns the mean of Beta(1+good, 2+bad) and its one-sided 95%
// lower bound in the normal approximation, not below 0.
func lowerBound(good, bad float64) (mean, bound float64) {
	const z95 = 1.6448536269514722
	a, b := 1+good, 2+bad
	mean = a / (a + b)
	sd := math.Sqrt(mean * (1 - mean) / (a + b + 1))
	return mean, max(0, mean-z95*sd)
}
