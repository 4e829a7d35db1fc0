package sim

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestProportion(t *testing.T) {
	t.Parallel()
	// Values by the closed form, as in Brown, Cai and DasGupta 2001.
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{0, 10, 0, 0.27753}, {10, 10, 0.72247, 1}, {50, 100, 0.40383, 0.59617}, {0, 10_000, 0, 0.000384}} {
		e := Proportion(c.k, c.n)
		if math.Abs(e.Low-c.low) > 1e-5 || math.Abs(e.High-c.high) > 1e-5 || e.N != c.n {
			t.Errorf("%d of %d: %+v, want [%v, %v]", c.k, c.n, e, c.low, c.high)
		}
	}
	if e := Proportion(0, 0); e.N != 0 || e.Holds(0) {
		t.Errorf("of nothing: %+v", e)
	}
}

// TestIntervalsHold: what is called a 95% interval holds the truth about that often.
func TestIntervalsHold(t *testing.T) {
	t.Parallel()
	const rounds = 400
	r := rand.New(rand.NewPCG(5, 6))
	var wilson, mean, ratio int
	for i := range uint64(rounds) {
		k := 0
		var values, ones, twice []float64
		for range 60 {
			if r.Float64() < 0.1 {
				k++
			}
			v := r.ExpFloat64()
			values, ones, twice = append(values, v), append(ones, 1), append(twice, 2*v)
		}
		wilson += count(Proportion(k, 60).Holds(0.1))
		mean += count(Mean(values, i).Holds(1))
		ratio += count(Ratio(twice, ones, i).Holds(2))
	}
	for name, got := range map[string]int{"wilson": wilson, "mean": mean, "ratio": ratio} {
		// The bootstrap of 60 skewed values is known to be a little too narrow.
		if share := float64(got) / rounds; share < 0.90 || share > 0.99 {
			t.Errorf("%s holds the truth in %.1f%%", name, 100*share)
		}
	}
}

// Validators are compared with validators: they are paid otherwise than providers.
func TestPlotNamesTheHonest(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{RoleValidator: ">honest validators<", RoleProvider: ">honest providers<"} {
		w := Row{Strategy: "x", Role: role, Curves: Curves{Honest: []Point{{X: 1, Y: 1}, {X: 2, Y: 2}}, Cheat: []Point{{X: 1, Y: 1}, {X: 2, Y: 1}}}}
		if svg := string(w.incomes("").SVG); !strings.Contains(svg, want) {
			t.Errorf("%s: no %s", role, want)
		}
	}
}
