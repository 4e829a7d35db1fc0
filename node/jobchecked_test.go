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
		{Shard: 1, Attempt: 9, Provider: identity.PubKey{}.String(), State: "settled", Rate: 1, Drawn: true, Audited: true, Audits: 1, Verdict: "ok", Class: "amd64"},
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

// A result is as sure as the weakest of its shards, whatever the canaries came to.
func TestLabelIsTheWeakest(t *testing.T) {
	t.Parallel()
	shards := func(labels ...string) job.Job {
		j := job.Job{Shards: []*job.Shard{{Input: job.Input{Known: &job.Known{Root: "r"}}}}}
		for _, l := range labels {
			j.Shards = append(j.Shards, &job.Shard{Label: l})
		}
		return j
	}
	for want, j := range map[string]job.Job{
		"audited":    shards("audited", "audited"),
		"replicated": shards("audited", "replicated", "audited"),
		"claimed":    shards("replicated", "claimed", "audited"),
		"":           shards("audited", ""),
	} {
		if got := label(j); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := label(shards()); got != "" {
		t.Errorf("%q of nothing", got)
	}
}

// A replay that could not tell says why, and is no check.
func TestUndecidedReplay(t *testing.T) {
	t.Parallel()
	j := job.Job{Shards: []*job.Shard{{Attempts: []job.Attempt{{
		State: job.AttemptSettled, Drawn: true, Audited: true,
		Answers: []job.Answer{{Answer: job.AnswerInconclusive, Why: "too few tokens to tell"}},
	}}}}}
	if got := checked(j); got[0].Audits != 0 || got[0].Reason != "too few tokens to tell" {
		t.Errorf("%+v", got)
	}
}
