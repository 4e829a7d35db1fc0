package sha

import (
	"crypto/sha256"
	"math"
	"time"
)

// never is more blocks than can go together.
const never = math.MaxFloat64

// measure finds from how many blocks on the wide unit is the faster way. It
// takes some milliseconds, and the best of a few tries: what else runs on the
// machine must not decide.
func measure() float64 {
	const size, tries = 8 << 10, 7
	block := make([]byte, size)
	together, alone := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range tries {
		since := time.Now()
		var g group
		for i := range width {
			g.put(i, block)
		}
		g.run(func(int, [32]byte) {})
		together = min(together, time.Since(since))
		since = time.Now()
		for range width {
			_ = sha256.Sum256(block)
		}
		alone = min(alone, time.Since(since))
	}
	if together <= 0 || alone <= 0 {
		return never // no clock to measure with
	}
	// One block alone takes alone/width; a wide step takes the same for one as
	// for sixteen. A tenth must be won: wide units also slow the clock.
	return 1.1 * float64(together) / (float64(alone) / width)
}
