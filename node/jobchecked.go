package node

import (
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
)

// verifying is how a job's results are checked, with the least rate that its
// mode promises.
func verifying(v job.Verify) api.Verify {
	out := api.Verify{
		Mode: v.Mode, Rate: float64(max(v.Rate, v.AuditMin())) / audit.All, Replicas: int(v.Replicas), Agree: int(v.Agree),
		Compare: v.Compare, Profile: v.Profile,
	}
	for _, p := range v.Validators {
		out.Validators = append(out.Validators, p.String())
	}
	return out
}

// checked tells how each result of a job was checked, and whose fault it was
// where there is none; what still runs is left out. Which shards had a known
// answer is told when the job has ended: until then not even a screen shows it.
func checked(j job.Job) []api.Attempt {
	out := []api.Attempt{}
	for _, sh := range j.Shards {
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			verdict := verdictOf(a.State)
			if verdict == "" && !a.Drawn {
				continue
			}
			out = append(out, api.Attempt{
				Shard: int(sh.Index), Attempt: int(a.Wire), Provider: a.Provider.String(), State: string(a.State),
				Rate: float64(a.RatePPM) / audit.All, Drawn: a.Drawn, Audited: a.Audited || a.Audits > 0, Audits: int(a.Audits), Held: a.Held,
				Known: sh.Input.Known != nil && j.State.Terminal(), Verdict: verdict, Class: a.Class, Blame: a.Blame, Reason: reasonOf(a),
			})
		}
	}
	return out
}

// verdictOf is what was found of an attempt in a state; "" while nothing was.
func verdictOf(s job.AttemptState) string {
	switch s {
	case job.AttemptOK, job.AttemptSettled:
		return job.VerdictOK
	case job.AttemptBad:
		return job.VerdictBad
	case job.AttemptLost:
		return job.VerdictFailed
	case job.AttemptCancelled:
		return "cancelled"
	}
	return ""
}

// reasonOf is why an attempt ended as it did, or why its check told nothing.
func reasonOf(a *job.Attempt) string {
	if n := len(a.Answers); a.Reason.Text == "" && a.Audits == 0 && n > 0 {
		return a.Answers[n-1].Why
	}
	return a.Reason.Text
}
