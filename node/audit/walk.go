package audit

// walk is the distribution of a provider over the lengths its track can have,
// shard by shard. Beyond the length at which the floor is reached all are alike.
type walk struct {
	p      Policy
	credit uint32
	mass   []float64 // by Valid
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

// stepped is what one shard of a provider comes to.
type stepped struct {
	audits   float64 // chance that it is audited
	believed float64 // chance that it is wrong and believed
}

// liar is how a provider cheats: in a share of its results, noticed by an audit
// with some chance; canaries is how many shards with a known answer it meets
// beside each one.
type liar struct{ cheats, power, canaries float64 }

// step is one shard of its own, and lent of others' audits.
func (w *walk) step(lent float64, l liar) stepped {
	var out stepped
	next := make([]float64, len(w.mass))
	last := len(w.mass) - 1
	probation := w.probation()
	for v, m := range w.mass {
		if m == 0 {
			continue
		}
		q := float64(w.p.Rate(Track{Valid: uint32(v)}, w.credit)) / All
		q += (1 - q) * probation
		noticed := q * l.cheats * l.power
		caught := min(1, noticed+(l.canaries+lent)*l.cheats*l.power)
		out.audits += m * q
		out.believed += m * (l.cheats - noticed)
		up := min(q*(1-l.cheats), 1-caught) // what was right and audited lengthens the track
		next[min(v+1, last)] += m * up
		next[v] += m * (1 - caught - up)
	}
	w.mass = lengthen(next, min(1, lent*(1-l.cheats)))
	return out
}

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

// probation is the share of those still on it, each a step nearer its end.
func (w *walk) probation() float64 {
	sum := 0.0
	for i := 1; i < len(w.held); i++ {
		sum += w.held[i]
		w.held[i-1], w.held[i] = w.held[i], 0
	}
	if len(w.held) > 0 {
		w.held[0] = 0
	}
	return sum
}

// alive is the chance that it was not caught yet.
func (w *walk) alive() float64 {
	sum := 0.0
	for _, m := range w.mass {
		sum += m
	}
	return sum
}
