package job

import (
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
)

// States of Shard.Spot.
const (
	SpotNone   = ""
	SpotWanted = "wanted" // a validator of one's own computes it as well
	SpotOver   = "over"   // it was drawn, or nobody was there for it
)

// spot draws, when the commits of a quorum are in, whether a validator of one's
// own computes the shard as well: those who agree with each other on a lie are
// found out by nobody else. The others' reveals do not wait for it.
func (m *machine) spot(sh *Shard) {
	if sh.Spot != SpotNone || sh.Disputed || sh.Input.Known != nil || m.j.Ending != "" || !m.anyTrusted() {
		return
	}
	sh.Spot = SpotOver
	if sh.hasTrusted() || !m.trustedLeft(sh) && !m.ranOut(sh) {
		return
	}
	if m.chosen("spot", sh.Index, 0, m.pairRate(sh)) {
		sh.Spot = SpotWanted
		sh.Wanted++
	}
}

// trustedIn reports whether the commit of a validator of one's own is in.
func (s *Shard) trustedIn() bool {
	for k := range s.Attempts {
		if a := &s.Attempts[k]; a.Trusted && a.State.In() {
			return true
		}
	}
	return false
}

// pairRate falls with how often a validator confirmed, in this job, what the same
// providers agreed on: that one is right among others says nothing of what it
// says among its friends. Of a bigger group the two that it was least seen with
// count.
func (m *machine) pairRate(sh *Shard) uint32 {
	rate := uint32(0)
	for i := range sh.Attempts {
		for k := range i {
			if a, b := &sh.Attempts[i], &sh.Attempts[k]; a.State.In() && b.State.In() {
				rate = max(rate, spotFloorPPM, audit.All/(m.together(a.Provider, b.Provider)+1))
			}
		}
	}
	return rate
}

// together counts the shards on which two providers agree with a validator of
// one's own.
func (m *machine) together(a, b identity.PubKey) (n uint32) {
	for _, sh := range m.j.Shards {
		if sh.Spot == SpotNone || sh.Label != LabelAudited {
			continue
		}
		both, own := 0, false
		for _, k := range sh.Group {
			at := &sh.Attempts[k]
			own = own || at.Trusted
			if at.Provider == a || at.Provider == b {
				both++
			}
		}
		if both == 2 && own {
			n++
		}
	}
	return n
}

// ownAudit draws whether a validator of one's own does an audit in the place of a
// stranger, who may be a friend of the one that is audited.
func (m *machine) ownAudit(sh *Shard, a *Attempt) {
	if sh.Spot != SpotNone || !m.anyTrusted() || !m.trustedLeft(sh) && !m.ranOut(sh) {
		return
	}
	sh.Spot = SpotOver
	if m.chosen("spot", sh.Index, a.N, m.spotRate(a)) {
		sh.Spot = SpotWanted
	}
}

// spotRate falls with what a validator has confirmed of the provider in this job.
func (m *machine) spotRate(a *Attempt) uint32 {
	seen := uint32(0)
	if s := m.known(a.Provider); s != nil {
		seen = s.Spotted
	}
	return max(spotFloorPPM, audit.All/(seen+1))
}

// ranOut reports whether a validator of one's own is only missing because its
// quote is too old: it is asked for another one.
func (m *machine) ranOut(sh *Shard) bool {
	opts := m.options()
	for i := range opts {
		if o := &opts[i]; o.trusted && o.stale && !o.excluded && o.t.busy < o.Slots && touched(sh, o) == never {
			return true
		}
	}
	return false
}

func (m *machine) anyTrusted() bool {
	opts := m.options()
	for i := range opts {
		if opts[i].trusted && !opts[i].excluded {
			return true
		}
	}
	return false
}

// spotted notes what a validator of one's own confirmed.
func (m *machine) spotted(sh *Shard) {
	for _, n := range sh.Group {
		if a := &sh.Attempts[n]; !a.Trusted {
			m.standing(a.Provider).Spotted++
		}
	}
}

// OwnAudits is how likely each of the first n audits of a provider in a job is
// one by a validator of one's own, in order, where it is right every time.
func OwnAudits(n int) []float64 {
	out, seen := make([]float64, 0, max(n, 0)), 0.0
	for range n {
		p := max(float64(spotFloorPPM)/audit.All, 1/(seen+1))
		out, seen = append(out, p), seen+p
	}
	return out
}
