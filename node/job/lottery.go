package job

import (
	"fmt"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/wire"
)

// hold the lottery over a commit that has just come in: it is fixed from here
// on, and nobody knew it before. The provider can replay it once the job's
// secret is out.
func (m *machine) lottery(sh *Shard, a *Attempt) {
	a.Drawn, a.RatePPM = true, m.rate(sh, a)
	a.Audited = wire.Audited(wire.AuditDraw(m.j.Secret, m.j.ID, sh.Index, a.Wire, a.Commit.C), a.RatePPM)
	if !a.Audited || sh.Input.Known != nil || sh.Wanted > 1 {
		return
	}
	switch m.j.Spec.Verify.Mode {
	case VerifyAdaptive, VerifySample:
		sh.Wanted = 2
		m.ownAudit(sh, a)
		m.log(subject(sh.Index, a.N), string(a.State), string(a.State), fmt.Sprintf("drawn for an audit, at a chance of %.4g%%", float64(a.RatePPM)/audit.All*100))
	}
}

// rate is how likely the result is to be compared with another, in ppm.
func (m *machine) rate(sh *Shard, a *Attempt) uint32 {
	v := m.j.Spec.Verify
	switch {
	case sh.Input.Known != nil || a.Flat:
		return audit.All
	case v.Lottery() && v.Mode != VerifyReplay && sh.Wanted > 1:
		return audit.All // it is the second run itself
	case v.Mode == VerifyQuorum && sh.Wanted > 1:
		return audit.All
	case v.Lottery():
		return v.Policy().Rate(m.track(a), m.credit(a))
	}
	return 0
}

// track is what is known of the provider of an attempt.
func (m *machine) track(a *Attempt) audit.Track {
	if s := m.known(a.Provider); s != nil && s.Known {
		return s.Track
	}
	return audit.Track{}
}

// credit is for how many shards like this the provider waits for its money:
// never more than are held back of it.
func (m *machine) credit(a *Attempt) uint32 {
	most := m.j.Spec.Verify.Policy().HoldMax
	c := m.candidate(a.Provider)
	if c == nil || c.Credit == 0 || a.Amount.Value == 0 {
		return most // not told, or nothing is owed for it
	}
	return uint32(min(uint64(most), c.Credit/a.Amount.Value))
}

// quoted takes in what a new quote says of a provider's track. What was found
// since, in this job, stands.
func (m *machine) quoted(c *Candidate) {
	if !m.j.Spec.Verify.Lottery() {
		return
	}
	s := m.standing(c.Provider)
	switch {
	case !s.Known:
		valid := s.Valid
		s.Known, s.Track, s.Probation = true, c.Track, c.Track.Probation
		for range min(valid, 1<<10) {
			s.Track = s.Track.After()
		}
	case c.Track.Probation > s.Probation:
		s.Track.Probation, s.Probation = c.Track.Probation, c.Track.Probation
	}
	s.Track.Suspect = s.Track.Suspect || c.Track.Suspect
}

// proved notes that a result was compared with another and is right. What is
// held back of its provider is released.
func (m *machine) proved(a *Attempt) {
	s := m.standing(a.Provider)
	s.Valid++
	s.Track = s.Track.After()
	if t := m.x.tally(a.Provider); t.standing >= 0 {
		m.release(t, 0)
	}
	m.opts = nil
}
