package contract_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
)

// chance chooses by a seed.
type chance struct{ *rand.Rand }

func (c chance) n(below int) int { return c.IntN(below) }

// script chooses by bytes, and the first of everything once they are used up.
type script struct{ left []byte }

func (s *script) n(below int) int {
	v := 0
	for most := 1; most < below && len(s.left) > 0; most <<= 8 {
		v = v<<8 | int(s.left[0])
		s.left = s.left[1:]
	}
	return v % below
}

// steps is how long the sequences of the everyday run are.
const steps = 10_000

// TestSequence does 10,000 random things to some two dozen channels at a time,
// and holds the contract against a model and its invariants after each.
func TestSequence(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if s := os.Getenv("INFERNET_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("INFERNET_SEED=%d", seed)
	w := newWorld(t, newRig(t, tokens.USDC), chance{rand.New(rand.NewPCG(seed, 1))})
	left := steps
	w.run(func() bool { left--; return left >= 0 })
	w.drain()
	for _, what := range slices.Sorted(maps.Keys(w.done)) {
		t.Logf("%6d %s", w.done[what], what)
	}
	t.Logf("%d in, %d paid, %d refunded", w.in, w.out, w.back)
}

// FuzzSequence lets a fuzzer choose what is done.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("open, promise, redeem, close, and so on until there is nothing left to choose"))
	base := newRig(f, tokens.USDC)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return
		}
		s := &script{data}
		w := newWorld(t, base, s)
		w.run(func() bool { return len(s.left) > 0 })
		w.drain()
	})
}
