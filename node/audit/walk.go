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
	hit      float64 // chance that the next lie exposes the liar, given that it goes on
}

// step is one shard of its own, and lent of others' audits; cheats is the share
// of wrong results and power the chance that an audit notices.
func (w *walk) step(lent, cheats, power float64) stepped {
	var out stepped
	next := make([]float64, len(w.mass))
	last := len(w.mass) - 1
	probation := w.probation()
	alive := 0.0
	for v, m := range w.mass {
		if m == 0 {
			continue
		}
		q := float64(w.p.Rate(Track{Valid: uint32(v)}, w.credit)) / All
		q += (1 - q) * probation
		caught := q * cheats * unit(power)
		out.audits += m * q
		out.believed += m * (1 - q) * cheats
		out.hit += m * caught
		alive += m
		// What was right and audited lengthens the track, and so does what it
		// computed for the audit of another.
		up := min(1, q*(1-cheats)+lent*(1-cheats))
		next[min(v+1, last)] += m * (1 - caught) * up
		next[v] += m * (1 - caught) * (1 - up)
	}
	if alive > 0 {
		out.hit /= alive
	}
	w.mass = next
	return out
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
