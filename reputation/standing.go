package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// App is what a peer is asked to run. A new engine is a new App, of which
// nothing is known yet.
type App struct {
	Image string // OCI manifest digest, sha256:…
	Model string // CID; empty when there is none
}

// Standing is what a node thinks of a peer at one time.
type Standing struct {
	Score     float64 // lower bound of the expected rate of success, 0 to less than 1
	Direct    float64 // the same by this node's own receipts alone
	Indirect  float64 // weight of success that the word of others adds
	Known     bool    // there are receipts of dealings with it
	Valid     uint32  // results of the App on the class found right since the last wrong one
	Probation uint32  // how many more are to be checked, whatever the rate
	Fraud     bool    // proven, and not long ago: the score is 0
	Suspect   bool    // proven fraud, or bad news of those whom this node pays
	Caught    bool    // proven fraud, or it was wrong so often that a stranger is the better choice
	Owes      uint64  // attempts of ours that it never paid
}

// Standing returns what this node thinks of peer when it asks it for results of
// app on hardware of that class. The zero App is all of them, on any class. The
// score is that of Explain, from sums kept instead of lists.
func (b *Book) Standing(now time.Time, peer identity.PubKey, app App, class string) (Standing, error) {
	var s Standing
	x := Explanation{}
	err := b.ledger.with(peer, func(a *account) {
		age := max(now.Sub(a.at), 0)
		x.Good = a.good * decay(age, b.ledger.params.HalfGood)
		x.Bad = a.bad * decay(age, b.ledger.params.HalfBad)
		x.Fraud = !a.fraud.IsZero() && now.Sub(a.fraud) < b.ledger.params.FraudTime
		s.Known, s.Owes, s.Probation = a.count > 0, a.owes, a.onProbation(now)
		if s.Valid = a.all; app != (App{}) {
			s.Valid = a.valid[place{app, class}]
		}
	})
	if err == nil {
		err = b.others(now, peer, &x)
	}
	s.Score, s.Direct, s.Indirect, s.Fraud, s.Suspect = x.Score, x.Direct, x.Indirect, x.Fraud, x.Suspect
	s.Caught = x.caught()
	return s, err
}

// leastCaught is a little less than one wrong result weighs: it is forgotten
// within weeks, three are within a season.
const leastCaught = 2.5

// caught reports whether a success is less likely than of a stranger, of whom
// one in three is expected: the lower bound alone is 0 of both.
func (x Explanation) caught() bool {
	return x.Fraud || x.Bad >= leastCaught && x.Bad > (prior-1)*x.Good
}

// Explain returns peer's score with all that went into it: each receipt, each
// proof, and those whose word counts.
func (b *Book) Explain(now time.Time, peer identity.PubKey) (Explanation, error) {
	x, err := b.ledger.Explain(now, peer)
	if err != nil {
		return x, err
	}
	if err := b.others(now, peer, &x); err != nil {
		return x, err
	}
	return x, b.neighbourhood(now, func(t *trust) { x.Via = t.via(peer) })
}

// prior is the weight of evidence that a newcomer's score begins with; see
// lowerBound.
const prior = 3

// others adds to direct evidence what others prove and say: proofs of fraud,
// bad news, and the value that reaches the peer through those this node paid,
// which is never more than half of all evidence.
func (b *Book) others(now time.Time, peer identity.PubKey, x *Explanation) error {
	p := b.ledger.params
	for _, f := range b.opinions.Frauds(peer) {
		it := p.item(now, Evidence{
			Receipt: f.ID, Peer: peer, When: f.When, Verdict: Bad, Label: wire.LabelAudited, Blame: wire.BlameProvider, Fraud: true,
		})
		x.Items = append(x.Items, it)
		x.Bad += it.Bad
		x.Fraud = x.Fraud || now.Sub(f.When) < p.FraudTime
	}
	err := b.neighbourhood(now, func(t *trust) {
		x.Flow = t.reach(peer)
		x.Suspect = t.suspect(now, peer)
	})
	x.Indirect = min(p.Kappa*x.Flow, x.Good+x.Bad+prior)
	x.Suspect = x.Suspect || x.Fraud
	x.conclude()
	return err
}

// onProbation is how many more results are to be checked.
func (a *account) onProbation(now time.Time) uint32 {
	away := !a.seen.IsZero() && now.Sub(a.seen) > awayTime
	if away || !a.moved.IsZero() && !a.watched {
		return probationResults
	}
	return a.probation
}
