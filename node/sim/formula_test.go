package sim

import (
	"math"
	"testing"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
)

// draws fails unless the lottery chose what it should have, within two standard
// deviations, and there was something to choose from.
func draws(t *testing.T, what string, l Lottery, least int) {
	t.Helper()
	t.Logf("%s: %d of %d drawn, %.1f expected: %.2f standard deviations", what, l.Chosen, l.Draws, l.Expected, l.Sigmas())
	if l.Draws < least || math.Abs(l.Sigmas()) > 2 {
		t.Errorf("%s: %+v, %.2f standard deviations; at least %d draws", what, l, l.Sigmas(), least)
	}
}

// agrees fails unless got, a share of so many, is within two standard deviations of
// want: the bootstrap's over jobs, or that of independent cases, of which jobs with
// few events may show too little.
func agrees(t *testing.T, what string, got Estimate, of []float64, want float64) {
	t.Helper()
	n := 0.0
	for _, x := range of {
		n += x
	}
	sd := max((got.High-got.Low)/(2*z95), math.Sqrt(want*(1-want)/n))
	t.Logf("%s: %.4f, predicted %.4f, one standard deviation is %.4f", what, got.Value, want, sd)
	if sd == 0 || math.Abs(got.Value-want) > 2*sd {
		t.Errorf("%s: %.4f, predicted %.4f: %.2f standard deviations", what, got.Value, want, (got.Value-want)/sd)
	}
}

// closed are worlds in which all providers are asked for every job, and every job
// is of a client that knows nobody: what package audit predicts of one.
func closed(t *testing.T, mode string, rate uint32, s Strategy, clients int, seeds int) (ws []*world) {
	t.Helper()
	for seed := range seeds {
		cfg := Default()
		cfg.Seed, cfg.Providers, cfg.Validators, cfg.Churn = uint64(seed+1), 24, 0, 0
		cfg.Mode, cfg.Rate, cfg.Clients, cfg.Shards = mode, rate, clients, clients*cfg.JobShards
		w := newWorld(cfg, s)
		if err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	return ws
}

// TestSampleMatchesTheFormulas: at a fixed rate q, who always cheats is believed
// (1-q)/q times for each time the lottery finds it, and what a job accepts in the
// end, once what the caught were believed for is done again, is what package
// audit predicts. Cheaters do not agree with each other here: the power of an
// audit is 1.
func TestSampleMatchesTheFormulas(t *testing.T) {
	t.Parallel()
	const q = 100_000
	clients := size(10, 4)
	var honest, lies Lottery
	var bad, of []float64
	hands, players, all := 0.0, 0, 0
	ws := closed(t, job.VerifySample, q, Lazy, clients, size(10, 2))
	for _, w := range ws {
		row := w.row()
		hands += row.Hands / float64(len(ws))
		players, all = players+row.Players, all+w.cfg.Providers
		lies.merge(row.WrongDraws)
		bad, of = append(bad, w.tally.byJob[0]...), append(of, w.tally.byJob[1]...)
	}
	runs, shards := 0.0, 0
	for _, w := range closed(t, job.VerifySample, q, Honest, clients, size(5, 1)) {
		row := w.row()
		honest.merge(row.Lottery)
		runs, shards = runs+row.Overhead.Value*float64(row.Shards), shards+row.Shards
	}
	draws(t, "honest", honest, shards/2)
	draws(t, "lazy", lies, len(of)*10)
	extra, slack := runs/float64(shards), 2*math.Sqrt(honest.Var)/float64(shards)
	t.Logf("%.4f extra runs a shard, %d in 1000000 are drawn", extra, q)
	if want := float64(q) / audit.All; math.Abs(extra-want) > slack {
		t.Errorf("%.4f extra runs a shard, want %.4f within %.4f", extra, want, slack)
	}
	// Shares are a little unequal: the plan is told among how many a job was as good
	// as equally dealt. Who is not new holds six shards at a time, in the mean, and a
	// newcomer two. Where all have one price and one pace it is less than predicted.
	plan := audit.Plan{
		Shards: 100, Providers: int(hands + 0.5), Room: 3, FixedPPM: q, AuditCost: 1,
		Cheaters: float64(players) / float64(all), Cheats: 1,
	}
	agrees(t, "accepted wrong", Ratio(bad, of, 1), of, audit.Predict(plan).Slip)
	found := Proportion(lies.Chosen, lies.Draws)
	t.Logf("believed %.2f times for each time the lottery found it; the formula says %.2f", audit.WrongBeforeCatch(found.Value), audit.WrongBeforeCatch(float64(q)/audit.All))
}

// TestAdaptiveFindsAsPredicted: at the default, of those who cheat in a fifth of
// their shards, what is accepted and how many are found is what package audit
// predicts of a job among strangers. They give the same wrong result: an audit by
// another one that cheats just there confirms it.
func TestAdaptiveFindsAsPredicted(t *testing.T) {
	t.Parallel()
	var bad, of, caught, cheaters []float64
	players, all, hands := 0, 0, 0.0
	ws := adaptiveWorlds(t, size(12, 2))
	for _, w := range ws {
		row := w.row()
		hands += row.Hands / float64(len(ws))
		players, all = players+row.Players, all+w.cfg.Providers
		bad, of = append(bad, w.tally.byJob[0]...), append(of, w.tally.byJob[1]...)
		for _, n := range w.tally.found {
			caught, cheaters = append(caught, n), append(cheaters, float64(row.Players))
		}
	}
	share := float64(players) / float64(all)
	p := audit.Predict(audit.Plan{
		Shards: ws[0].cfg.JobShards, Providers: int(hands + 0.5), Room: 3, Adaptive: true, Policy: audit.Replicas(), Credit: audit.Replicas().HoldMax,
		AuditCost: 1, Cheaters: share, Cheats: 0.2, Power: 1 - 0.2*share,
	})
	agrees(t, "accepted wrong", Ratio(bad, of, 1), of, p.Slip)
	agrees(t, "caught", Ratio(caught, cheaters, 1), cheaters, p.Caught)
}

// adaptiveWorlds have providers that are all alike: elsewhere those whom few ask
// are found in fewer jobs than is predicted of an even deal.
func adaptiveWorlds(t *testing.T, seeds int) (ws []*world) {
	t.Helper()
	for seed := range seeds {
		cfg := Default()
		cfg.Seed, cfg.Providers, cfg.Validators, cfg.Churn = uint64(seed+1), 24, 0, 0
		cfg.Clients, cfg.JobShards, cfg.Shards = 4, 240, 4*240
		w := newWorld(cfg, Selective)
		w.alike = true
		if err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	return ws
}

// TestAdaptiveMatchesTheFormulas: the overhead falls with the track as package
// audit predicts it.
func TestAdaptiveMatchesTheFormulas(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Providers, cfg.Clients, cfg.Validators, cfg.Churn, cfg.Strategies = 12, 1, 0, 0, []Strategy{Honest}
	cfg.Shards = size(6000, 600)
	row := worlds(t, cfg).Rows[0]
	draws(t, "adaptive", row.Lottery, cfg.Shards/3)
	want := audit.Predict(audit.Plan{
		Shards: cfg.Shards, Providers: cfg.Providers, Adaptive: true, Policy: audit.Replicas(), Credit: audit.Replicas().HoldMax, AuditCost: 1,
	})
	slack := 2 * math.Sqrt(row.Lottery.Var) / float64(row.Shards)
	t.Logf("%.4f extra runs a shard, predicted %.4f (%.4f without what audits of others prove), two standard deviations are %.4f",
		row.Overhead.Value, want.Overhead, audit.Replicas().Overhead(cfg.Shards/cfg.Providers), slack)
	if math.Abs(row.Overhead.Value-want.Overhead) > slack {
		t.Errorf("%.4f extra runs a shard, predicted %.4f within %.4f", row.Overhead.Value, want.Overhead, slack)
	}
}
