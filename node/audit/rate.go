package audit

// All is the rate at which every result is audited.
const All = 1_000_000

// Track is what is known of a provider for one image and model on one class of
// hardware. Another engine is another track, and begins at nothing.
type Track struct {
	Valid     uint32 `json:"valid,omitempty"`     // results compared and right, in a row
	Probation uint32 `json:"probation,omitempty"` // results still to be audited whatever Valid says
	Suspect   bool   `json:"suspect,omitempty"`   // bad news, not proven here: all are audited
}

// Policy is how a rate follows from a track.
type Policy struct {
	FloorPPM uint32 // never below, however long the track
	GainPPM  uint32 // what cheating saves of a price
	Always   uint32 // the first so many valid results are all audited; 0: the rate is FloorPPM, whatever the track
	HoldMax  uint32 // claimed results of one provider whose payment is held back
}

// Replicas is the policy where an audit is a second, independent run: it costs
// as much as the run itself.
func Replicas() Policy {
	return Policy{FloorPPM: 50_000, GainPPM: 700_000, Always: 10, HoldMax: 20}
}

// Replays is the policy where an audit is one pass over the tokens of an answer:
// it costs a hundredth to a tenth of the run, so that the floor is higher.
func Replays() Policy {
	p := Replicas()
	p.FloorPPM = 300_000
	return p
}

// Rate is how often the next result is audited, in ppm. creditShards is how many
// shards the provider does before it is paid.
func (p Policy) Rate(t Track, creditShards uint32) (ppm uint32) {
	switch {
	case t.Suspect || t.Probation > 0:
		return All
	case p.Always == 0:
		return min(All, p.FloorPPM)
	case t.Valid < p.Always:
		return All
	}
	rate := max(p.FloorPPM, (All+t.Valid-1)/t.Valid)
	return min(All, max(rate, p.deter(creditShards)))
}

// deter is g/(g+c), rounded up: with c shards unpaid, less would pay a cheater.
func (p Policy) deter(creditShards uint32) uint32 {
	g := uint64(min(p.GainPPM, All))
	if g == 0 {
		return 0
	}
	all := g + uint64(creditShards)*All
	return uint32((g*All + all - 1) / all)
}

// After is the track once a result was compared and found right.
func (t Track) After() Track {
	if t.Valid < 1<<31 {
		t.Valid++
	}
	if t.Probation > 0 {
		t.Probation--
	}
	return t
}
