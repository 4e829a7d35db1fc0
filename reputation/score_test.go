package reputation_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

var (
	now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	day = 24 * time.Hour
)

// unit is evidence of weight 1: audited, signed by both, worth the reference.
func unit(v reputation.Verdict, age time.Duration) reputation.Evidence {
	return reputation.Evidence{
		Verdict: v, When: now.Add(-age), Amount: 10, Unit: "credits", Label: wire.LabelAudited, Countersigned: true,
	}
}

func blamed(v reputation.Verdict, blame string) reputation.Evidence {
	e := unit(v, 0)
	e.Blame = blame
	return e
}

func repeat(n int, e reputation.Evidence) []reputation.Evidence {
	out := make([]reputation.Evidence, n)
	for i := range out {
		out[i] = e
	}
	return out
}

func near(a, b, eps float64) bool { return math.Abs(a-b) <= eps }

// The vectors are those of the published table, to its two digits.
func TestGoldenScores(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		good, late int
		want       float64
	}{
		{0, 0, 0}, {5, 0, 0.51}, {20, 0, 0.82}, {100, 0, 0.96}, {100, 1, 0.94}, {100, 5, 0.90}, {20, 2, 0.72},
	} {
		ev := append(repeat(c.good, unit(reputation.OK, 0)), repeat(c.late, unit(reputation.Late, 0))...)
		if got := reputation.Score(now, ev); !near(got, c.want, 0.005) {
			t.Errorf("%d good, %d late: %.4f, want %.2f", c.good, c.late, got, c.want)
		}
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	change := func(f func(*reputation.Evidence)) reputation.Evidence {
		e := unit(reputation.OK, 0)
		f(&e)
		return e
	}
	for name, c := range map[string]struct {
		e         reputation.Evidence
		good, bad float64
	}{
		"reference":         {unit(reputation.OK, 0), 1, 0},
		"thrice the value":  {change(func(e *reputation.Evidence) { e.Amount = 30 }), 2, 0},
		"any value":         {change(func(e *reputation.Evidence) { e.Amount = 1 << 62 }), 4, 0},
		"for nothing":       {change(func(e *reputation.Evidence) { e.Amount = 0 }), 0, 0},
		"unknown unit":      {change(func(e *reputation.Evidence) { e.Unit = "shells" }), 0, 0},
		"replicated":        {change(func(e *reputation.Evidence) { e.Label = wire.LabelReplicated }), 0.3, 0},
		"one-sided":         {change(func(e *reputation.Evidence) { e.Countersigned = false }), 0.25, 0},
		"own, one-sided":    {change(func(e *reputation.Evidence) { e.Countersigned, e.Own = false, true }), 0.25, 0},
		"a month old":       {unit(reputation.OK, 30*day), 0.5, 0},
		"two months old":    {unit(reputation.OK, 60*day), 0.25, 0},
		"dated ahead":       {unit(reputation.OK, -60*day), 1, 0},
		"bad":               {unit(reputation.Bad, 0), 0, 3},
		"bad, old":          {unit(reputation.Bad, 60*day), 0, 1.5},
		"failed":            {blamed(reputation.Failed, wire.BlameProvider), 0, 1},
		"failed, unasked":   {unit(reputation.Failed, 0), 0, 0},
		"failed, network":   {blamed(reputation.Failed, wire.BlameNetwork), 0, 0},
		"failed, ours":      {blamed(reputation.Failed, wire.BlameClient), 0, 0},
		"failed, who knows": {blamed(reputation.Failed, wire.BlameInconclusive), 0, 0},
		"bad, network":      {blamed(reputation.Bad, wire.BlameNetwork), 0, 0},
		"late, network":     {blamed(reputation.Late, wire.BlameNetwork), 0, 0},
		"unpaid":            {change(func(e *reputation.Evidence) { e.Verdict, e.AsPayer = reputation.Unpaid, true }), 0, 1},
		"unpaid, of work":   {unit(reputation.Unpaid, 0), 0, 0},
		"inconclusive":      {unit(reputation.Inconclusive, 0), 0, 0},
		"unheard of":        {unit("splendid", 0), 0, 0},
		"bad for nothing":   {change(func(e *reputation.Evidence) { e.Verdict, e.Amount = reputation.Bad, 0 }), 0, 3},
		"bad, own word":     {change(func(e *reputation.Evidence) { e.Verdict, e.Countersigned, e.Own = reputation.Bad, false, true }), 0, 3},
		"bad, another says": {change(func(e *reputation.Evidence) { e.Verdict, e.Countersigned = reputation.Bad, false }), 0, 0.75},
		"fraud":             {change(func(e *reputation.Evidence) { e.Fraud = true }), 0, 10},
	} {
		x := reputation.Default().Explain(now, []reputation.Evidence{c.e})
		if !near(x.Good, c.good, 1e-9) || !near(x.Bad, c.bad, 1e-9) {
			t.Errorf("%s: good %v bad %v, want %v and %v", name, x.Good, x.Bad, c.good, c.bad)
		}
	}
}

func TestFraudIsZeroForHalfAYear(t *testing.T) {
	t.Parallel()
	ev := repeat(1000, unit(reputation.OK, 0))
	fraud := unit(reputation.Bad, 179*day)
	fraud.Fraud = true
	if got := reputation.Score(now, append(ev, fraud)); got != 0 {
		t.Errorf("after 179 days: %v", got)
	}
	fraud.When = now.Add(-181 * day)
	if got := reputation.Score(now, append(ev, fraud)); got < 0.9 {
		t.Errorf("after 181 days: %v", got)
	}
}

var drawEvidence = rapid.Custom(func(t *rapid.T) reputation.Evidence {
	verdicts := []reputation.Verdict{
		reputation.OK, reputation.Bad, reputation.Failed, reputation.Late, reputation.Unpaid, reputation.Inconclusive,
	}
	return reputation.Evidence{
		Receipt: wire.ID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id")),
		When:    now.Add(-time.Duration(rapid.IntRange(-10, 400).Draw(t, "days")) * day),
		Amount:  rapid.Uint64().Draw(t, "amount"), Unit: rapid.SampledFrom([]string{"credits", "msat", "?"}).Draw(t, "unit"),
		Verdict:       rapid.SampledFrom(verdicts).Draw(t, "verdict"),
		Label:         rapid.SampledFrom([]string{wire.LabelAudited, wire.LabelReplicated, wire.LabelClaimed}).Draw(t, "label"),
		Countersigned: rapid.Bool().Draw(t, "both"), Own: rapid.Bool().Draw(t, "own"),
		Fraud: rapid.IntRange(0, 20).Draw(t, "fraud") == 0,
		Blame: rapid.SampledFrom([]string{"", wire.BlameProvider, wire.BlameClient, wire.BlameNetwork}).Draw(t, "blame"),
	}
})

func TestScoreProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ev := rapid.SliceOfN(drawEvidence, 0, 60).Draw(rt, "evidence")
		x := reputation.Default().Explain(now, ev)
		if x.Score < 0 || x.Score >= 1 || math.IsNaN(x.Score) || x.Score > x.Mean || len(x.Items) != len(ev) {
			rt.Fatalf("%+v", x)
		}
		var good, bad float64
		for _, it := range x.Items {
			good, bad = good+it.Good, bad+it.Bad
		}
		if good != x.Good || bad != x.Bad {
			rt.Fatalf("items add up to %v, %v of %v, %v", good, bad, x.Good, x.Bad)
		}
		more := append([]reputation.Evidence{unit(reputation.OK, 0)}, ev...)
		less := append([]reputation.Evidence{unit(reputation.Bad, 0)}, ev...)
		if reputation.Score(now, more) < x.Score || reputation.Score(now, less) > x.Score {
			rt.Fatal("a success lowered or a failure raised the score")
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(ev), func(i, j int) { ev[i], ev[j] = ev[j], ev[i] })
		if got := reputation.Score(now, ev); !near(got, x.Score, 1e-9) {
			rt.Fatalf("the order of evidence matters: %v and %v", got, x.Score)
		}
	})
}
