package aggregator

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
)

// Estimate is what a job would cost and how sure its result would be, by quotes
// that hold now. Nothing is reserved and nobody is bound by it.
type Estimate struct {
	Shards     int
	Candidates int // providers that match and quoted
	Cost       EstimatedCost
	Time       EstimatedTime
	Overhead   float64 // expected executions beyond one for each shard, as a share of the shards
	Slip       EstimatedSlip
	Verify     job.Verify
	Dropped    []job.Dropped
	Reason     job.Reason // why nobody could do it, where that is its ceiling
	Notes      []string   // what the numbers rest on, for people
}

// EstimatedCost is of the whole job: Low with the cheapest provider and nothing
// run beyond what the mode always runs, Expected with the usual price and the
// expected audits, High with the dearest provider and every shard checked.
type EstimatedCost struct{ Low, Expected, High payments.Amount }

// EstimatedTime is from the first dispatch to the result; 0 where nothing is
// known to go by.
type EstimatedTime struct{ Expected, High time.Duration }

// EstimatedSlip is the chance that a wrong shard is accepted when a share of
// the providers cheats in a share of their work.
type EstimatedSlip struct {
	Cheaters float64 // assumed share of providers that cheat
	Cheat    float64 // assumed share of its shards that one of them gets wrong
	Shard    float64 // chance that one shard of the job is wrong and accepted
	Job      float64 // chance that any is
}

// What is assumed of the providers where a chance is told: one in ten cheats,
// in a fifth of its work, which is harder to find than one that always does.
const (
	assumedCheaters = 0.1
	assumedCheat    = 0.2
	replayCost      = 0.05 // of one audit by replay, in executions
	replayPower     = 0.99 // chance that a replay that decides finds what is wrong
)

// Estimate asks for quotes as a job would and works out what it would come to.
// The inputs are cut and stored as for the job itself; nothing is spent.
func (d *Driver) Estimate(ctx context.Context, req Request) (Estimate, error) {
	ev, err := d.prepare(ctx, req)
	if err != nil {
		return Estimate{}, err
	}
	known, err := d.knowable(ev)
	if err != nil {
		return Estimate{}, err
	}
	j, _, err := job.Step(job.Job{}, ev)
	if err != nil {
		return Estimate{}, err
	}
	mctx, cancel := context.WithTimeout(ctx, matchTimeout)
	defer cancel()
	found, _ := d.quotes(mctx, j, nil)
	if ctx.Err() != nil {
		return Estimate{}, ctx.Err()
	}
	usual, err := d.usualTime(j)
	if err != nil {
		return Estimate{}, err
	}
	verify, want := j.Spec.Verify, j.Spec.Verify.Canaries(len(ev.Inputs))
	if known < want {
		sampled(&j.Spec.Verify)
	}
	out := estimate(j, found.Candidates, usual)
	out.Verify, out.Dropped = verify, found.Dropped
	if dear, ok := j.Dear(found.Dropped); ok && out.Candidates == 0 {
		out.Reason = dear.Reason(j.Spec.Payment)
	}
	if known < want {
		out.note("%d of %d known answers are at hand for canaries: %.0f%% of the shards would be sampled instead, and known to the next job",
			known, want, float64(j.Spec.Verify.Rate)/audit.All*100)
	}
	return out, nil
}

func (e *Estimate) note(format string, args ...any) {
	e.Notes = append(e.Notes, fmt.Sprintf(format, args...))
}

// estimate is the arithmetic: a function of the quotes alone. usual is how long
// an attempt took in earlier jobs, 0 when there were none.
func estimate(j job.Job, all []job.Candidate, usual time.Duration) Estimate {
	e := Estimate{Shards: len(j.Shards), Verify: j.Spec.Verify}
	var judges []job.Candidate
	cs := slices.DeleteFunc(slices.Clone(all), func(c job.Candidate) bool {
		if c.Validator {
			judges = append(judges, c)
		}
		return c.Validator
	})
	e.Candidates = len(cs)
	none := payments.Amount{Unit: j.Budget.Unit}
	e.Cost = EstimatedCost{none, none, none}
	if len(cs) == 0 {
		e.note("nobody who could do it gave a quote: what stands in the way is told of each")
		return e
	}
	plan := planOf(j, cs)
	p := audit.Predict(plan)
	e.Overhead = p.Overhead
	e.Slip = EstimatedSlip{Cheaters: plan.Cheaters, Cheat: plan.Cheats, Shard: p.Slip, Job: 1 - math.Pow(1-p.Slip, float64(e.Shards))}
	e.price(j, cs, judges, p)
	e.time(j, cs, p, usual)
	e.note("the chances are at most those told, for cheaters that do not collude")
	if j.Spec.Verify.Mode == job.VerifyReplay {
		e.note("what is too short for a replay to tell counts as claimed; with answers of a few words each, put many lines into a shard")
	}
	if plan.Providers < 3 && j.Spec.Verify.Mode != job.VerifyNone {
		e.note("only %d independent providers are there: a dispute has no third to decide it", plan.Providers)
	}
	return e
}

// planOf is the job as the arithmetic of audits sees it. Others may come in for
// those who are caught: that one catch leads to the next is not counted on.
func planOf(j job.Job, cs []job.Candidate) audit.Plan {
	v := j.Spec.Verify
	p := audit.Plan{
		Shards: len(j.Shards), Providers: independent(cs), Pool: math.MaxInt32, Replicas: int(v.Replicas), Agree: int(v.Agree),
		Adaptive: v.Mode == job.VerifyAdaptive || v.Mode == job.VerifyReplay,
		Policy:   v.Policy(), Credit: creditShards(j, cs), AuditCost: 1,
		Cheaters: assumedCheaters, Cheats: assumedCheat,
	}
	switch v.Mode {
	case job.VerifySample:
		p.FixedPPM = v.Rate
	case job.VerifyCanary:
		p.CanaryPPM = uint32(uint64(v.Canaries(len(j.Shards))) * audit.All / uint64(max(len(j.Shards), 1)))
	case job.VerifyReplay:
		p.AuditCost, p.Power, p.Replay = replayCost, replayPower, true
	}
	for _, c := range cs {
		p.Tracks = append(p.Tracks, c.Track)
		p.Room += float64(c.Slots) / job.NewcomerOpen / float64(len(cs))
	}
	return p
}

// independent counts providers of which no two share an operator or a network.
func independent(cs []job.Candidate) int {
	taken := map[string]bool{}
	n := 0
	for _, c := range cs {
		keys := append([]string{"operator/" + operatorOf(job.Attempt{Operator: c.Operator, Provider: c.Provider})}, c.Apart...)
		if slices.ContainsFunc(keys, func(k string) bool { return taken[k] }) {
			continue
		}
		n++
		for _, k := range keys {
			taken[k] = true
		}
	}
	return n
}

// creditShards is how many shards the least trusting provider does before it
// is paid.
func creditShards(j job.Job, cs []job.Candidate) uint32 {
	least := uint64(math.MaxUint32)
	for _, c := range cs {
		if price, err := payments.Price(c.Rate, mostUnits(j)); err == nil && price.Value > 0 {
			least = min(least, c.Credit/price.Value)
		}
	}
	return uint32(least)
}

// price adds the shards up at the lowest, the usual and the highest quote. What
// validators compute costs what they ask, whatever the shard.
func (e *Estimate) price(j job.Job, cs, judges []job.Candidate, p audit.Prediction) {
	always, most := runs(j)
	var low, mid, high float64
	for _, sh := range j.Shards {
		prices := pricesOf(cs, sh)
		if len(prices) == 0 {
			continue
		}
		dear, first := prices[len(prices)-1], math.Floor(always)
		low += prices[0] * always
		mid += prices[len(prices)/2] * max(p.Factor, always)
		high += dear*first + max(dear, dearest(judges, sh))*(most-first)
	}
	if len(j.Shards) > 0 {
		own := pricesOf(slices.DeleteFunc(slices.Clone(judges), func(c job.Candidate) bool { return !c.Trusted }), j.Shards[0])
		if usual := pricesOf(cs, j.Shards[0]); len(own) > 0 && len(usual) > 0 {
			n, instead := ownAudits(j, cs, p)
			each := own[len(own)/2]
			if instead { // of a provider, whose run is counted above
				each -= usual[len(usual)/2]
			}
			mid += n * each
			if n >= 0.5 {
				e.note("about %.0f results would be computed by validators that this node trusts, for %s each", n, payments.Amount{Value: whole(own[len(own)/2]), Unit: j.Budget.Unit}.Human())
			}
		}
	}
	e.Cost.Low.Value = whole(low)
	e.Cost.Expected.Value = whole(max(mid, low))
	e.Cost.High.Value = whole(max(mid, high))
	if e.Cost.Low.Value > j.Budget.Value {
		e.note("payment.max of %s does not pay for it: raise it to at least %s", j.Budget.Human(), e.Cost.Low.Human())
	} else if e.Cost.High.Value > j.Budget.Value {
		e.note("payment.max of %s may not pay for all audits; the job would wait or end there, never spend more", j.Budget.Human())
	}
}

// pricesOf are what candidates ask for a shard, the lowest first.
func pricesOf(cs []job.Candidate, sh *job.Shard) (prices []float64) {
	for _, c := range cs {
		if a, err := payments.Price(c.Rate, sh.Input.Units); err == nil {
			prices = append(prices, float64(a.Value))
		}
	}
	slices.Sort(prices)
	return prices
}

func dearest(cs []job.Candidate, sh *job.Shard) float64 {
	if prices := pricesOf(cs, sh); len(prices) > 0 {
		return prices[len(prices)-1]
	}
	return 0
}

// ownAudits is how many results validators that this node trusts are expected to
// compute, and whether they do so instead of providers: often at first, and less
// of each provider the more of it they have confirmed.
func ownAudits(j job.Job, cs []job.Candidate, p audit.Prediction) (n float64, instead bool) {
	draws := 0.0
	switch j.Spec.Verify.Mode {
	case job.VerifyAdaptive, job.VerifySample:
		draws, instead = p.Audits, true
	case job.VerifyQuorum:
		return pairAudits(j, cs), false
	}
	each := draws / float64(len(cs))
	for _, share := range job.OwnAudits(int(math.Ceil(each))) {
		n += share * min(1, each)
		each--
	}
	return min(n*float64(len(cs)), draws), instead
}

// pairAudits is the same for a quorum, where it goes by pairs of providers.
func pairAudits(j job.Job, cs []job.Candidate) float64 {
	n, k, shards := float64(len(cs)), float64(j.Spec.Verify.Replicas), float64(len(j.Shards))
	pairs := n * (n - 1) / 2
	if pairs == 0 || k < 2 {
		return 0
	}
	// How often a pair meets is a matter of chance: in the mean of all pairs the
	// first few meetings are fewer than if each met as often as the others.
	sum, meets := 0.0, shards*k*(k-1)/2/pairs
	fewer := math.Exp(-meets) // chance that a pair met at most so often
	term := fewer
	for i, share := range job.OwnAudits(int(math.Ceil(meets + 6*math.Sqrt(meets) + 6))) {
		sum += share * (1 - fewer)
		term *= meets / float64(i+1)
		fewer = min(1, fewer+term)
	}
	return min(shards, pairs*sum)
}

// runs is how often each shard is run at least, and at most: when every shard is
// checked and one of its results is wrong.
func runs(j job.Job) (always, most float64) {
	v, n := j.Spec.Verify, len(j.Shards)
	switch v.Mode {
	case job.VerifyQuorum:
		return float64(v.Replicas), float64(v.Replicas) + 1
	case job.VerifyAdaptive, job.VerifySample:
		return 1, 3 // a second run, and a third where the two differ
	case job.VerifyReplay:
		return 1, 1 + replayCost
	case job.VerifyCanary:
		share := 1 + float64(v.Canaries(n))/float64(max(n, 1))
		return share, share
	}
	return 1, 1
}

func whole(x float64) uint64 {
	if !(x > 0) {
		return 0
	}
	return uint64(math.Ceil(min(x, 1<<62) - 1e-9))
}

// time deals the runs to the slots that were quoted.
func (e *Estimate) time(j job.Job, cs []job.Candidate, p audit.Prediction, usual time.Duration) {
	slots := 0.0
	for _, c := range cs {
		slots += float64(c.Slots)
	}
	slots = max(1, min(slots, float64(j.Spec.MaxInFlight)))
	always, most := runs(j)
	waves := func(factor float64) float64 { return math.Ceil(float64(e.Shards) * factor / slots) }
	e.Time.High = min(j.Spec.Timeouts.Job, duration(waves(most)*float64(j.Spec.Timeouts.Fetch+j.Spec.Timeouts.Shard)))
	if usual == 0 {
		e.note("no earlier job ran this image and model: how long a shard takes is not known")
		return
	}
	e.Time.Expected = min(e.Time.High, duration(waves(max(p.Factor, always))*float64(usual)))
}

func duration(ns float64) time.Duration {
	return time.Duration(min(ns, float64(math.MaxInt64/2)))
}

// usualTime is the median time of an attempt in the last jobs of the same image
// and model, from its offer to its commit, for a shard of as many units.
func (d *Driver) usualTime(j job.Job) (time.Duration, error) {
	const lastJobs = 3
	ids, err := d.likeJobs(j, lastJobs)
	if err != nil {
		return 0, err
	}
	var perUnit []float64
	for _, id := range ids {
		old, err := d.Get(id)
		if err != nil {
			return 0, err
		}
		for _, sh := range old.Shards {
			for _, a := range sh.Attempts {
				if took := a.Commit.At.Sub(a.Offered); !a.Commit.Event.IsZero() && took > 0 {
					perUnit = append(perUnit, float64(took)/float64(max(sh.Input.Units, 1)))
				}
			}
		}
	}
	if len(perUnit) == 0 {
		return 0, nil
	}
	slices.Sort(perUnit)
	return duration(perUnit[len(perUnit)/2] * float64(max(mostUnits(j), 1))), nil
}
