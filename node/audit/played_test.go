package audit

import "math/rand/v2"

// played is what one job came to.
type played struct{ audits, wrong, caught, delay, factor float64 }

// table is a job that is played result by result: the deal, the audits, and what
// follows from a catch. It shares no arithmetic with Predict.
type table struct {
	p        Plan
	rng      *rand.Rand
	cheats   []bool
	gone     []bool
	tracks   []Track
	proofs   [2][]int // of this turn and the last: what is compared counts a turn later
	right    []bool   // found right at least once
	claims   [][]bool // of each provider: whether what it is believed for is wrong
	believed []int
	again    []bool // what is to be done again: whether the old result is wrong
	out      played
	runs     int
}

// anybody draws one who was not caught, but for some.
func (t *table) anybody(not ...int) int {
	var free []int
	for i, gone := range t.gone {
		bar := gone
		for _, n := range not {
			bar = bar || n == i
		}
		if !bar {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return -1
	}
	// Who was never found right holds less at a time.
	for {
		i := free[t.rng.IntN(len(free))]
		if t.right[i] || t.tracks[i].Valid > 0 || t.rng.Float64() < 1/t.p.Room {
			return i
		}
	}
}

func (t *table) lies(i int) bool { return t.cheats[i] && t.rng.Float64() < t.p.Cheats }

// catch takes a provider out; what it was believed for is to be done again.
func (t *table) catch(i int) {
	t.gone[i] = true
	t.again = append(t.again, t.claims[i]...)
	t.claims[i] = nil
}

// checked is one more run of a shard, by anybody, that is held against others for
// certain: a lie in it is noticed with the power of an audit, and then another run
// decides.
func (t *table) checked(redo bool, not ...int) {
	for k := t.anybody(not...); k >= 0; k = t.anybody(not...) {
		t.runs++
		if t.rng.IntN(max(t.p.Pool, len(t.gone))) >= len(t.gone) && redo {
			// Somebody else, who was given nothing of the job before.
			if t.rng.Float64() < t.p.Cheaters && t.rng.Float64() < t.p.Cheats*t.p.Power {
				continue
			}
			return
		}
		if !t.lies(k) || t.rng.Float64() >= t.p.Power {
			t.proofs[0][k]++
			return
		}
		t.catch(k)
	}
}

// deal is one shard of the job.
func (t *table) deal(i int) {
	t.runs++
	wrong := t.lies(i)
	if t.rng.Float64() < float64(t.p.CanaryPPM)/All && t.lies(i) && t.rng.Float64() < t.p.Power {
		t.catch(i)
		t.again = append(t.again, wrong)
		return
	}
	if t.rng.IntN(All) >= int(t.p.Policy.Rate(t.tracks[i], t.p.Credit)) {
		t.claim(i, wrong)
		return
	}
	t.out.audits++
	t.checked(false, i)
	switch {
	case wrong && t.rng.Float64() < t.p.Power:
		t.catch(i)
		t.checked(false, i) // it decides
	case wrong:
		t.claim(i, true)
	default:
		t.proofs[0][i]++
	}
}

// grow lengthens the tracks by what the turn before the last proved.
func (t *table) grow() {
	for i, n := range t.proofs[1] {
		for range n {
			t.tracks[i] = t.tracks[i].After()
		}
		t.proofs[1][i] = 0
	}
	for i, n := range t.proofs[0] {
		t.right[i] = t.right[i] || n > 0
	}
	t.proofs[0], t.proofs[1] = t.proofs[1], t.proofs[0]
}

func (t *table) claim(i int, wrong bool) {
	t.claims[i] = append(t.claims[i], wrong)
	if wrong {
		t.believed[i]++
	}
}

// redo computes again what those who were caught were believed for.
func (t *table) redo() {
	for len(t.again) > 0 {
		wrong := t.again[0]
		t.again = t.again[1:]
		t.checked(true)
		if wrong {
			t.checked(true) // the first differs from what was believed
		}
	}
}

// play deals the shards in turn to those who were not caught.
func play(p Plan, rng *rand.Rand) played {
	n := p.Providers
	t := &table{
		p: p, rng: rng, cheats: make([]bool, n), gone: make([]bool, n), right: make([]bool, n), tracks: make([]Track, n), proofs: [2][]int{make([]int, n), make([]int, n)},
		claims: make([][]bool, n), believed: make([]int, n),
	}
	cheaters := 0
	for i := range n {
		if t.cheats[i] = rng.Float64() < p.Cheaters; t.cheats[i] {
			cheaters++
		}
		t.tracks[i] = p.Tracks[rng.IntN(len(p.Tracks))]
	}
	for s, i := 0, 0; s < p.Shards; i++ {
		if t.anybody() < 0 {
			break
		}
		if i%n == 0 {
			t.grow()
		}
		if t.gone[i%n] {
			continue
		}
		t.deal(i % n)
		t.redo()
		s++
	}
	for i := range n {
		for _, wrong := range t.claims[i] {
			if wrong {
				t.out.wrong++
			}
		}
		// Divided by how many cheaters are expected: a mean of ratios is not asked for.
		if t.cheats[i] {
			t.out.delay += float64(t.believed[i]) / (p.Cheaters * float64(n))
			if t.gone[i] {
				t.out.caught += 1 / (p.Cheaters * float64(n))
			}
		}
	}
	t.out.factor = float64(t.runs)/float64(p.Shards) + float64(p.CanaryPPM)/All
	return t.out
}
