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

// TestSampleMatchesTheFormulas: at a fixed rate q, who always cheats is believed
// (1-q)/q times for each time the lottery finds it, and what a job accepts in the
// end is what package audit predicts. Cheaters do not agree with each other here:
// the power of an audit is 1.
func TestSampleMatchesTheFormulas(t *testing.T) {
	t.Parallel()
	const q = 100_000
	cfg := Default()
	cfg.Mode, cfg.Rate, cfg.Churn, cfg.Strategies = job.VerifySample, q, 0, []Strategy{Honest, Lazy}
	cfg.Shards = size(10_000, 800)
	cfg.Clients = cfg.Shards / cfg.JobShards // every job is asked for by somebody who knows nobody
	rows := worlds(t, cfg).Rows
	draws(t, "honest", rows[0].Lottery, cfg.Shards/2)
	draws(t, "lazy", rows[1].WrongDraws, cfg.Shards/10)

	// Two standard deviations of what was drawn, and copies of stragglers.
	extra, slack := rows[0].Overhead.Value, 2*math.Sqrt(rows[0].Lottery.Var)/float64(rows[0].Shards)
	if want := float64(q) / audit.All; math.Abs(extra-want) > slack {
		t.Errorf("%.4f extra runs a shard, want %.4f within %.4f", extra, want, slack)
	}
	// What is accepted in the end is no more than predicted, and not far less: what
	// is computed again once a cheater is caught is compared for certain with what
	// the caught one brought, which finds more cheaters than the formula knows of.
	// Shares are not equal: the plan is told among how many it was as good as equally dealt.
	plan := audit.Plan{
		Shards: cfg.JobShards, Providers: int(rows[0].Hands + 0.5), FixedPPM: q, AuditCost: 1, Cheaters: cfg.Share, Cheats: 1,
	}
	slip := audit.Predict(plan).Slip
	t.Logf("accepted wrong: %s, predicted %.2f%% with %.1f providers a job", percent(rows[1].AcceptedShare), 100*slip, rows[0].Hands)
	if got := rows[1].AcceptedShare; got.Low > slip || got.High < slip/2 {
		t.Errorf("accepted wrong: %+v, predicted %.4f", rows[1].AcceptedShare, slip)
	}
	found := Proportion(rows[1].WrongDraws.Chosen, rows[1].WrongDraws.Draws)
	t.Logf("believed %.2f times for each time the lottery found it, within %.2f and %.2f; the formula says %.2f", audit.WrongBeforeCatch(found.Value),
		audit.WrongBeforeCatch(found.High), audit.WrongBeforeCatch(found.Low), audit.WrongBeforeCatch(float64(q)/audit.All))
	if !found.Holds(float64(q) / audit.All) {
		t.Errorf("the lottery finds %s of the lies, want %d ppm", percent(found), q)
	}
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
