package sha

import (
	"crypto/sha256"
	"math"
	"sync"
	"time"
)

// most is the width of the widest unit.
const most = 16

// unit is a way to take several messages through SHA-256 together.
type unit struct {
	name     string
	width    int     // messages
	atLeast  float64 // of one length must come together to be faster than the next best way
	compress func(state *[8][most]uint32, in *[most]*byte, n int)
}

// worthIt is how many chunks a message must have to pay for a group.
const worthIt = 16

// take is how many of the blocks, the longest first, the unit should be given;
// 1 for none.
func (u unit) take(blocks [][]byte, order []int) int {
	n := min(u.width, len(order))
	if steps(blocks[order[0]]) < worthIt {
		return 1
	}
	total := 0
	for _, i := range order[:n] {
		total += steps(blocks[i])
	}
	// The longest decides how long the others' lanes are taken.
	if float64(total) < u.atLeast*float64(steps(blocks[order[0]])) {
		return 1
	}
	return n
}

// chosen are the units to use, the best first. It is a fact about the
// processor, found at the first use.
var chosen = sync.OnceValue(func() []unit { return choose(measure(units())) })

// speeds is how long the units took for one block: of each, all of its lanes
// at work, and of the standard library.
type speeds struct {
	alone time.Duration
	units []unit
	took  []time.Duration
}

// choose leaves out what does not win. A unit of more lanes must win a quarter:
// it wants more blocks in memory, and wide units slow the processor's clock.
func choose(s speeds) (out []unit) {
	best := s.alone
	for i, u := range s.units {
		if s.took[i] <= 0 || best <= 0 || float64(s.took[i])*1.25 > float64(best) {
			continue
		}
		u.atLeast = 1.05 * float64(u.width) * float64(s.took[i]) / float64(best)
		best = s.took[i]
		out = append([]unit{u}, out...)
	}
	return out
}

// measure takes about a millisecond where SHA-256 is fast. It keeps the best of
// a few tries in turn: what else runs on the machine must not decide.
func measure(units []unit) speeds {
	const tries = 25
	s := speeds{alone: math.MaxInt64, units: units, took: make([]time.Duration, len(units))}
	if len(units) == 0 {
		return s
	}
	block := make([]byte, 4<<10)
	timed := func(best *time.Duration, blocks int, work func()) {
		since := time.Now()
		work()
		*best = min(*best, time.Since(since)/time.Duration(blocks))
	}
	for i := range s.took {
		s.took[i] = math.MaxInt64
	}
	for range tries {
		timed(&s.alone, 2, func() { _, _ = sha256.Sum256(block), sha256.Sum256(block) })
		for i, u := range units {
			timed(&s.took[i], u.width, func() {
				var g group
				for lane := range u.width {
					g.put(lane, block)
				}
				g.run(u.compress)
			})
		}
	}
	return s
}
