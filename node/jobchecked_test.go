package node

import (
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// What was found of each result is told; what still runs is not, nor which
// answers are known while that still counts.
func TestChecked(t *testing.T) {
	t.Parallel()
	liar := identity.PubKey{1}
	j := job.Job{State: job.StateRunning, Shards: []*job.Shard{
		{Index: 0, Input: job.Input{Known: &job.Known{Root: "r"}}, Attempts: []job.Attempt{
			{Wire: 40_001, Provider: liar, State: job.AttemptBad, Drawn: true, RatePPM: 50_000, Blame: job.BlameProvider, Reason: job.Reason{Text: "another result"}},
			{N: 1, Wire: 7, State: job.AttemptRunning},
		}},
		{Index: 1, Attempts: []job.Attempt{
			{Wire: 9, State: job.AttemptSettled, Drawn: true, Audited: true, Audits: 1, RatePPM: 1_000_000, Class: "amd64"},
			{N: 1, Wire: 8, State: job.AttemptOK, Held: true},
		}},
	}}
	got := checked(j)
	want := []api.Attempt{
		{Attempt: 40_001, Provider: liar.String(), State: "bad", Rate: 0.05, Drawn: true, Verdict: "bad", Blame: "provider", Reason: "another result"},
		{Shard: 1, Attempt: 9, Provider: identity.PubKey{}.String(), State: "settled", Rate: 1, Drawn: true, Audited: true, Verdict: "ok", Class: "amd64"},
		{Shard: 1, Attempt: 8, Provider: identity.PubKey{}.String(), State: "ok", Held: true, Verdict: "ok"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	j.State = job.StateDone
	if got := checked(j); !got[0].Known || got[2].Known {
		t.Errorf("%+v", got)
	}
	if v := verifying(job.Verify{Mode: job.VerifyAdaptive, Replicas: 1, Agree: 1}); v.Rate != 0.05 {
		t.Errorf("%+v", v)
	}
}
