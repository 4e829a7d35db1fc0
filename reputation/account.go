package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/wire"
)

// Probation: how long a peer may be away before it is watched again, and for
// how many results. One that changes its network is watched as well: the key
// may have changed hands.
const (
	awayTime         = 7 * 24 * time.Hour
	probationResults = 3
)

// maxPlaces bounds the apps and classes that one account counts apart.
const maxPlaces = 256

// account is what the evidence about one peer adds up to. Both kinds of decay
// are exponential, so that one sum each and its date are as good as the list.
type account struct {
	at    time.Time // to which the sums are decayed: the newest date in them
	good  float64
	bad   float64
	shown float64   // of good, what the peer countersigned
	paid  float64   // reference amounts that this node verified and paid to it
	heard float64   // of bad, what an aggregator says of this node's jobs
	fraud time.Time // newest proven fraud
	count int
	owes  uint64

	valid     map[place]uint32 // results found right since the last wrong one
	all       uint32
	seen      time.Time // newest result of its work
	probation uint32
	moved     time.Time // when it was first seen in the network it is in now
	watched   bool      // the move was counted
}

// place is where results of a peer are alike.
type place struct {
	app   App
	class string
}

// fold takes evidence in, oldest first. It reports false when the account
// cannot follow and has to be made anew: evidence older than what is in it may
// end a row of right results.
func (a *account) fold(p Params, e Evidence) bool {
	if e.When.Before(a.seen) && !e.AsPayer && !e.Fraud && !e.Delegated {
		return false
	}
	a.sum(p, e, 1)
	a.count++
	if e.Fraud { // stands apart from the rows: it outweighs them all
		return true
	}
	if e.AsPayer {
		if e.Verdict == Unpaid {
			a.owes++
		}
		return true
	}
	if e.Delegated { // an aggregator's word alone begins no row and ends none
		return true
	}
	a.watch(e.When)
	switch {
	case e.ownFault():
		clear(a.valid)
		a.all = 0
	case e.Checked > 0:
		at := place{App{e.Image, e.Model}, e.Class}
		if _, ok := a.valid[at]; ok || len(a.valid) < maxPlaces {
			a.valid[at] += e.Checked
		}
		a.all += e.Checked
		a.probation -= min(a.probation, e.Checked)
	}
	return true
}

// watch begins a probation when the peer comes back or comes from elsewhere.
func (a *account) watch(when time.Time) {
	if !a.seen.IsZero() && when.Sub(a.seen) > awayTime {
		a.probation = probationResults
	}
	if !a.moved.IsZero() && !a.watched && !when.Before(a.moved) {
		a.probation, a.watched = probationResults, true
	}
	if when.After(a.seen) {
		a.seen = when
	}
}

// sum adds the weight of evidence, or with sign -1 takes it out again.
func (a *account) sum(p Params, e Evidence, sign float64) {
	if e.When.After(a.at) {
		if !a.at.IsZero() {
			good, bad := decay(e.When.Sub(a.at), p.HalfGood), decay(e.When.Sub(a.at), p.HalfBad)
			a.good, a.shown, a.paid, a.bad, a.heard = a.good*good, a.shown*good, a.paid*good, a.bad*bad, a.heard*bad
		}
		a.at = e.When
	}
	it := p.item(a.at, e)
	a.good = max(0, a.good+sign*it.Good)
	a.bad = max(0, a.bad+sign*it.Bad)
	if e.Fraud && e.When.After(a.fraud) {
		a.fraud = e.When
	}
	if e.Delegated {
		a.heard = max(0, a.heard+sign*it.Bad)
		return
	}
	if !e.Countersigned || e.Verdict != OK {
		return
	}
	a.shown = max(0, a.shown+sign*it.Good)
	if ref := p.Reference[e.Unit]; ref > 0 && !e.AsPayer && e.Own {
		v := float64(e.Amount) / float64(ref)
		if e.Label == wire.LabelClaimed || e.Label == wire.LabelDelivered {
			v *= p.Unaudited
		}
		a.paid = max(0, a.paid+sign*v*it.Decay)
	}
}
