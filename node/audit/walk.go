package audit

import "math"

// walk is the distribution of a provider over the lengths its track can have,
// shard by shard. Beyond the length at which the floor is reached all are alike.
type walk struct {
	p      Policy
	credit uint32
	mass   []float64 // by Valid
	spare  []float64 // as long, for the next step
	late   bool      // a proof counts a turn later: until then the next results are on their way
	proofs float64   // of the last turn that still are to count, of each that is there
	held   []float64 // those on probation or suspect, by results still to go
}

func newWalk(p Policy, tracks []Track, credit uint32) *walk {
	last := max(p.Always, 1)
	if p.FloorPPM > 0 {
		last = max(last, min(All/p.FloorPPM+1, 1<<16))
	} else {
		last = 1 << 16
	}
	w := &walk{p: p, credit: credit, mass: make([]float64, last+1)}
	for _, t := range tracks {
		share := 1 / float64(len(tracks))
		w.mass[min(t.Valid, last)] += share
		for int(t.Probation) >= len(w.held) && t.Probation > 0 && t.Probation < 1<<10 {
			w.held = append(w.held, 0)
		}
		if t.Probation > 0 && t.Probation < 1<<10 {
			w.held[t.Probation] += share
		}
	}
	return w
}

// stepped is what one turn of a provider comes to.
type stepped struct {
	believed float64 // wrong results that are believed at first
	kept     float64 // of these: of one that is not caught in the same turn
	claimed  float64 // all results that are believed, of such a one
}

// liar is how a provider cheats: in a share of its results, noticed by an audit
// with some chance; canaries is how many shards with a known answer it meets
// beside each one.
type liar struct{ cheats, power, canaries float64 }

// chosen is how many of own results the lottery chooses.
func (w *walk) chosen(own float64) (n float64) {
	probation := w.probation()
	for v, m := range w.mass {
		n += m * own * w.rate(v, probation)
	}
	return n
}

// rate is how likely a result is audited with a track so long.
func (w *walk) rate(v int, probation float64) float64 {
	q := float64(w.p.Rate(Track{Valid: uint32(v)}, w.credit)) / All
	return q + (1-q)*probation
}

// step is own shards of its own, at most one, and lent audits of others, each of
// which is held against their results. What else it computes for certain to be
// compared lengthens its track alone.
func (w *walk) step(own, lent, others float64, l liar) stepped {
	var out stepped
	proven := 0.0
	if w.spare == nil {
		w.spare = make([]float64, len(w.mass))
	}
	next := w.spare
	clear(next)
	last := len(w.mass) - 1
	probation := w.probation()
	// Audits of others and canaries come by chance: none shows it with this chance.
	passes := math.Exp(-(lent + own*l.canaries) * l.cheats * l.power)
	for v, m := range w.mass {
		if m == 0 {
			continue
		}
		q := w.rate(v, probation)
		noticed := q * l.cheats * l.power
		out.believed += m * own * (l.cheats - noticed)
		out.kept += m * own * (l.cheats - noticed) * passes
		out.claimed += m * own * (1 - q + q*l.cheats - noticed) * passes
		up := own * q * (1 - l.cheats) // what was right and audited lengthens the track
		if w.late {
			proven, up = proven+m*up*passes, 0
		}
		next[min(v+1, last)] += m * up * passes
		next[v] += m * (1 - own*noticed - up) * passes
	}
	w.mass, w.spare = next, w.mass
	grown := (lent + others) * (1 - l.cheats)
	if w.late {
		grown, w.proofs = w.proofs, grown+proven/max(w.alive(), least)
	}
	for p := min(grown, float64(last)); p > 0; p-- {
		w.mass = lengthen(w.mass, min(1, p))
	}
	w.pass(own)
	return out
}

// clear forgets a provider that is not there any more.
func (w *walk) clear() { clear(w.mass) }

// lengthen is what computing the audits of others adds to the track.
func lengthen(mass []float64, p float64) []float64 {
	if p == 0 {
		return mass
	}
	last := len(mass) - 1
	for v := last - 1; v >= 0; v-- {
		mass[v+1] += mass[v] * p
		mass[v] *= 1 - p
	}
	return mass
}

// probation is the share of those still on it.
func (w *walk) probation() (sum float64) {
	for i := 1; i < len(w.held); i++ {
		sum += w.held[i]
	}
	return sum
}

// pass brings those on probation nearer to its end.
func (w *walk) pass(own float64) {
	for i := 1; i < len(w.held); i++ {
		gone := w.held[i] * own
		w.held[i], w.held[i-1] = w.held[i]-gone, w.held[i-1]+gone
	}
}

// alive is the chance that it was not caught yet.
func (w *walk) alive() float64 {
	sum := 0.0
	for _, m := range w.mass {
		sum += m
	}
	return sum
}
