package job

import "infernet.tech/infernet/node/audit"

// States of Shard.Spot.
const (
	SpotNone   = ""
	SpotWanted = "wanted" // a validator of one's own computes it as well
	SpotOver   = "over"   // it was drawn, or nobody was there for it
)

// spot draws, when the commits of a quorum are in, whether a validator of one's
// own computes the shard as well before anybody reveals: those who agree with
// each other on a lie are found out by nobody else. It reports whether the
// round must wait.
func (m *machine) spot(sh *Shard) bool {
	if m.j.Spec.Verify.Mode != VerifyQuorum || sh.Spot != SpotNone || sh.Disputed || sh.Input.Known != nil || m.j.Ending != "" {
		return false
	}
	if !m.anyTrusted() {
		return false
	}
	sh.Spot = SpotOver
	if sh.hasTrusted() || !m.trustedLeft(sh) {
		return false
	}
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		if a.State.In() && m.chosen("spot", sh.Index, a.N, m.spotRate(a)) {
			sh.Spot = SpotWanted
			sh.Wanted++
			return true
		}
	}
	return false
}

// ownAudit draws whether a validator of one's own does an audit in the place of a
// stranger, who may be a friend of the one that is audited.
func (m *machine) ownAudit(sh *Shard, a *Attempt) {
	if sh.Spot != SpotNone || !m.anyTrusted() || !m.trustedLeft(sh) {
		return
	}
	sh.Spot = SpotOver
	if m.chosen("spot", sh.Index, a.N, m.spotRate(a)) {
		sh.Spot = SpotWanted
	}
}

// spotRate falls with what a validator has confirmed of the provider in this
// job: agreeing with others proves nothing where they may be its friends.
func (m *machine) spotRate(a *Attempt) uint32 {
	seen := uint32(0)
	if s := m.known(a.Provider); s != nil {
		seen = s.Spotted
	}
	return max(spotFloorPPM, audit.All/(seen+1))
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
