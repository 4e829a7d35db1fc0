package audit

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func near(got, want, within float64) bool { return math.Abs(got-want) <= within }

// TestRate walks the table: newcomers, the falling part, the floor, those to be
// looked at whatever their track, and those that are paid at once.
func TestRate(t *testing.T) {
	t.Parallel()
	long := uint32(1000)
	for _, x := range []struct {
		p      Policy
		t      Track
		credit uint32
		want   uint32
	}{
		{Replicas(), Track{}, long, All},
		{Replicas(), Track{Valid: 9}, long, All},
		{Replicas(), Track{Valid: 10}, long, 100_000},
		{Replicas(), Track{Valid: 11}, long, 90_910},
		{Replicas(), Track{Valid: 20}, long, 50_000},
		{Replicas(), Track{Valid: math.MaxUint32}, long, 50_000},
		{Replicas(), Track{Valid: 1000, Probation: 1}, long, All},
		{Replicas(), Track{Valid: 1000, Suspect: true}, long, All},
		{Replicas(), Track{Valid: 1000}, 0, All},
		{Replicas(), Track{Valid: 1000}, 2, 259_260},
		{Replicas(), Track{Valid: 1000}, 5, 122_808},
		{Replicas(), Track{Valid: 1000}, 20, 50_000},
		{Replays(), Track{Valid: 1000}, long, 300_000},
		{Policy{FloorPPM: 20_000}, Track{}, 0, 20_000}, // fixed
		{Policy{FloorPPM: 2 * All}, Track{}, 0, All},
		{Policy{}, Track{Valid: 7}, 0, 0},
	} {
		if got := x.p.Rate(x.t, x.credit); got != x.want {
			t.Errorf("%+v %+v credit %d: %d, want %d", x.p, x.t, x.credit, got, x.want)
		}
	}
}

// TestRateProperties: never below the floor and what deters, never above all,
// never higher for a longer track or more credit.
func TestRateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := Policy{
			FloorPPM: rapid.Uint32Range(0, All).Draw(r, "floor"), GainPPM: rapid.Uint32Range(0, 2*All).Draw(r, "gain"),
			Always: rapid.Uint32Range(1, 50).Draw(r, "always"),
		}
		tr := Track{Valid: rapid.Uint32Range(0, 1<<20).Draw(r, "valid")}
		credit := rapid.Uint32Range(0, 1<<20).Draw(r, "credit")
		rate := p.Rate(tr, credit)
		if rate < p.FloorPPM || rate > All || p.Rate(tr.After(), credit) > rate || p.Rate(tr, credit+1) > rate {
			r.Fatalf("%+v %+v %d: %d", p, tr, credit, rate)
		}
		if least := MinRate(float64(min(p.GainPPM, All))/All, float64(credit)); float64(rate)/All < least-1e-9 {
			r.Fatalf("%d is below %v", rate, least)
		}
	})
}

func TestTrackAfter(t *testing.T) {
	t.Parallel()
	got := Track{Valid: 9, Probation: 2, Suspect: true}.After().After().After()
	if got != (Track{Valid: 12, Suspect: true}) {
		t.Errorf("%+v", got)
	}
	if (Track{Valid: math.MaxUint32}).After().Valid != math.MaxUint32 {
		t.Error("it wraps")
	}
}

// TestFormulas holds the formulas to the table of the protocol's design: audit
// rate, share of cheated results, chance to be caught within so many, and how
// many it takes for 95% and 99%, all at a detection power of 0.98.
func TestFormulas(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		q, f                   float64
		at10, at50, at100      float64
		until95, until99, slop int
	}{
		{0.02, 1, .18, .63, .86, 152, 233, 1},
		{0.05, 1, .40, .92, .99, 60, 92, 1},
		{0.05, .2, .09, .39, .63, 305, 468, 1},
		{0.05, .05, .02, .12, .22, 1222, 1878, 2},
		{0.10, .2, .18, .63, .87, 152, 233, 1},
		{0.20, .2, .33, .87, .98, 75, 116, 1},
	} {
		for n, want := range map[int]float64{10: x.at10, 50: x.at50, 100: x.at100} {
			if got := Caught(x.q, x.f, 0.98, n); !near(got, want, 0.0101) {
				t.Errorf("q %v f %v n %d: %.3f, want %.2f", x.q, x.f, n, got, want)
			}
		}
		for conf, want := range map[float64]int{0.95: x.until95, 0.99: x.until99} {
			if got := Until(x.q, x.f, 0.98, conf); got < want-x.slop || got > want+x.slop {
				t.Errorf("q %v f %v: %d for %v, want %d", x.q, x.f, got, conf, want)
			}
		}
	}
	for q, want := range map[float64]float64{0.03: 32, 0.05: 19, 0.10: 9, 0.20: 4} {
		if got := WrongBeforeCatch(q); !near(got, want, 0.5) {
			t.Errorf("wrong before the catch at %v: %v, want %v", q, got, want)
		}
	}
	for credit, want := range map[float64]float64{2: .26, 5: .12, 10: .065, 20: .034} {
		if got := MinRate(0.7, credit); !near(got, want, 0.005) {
			t.Errorf("least rate with %v unpaid: %v, want %v", credit, got, want)
		}
	}
}

func TestFormulasAtTheirEnds(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	switch {
	case Caught(nan, 1, 1, 5) != 0, Caught(1, 1, 1, 1) != 1, Caught(0.5, 0.5, 1, 0) != 0, Caught(2, 2, 2, 1) != 1:
		t.Error("Caught")
	case Until(0, 1, 1, 0.9) != -1, Until(1, 1, 1, 0.9) != 1, Until(0.5, 1, 1, 1) != -1, Until(0.5, 1, 1, 0) != 0, Until(0.5, 1, 1, nan) != 0:
		t.Error("Until")
	case WrongBeforeCatch(0) != inf, WrongBeforeCatch(1) != 0:
		t.Error("WrongBeforeCatch")
	case MinRate(0.7, 0) != 1, MinRate(0, 5) != 0, MinRate(-1, -1) != 0:
		t.Error("MinRate")
	}
}

// TestOverhead holds it to the same design: with and without a floor.
func TestOverhead(t *testing.T) {
	t.Parallel()
	p := Replicas()
	for n, want := range map[int]float64{50: .27, 100: .17, 500: .074, 5000: .052} {
		if got := p.Overhead(n); !near(got, want, 0.006) {
			t.Errorf("floor 5%%, %d shards: %.4f, want %.3f", n, got, want)
		}
	}
	p.FloorPPM = 0
	for n, want := range map[int]float64{50: .27, 500: .066, 5000: .020} {
		if got := p.Overhead(n); !near(got, want, 0.006) {
			t.Errorf("no floor, %d shards: %.4f, want %.3f", n, got, want)
		}
	}
	if p.Overhead(0) != 0 || (Policy{FloorPPM: All}).Overhead(3) != 1 {
		t.Error("the ends")
	}
}

// TestPredictMatchesSimulation plays the plan many times, each draw by itself,
// and wants the means within a few standard errors.
func TestPredictMatchesSimulation(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Plan{
		"newcomers":     {Shards: 400, Providers: 8, Adaptive: true, Policy: Replicas(), Credit: 20, AuditCost: 1, Cheaters: 0.25, Cheats: 0.2},
		"known":         {Shards: 1000, Providers: 10, Adaptive: true, Policy: Replicas(), Credit: 20, AuditCost: 1, Tracks: []Track{{Valid: 500}}, Cheaters: 0.2, Cheats: 0.2},
		"sample":        {Shards: 600, Providers: 6, FixedPPM: 20_000, AuditCost: 1, Cheaters: 1.0 / 3, Cheats: 0.1},
		"weak detector": {Shards: 500, Providers: 5, FixedPPM: 300_000, AuditCost: 1, Cheaters: 0.2, Cheats: 0.5, Power: 0.5},
		"strangers":     {Shards: 100, Providers: 19, FixedPPM: 100_000, AuditCost: 1, Cheaters: 1.0 / 3, Cheats: 1},
		"some proven":   {Shards: 100, Providers: 23, Room: 3, FixedPPM: 100_000, AuditCost: 1, Cheaters: 0.375, Cheats: 1},
		"few":           {Shards: 100, Providers: 5, FixedPPM: 100_000, AuditCost: 1, Cheaters: 0.2, Cheats: 0.2},
		"new cheaters":  {Shards: 600, Providers: 20, Adaptive: true, Policy: Replicas(), Credit: 20, AuditCost: 1, Cheaters: 1.0 / 3, Cheats: 0.2},
		"canaries":      {Shards: 500, Providers: 5, CanaryPPM: 40_000, Cheaters: 0.2, Cheats: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Predict(p)
			const runs = 2000
			var audits, wrong, caught, delay, factor meter
			rng := rand.New(rand.NewPCG(1, 2))
			for range runs {
				r := play(p.clean(), rng)
				audits.add(r.audits)
				wrong.add(r.wrong)
				caught.add(r.caught)
				delay.add(r.delay)
				factor.add(r.factor)
			}
			for what, x := range map[string]struct {
				m    *meter
				want float64
				bias float64 // of the mean field, relative
			}{
				"audits": {&audits, got.Audits, 0.06}, "wrong": {&wrong, got.Wrong, 0.05},
				"caught": {&caught, got.Caught, 0.03}, "delay": {&delay, got.Delay, 0.05},
				"factor": {&factor, got.Factor, 0.02},
			} {
				t.Logf("%s: %.4f played (± %.4f), %.4f predicted", what, x.m.mean(), x.m.se(), x.want)
				if mean, se := x.m.mean(), x.m.se(); !near(mean, x.want, 4*se+x.bias*x.want+0.1) {
					t.Errorf("%s: %.4f played (± %.4f), %.4f predicted", what, mean, se, x.want)
				}
			}
		})
	}
}

type meter struct{ n, sum, sq float64 }

func (m *meter) add(x float64) { m.n++; m.sum += x; m.sq += x * x }
func (m *meter) mean() float64 { return m.sum / m.n }
func (m *meter) se() float64   { return math.Sqrt(max(0, m.sq/m.n-m.mean()*m.mean()) / m.n) }

// TestAWiderMarketFindsLess: the more others do again what a caught one was
// believed for, the fewer of those who were believed are found by it.
func TestAWiderMarketFindsLess(t *testing.T) {
	t.Parallel()
	p := Plan{Shards: 100, Providers: 20, FixedPPM: 100_000, AuditCost: 1, Cheaters: 1.0 / 3, Cheats: 1}
	last := Predict(p).Slip
	for _, pool := range []int{21, 30, 60, 200, math.MaxInt32} {
		p.Pool = pool
		if got := Predict(p).Slip; got < last {
			t.Errorf("among %d: %v, among fewer %v", pool, got, last)
		} else {
			last = got
		}
	}
	if last > 1.0/3 || last < 0.1 {
		t.Errorf("with nobody found by another's catch %v slip", last)
	}
}

func TestPredictQuorum(t *testing.T) {
	t.Parallel()
	p := Plan{Shards: 1000, Providers: 30, Replicas: 2, Agree: 2, Cheaters: 0.33, Cheats: 1}
	if got := Predict(p); got.Slip != 0 || got.Factor < 2 || got.Factor > 2.02 {
		t.Errorf("strangers: %+v", got)
	}
	p.Collude = true
	for _, x := range []struct {
		k, agree int
		a, want  float64
	}{{2, 2, .1, .01}, {2, 2, .33, .109}, {3, 3, .33, .036}, {3, 2, .1, .028}, {3, 2, .2, .104}, {3, 2, .33, .255}} {
		p.Replicas, p.Agree, p.Cheaters = x.k, x.agree, x.a
		if got := Predict(p); !near(got.Slip, x.want, 0.002) {
			t.Errorf("%d of %d, %v cheat: %.4f, want %.3f", x.agree, x.k, x.a, got.Slip, x.want)
		}
	}
}

// TestPredictAnything: no plan makes it panic, or a chance that is none.
func TestPredictAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := func(name string) float64 {
			return rapid.SampledFrom([]float64{-1, 0, 0.01, 0.3, 1, 2, math.NaN(), math.Inf(1)}).Draw(r, name)
		}
		p := Plan{
			Shards: rapid.IntRange(-1, 300).Draw(r, "shards"), Providers: rapid.IntRange(-1, 40).Draw(r, "providers"),
			Replicas: rapid.IntRange(-1, 5).Draw(r, "replicas"), Agree: rapid.IntRange(-1, 9).Draw(r, "agree"),
			Adaptive: rapid.Bool().Draw(r, "adaptive"), Policy: Replicas(), FixedPPM: rapid.Uint32Range(0, 2*All).Draw(r, "fixed"),
			Credit: rapid.Uint32Range(0, 50).Draw(r, "credit"), CanaryPPM: rapid.Uint32Range(0, All).Draw(r, "canaries"),
			AuditCost: rapid.Float64Range(-1, 2).Draw(r, "cost"), Cheaters: f("cheaters"), Cheats: f("cheats"), Power: f("power"),
			Collude: rapid.Bool().Draw(r, "collude"),
		}
		for range rapid.IntRange(0, 3).Draw(r, "tracks") {
			p.Tracks = append(p.Tracks, Track{Valid: rapid.Uint32().Draw(r, "valid"), Probation: rapid.Uint32().Draw(r, "probation"), Suspect: rapid.Bool().Draw(r, "suspect")})
		}
		got := Predict(p)
		for name, x := range map[string]float64{"slip": got.Slip, "caught": got.Caught} {
			if !(x >= -1e-9 && x <= 1+1e-9) {
				r.Fatalf("%s is %v of %+v", name, x, p)
			}
		}
		for name, x := range map[string]float64{"factor": got.Factor - 1, "audits": got.Audits, "wrong": got.Wrong, "delay": got.Delay} {
			if !(x >= -1e-9) || math.IsInf(x, 0) {
				r.Fatalf("%s is %v of %+v", name, x, p)
			}
		}
	})
}

func BenchmarkPredict(b *testing.B) {
	p := Plan{Shards: 10_000, Providers: 20, Adaptive: true, Policy: Replicas(), Credit: 20, AuditCost: 1, Cheaters: 0.1, Cheats: 0.2}
	for b.Loop() {
		Predict(p)
	}
}
