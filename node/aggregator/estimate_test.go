package aggregator

import (
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// offers is a job of four shards with four providers at 1 credit a shard and one
// validator that is trusted, at 5.
func offers(v job.Verify) (job.Job, []job.Candidate) {
	j := job.Job{Budget: payments.Amount{Value: 100, Unit: payments.Credits}}
	j.Spec.Verify, j.Spec.MaxInFlight, j.Spec.Timeouts = v, 8, job.Timeouts{Shard: time.Minute, Job: time.Hour}
	for i := range uint32(4) {
		j.Shards = append(j.Shards, &job.Shard{Index: i, Input: job.Input{Units: 1}})
	}
	var cs []job.Candidate
	for i := range byte(5) {
		c := job.Candidate{Provider: identity.PubKey{1, i}, Slots: 2, Rate: payments.Rate{PerUnit: 1, Unit: payments.Credits}}
		if i == 4 {
			c.Validator, c.Trusted, c.Rate = true, true, payments.Rate{Base: 5, Unit: payments.Credits}
		}
		cs = append(cs, c)
	}
	return j, cs
}

// What validators ask is told ahead: it can be most of what a job costs.
func TestEstimateCountsValidators(t *testing.T) {
	for name, x := range map[string]struct {
		v                   job.Verify
		low, expected, high uint64
	}{
		"adaptive": {job.Verify{Mode: job.VerifyAdaptive, Replicas: 1, Agree: 1}, 4, 25, 44},
		"quorum":   {job.Verify{Mode: job.VerifyQuorum, Replicas: 2, Agree: 2}, 8, 26, 28},
		"none":     {job.Verify{Mode: job.VerifyNone, Replicas: 1, Agree: 1}, 4, 4, 4},
	} {
		j, cs := offers(x.v)
		e := estimate(j, cs, 0)
		if e.Cost.Low.Value != x.low || e.Cost.Expected.Value != x.expected || e.Cost.High.Value != x.high {
			t.Errorf("%s: %d, %d to %d; want %d, %d to %d", name, e.Cost.Expected.Value, e.Cost.Low.Value, e.Cost.High.Value, x.expected, x.low, x.high)
		}
		if told := strings.Contains(strings.Join(e.Notes, "\n"), "validators that this node trusts"); told != (name != "none") {
			t.Errorf("%s: %q", name, e.Notes)
		}
		if e.Candidates != 4 || e.Time.Expected != 0 || e.Time.High == 0 {
			t.Errorf("%s: %d providers, %v", name, e.Candidates, e.Time)
		}
	}
}

// Without known answers, what is estimated is the sampling that takes their place.
func TestSampledInstead(t *testing.T) {
	v := job.Verify{Mode: job.VerifyCanary, Rate: job.DefaultCanaryRate}
	if sampled(&v); v.Mode != job.VerifySample || v.Rate != bootstrapRate {
		t.Errorf("%+v", v)
	}
	v = job.Verify{Mode: job.VerifyCanary, Rate: audit.All / 2}
	if sampled(&v); v.Rate != audit.All/2 {
		t.Errorf("%+v", v)
	}
}
