package node

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/store/blob"
)

// show is a job as its owner sees it.
func (b jobsBackend) show(j job.Job) api.Job {
	sum := j.Summary()
	out := api.Job{
		ID: j.ID.String(), Name: j.Name, Kind: j.Spec.Kind, State: string(j.State),
		Reason: j.Reason.Text, Hint: j.Reason.Hint, Label: label(j),
		Shards: counts(j, sum), Cost: api.Amount{Amount: j.Spent.Value, Unit: string(j.Spent.Unit)},
		Providers: shares(sum), Cheaters: cheaters(sum), TimingsMS: timings(j), SubmittedAt: j.Created,
	}
	if !j.Spec.Aggregator.IsZero() {
		out.Aggregator = j.Spec.Aggregator.String()
	}
	if !j.Ended.IsZero() {
		at := j.Ended
		out.EndedAt = &at
	}
	if j.Result.CID != "" {
		out.Result = api.JobResult{CID: j.Result.CID, Path: b.resultPath(j)}
	}
	return out
}

// resultPath is the result itself: the one file, or the folder of several.
func (b jobsBackend) resultPath(j job.Job) string {
	dir := b.n.agg.ResultDir(j.ID)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err == nil && len(files) == 1 && j.Spec.Merge.By == job.MergeConcat {
		return files[0]
	}
	return dir
}

// label is the weakest that any shard of the result has.
func label(j job.Job) string {
	order := []string{"", job.LabelClaimed, job.LabelReplicated, job.LabelAudited}
	weakest := len(order)
	for _, s := range j.Shards {
		if s.Input.Known == nil {
			weakest = min(weakest, max(slices.Index(order, s.Label), 0))
		}
	}
	return order[weakest%len(order)]
}

func counts(j job.Job, sum job.Summary) api.ShardCounts {
	c := api.ShardCounts{
		Total: sum.Shards, OK: sum.OK, Retried: sum.Retried, Audited: sum.Audited, Mismatched: sum.Mismatched,
	}
	for _, s := range j.Shards {
		if s.State == job.ShardRunning && s.Input.Known == nil {
			c.Running++
		}
	}
	return c
}

// shares is each provider's part, in the order of their first attempts.
func shares(sum job.Summary) []api.ProviderShare {
	out := []api.ProviderShare{}
	for _, p := range sum.Providers {
		s := api.ProviderShare{NPub: p.Provider.String(), Shards: p.OK, Paid: p.Paid.Value, Verdicts: map[string]int{}}
		for name, n := range map[string]int{
			job.VerdictOK: p.OK, job.VerdictBad: p.Bad, job.VerdictFailed: p.Failed, "cancelled": p.Cancelled,
		} {
			if n > 0 {
				s.Verdicts[name] = n
			}
		}
		out = append(out, s)
	}
	return out
}

// cheaters are those whose committed result lost against the others', with the
// documents that show it.
func cheaters(sum job.Summary) []api.Cheater {
	var out []api.Cheater
	for _, c := range sum.Cheaters {
		npub := c.Provider.String()
		i := slices.IndexFunc(out, func(x api.Cheater) bool { return x.NPub == npub })
		if i < 0 {
			out = append(out, api.Cheater{NPub: npub})
			i = len(out) - 1
		}
		out[i].Evidence = append(out[i].Evidence, fmt.Sprintf("shard %d: %s; its commit and reveal: %s; against: %s",
			c.Shard, c.Reason.Text, idList(c.Evidence), idList(c.Against)))
		out[i].PaidForWrong += c.Paid.Value
	}
	return out
}

func idList(ids []job.ID) string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return strings.Join(out, ", ")
}

// timings are milliseconds: until the first dispatch, from there to the end,
// and in all.
func timings(j job.Job) map[string]int64 {
	end := j.Ended
	if end.IsZero() {
		end = time.Now()
	}
	out := map[string]int64{"total": end.Sub(j.Created).Milliseconds()}
	if !j.Started.IsZero() {
		out["matching"] = j.Started.Sub(j.Created).Milliseconds()
		out["running"] = end.Sub(j.Started).Milliseconds()
	}
	return out
}

// explain tells why a job waits or ended as it did.
func explain(j job.Job) api.Explanation {
	why := job.Why(j)
	out := api.Explanation{
		ID: j.ID.String(), State: string(j.State), Summary: why.Reason.Text, Hint: why.Reason.Hint,
		History: []api.Note{}, Checked: checked(j),
	}
	how := verifying(j.Spec.Verify)
	out.Verify = &how
	if out.Summary == "" {
		out.Summary = "nothing stands in its way"
		if j.State.Terminal() {
			out.Summary = "it went as it should"
		}
	}
	out.Dropped = leftOut(why.Dropped)
	for _, f := range why.Faults {
		out.Dropped = append(out.Dropped, api.Candidate{
			NPub: f.Provider, Reason: fmt.Sprintf("attempt %d/%d: %s: %s", f.Shard, f.Attempt, f.Reason.Code, f.Reason.Text), Fix: f.Reason.Hint,
		})
	}
	for _, t := range j.Log {
		text := fmt.Sprintf("%s: %s -> %s", j.Numbered(t), t.From, t.To)
		if t.Why != "" {
			text += " (" + t.Why + ")"
		}
		out.History = append(out.History, api.Note{AtMS: t.At.UnixMilli(), Text: text})
	}
	return out
}

// Export writes a copy of the merged result to dest.
func (b jobsBackend) Export(ctx context.Context, id, dest string) (api.JobResult, error) {
	j, err := b.find(id)
	if err != nil {
		return api.JobResult{}, err
	}
	if j.Result.CID == "" {
		return api.JobResult{}, api.Errorf(api.CodeConflict, "infernet job explain tells why", "job %s is %s and has no result", j.ID.Short(), j.State)
	}
	if err := b.n.lib.Blobs().Export(ctx, j.Result.CID, dest, blob.Limits{}); err != nil {
		return api.JobResult{}, contentError(err)
	}
	return api.JobResult{CID: j.Result.CID, Path: dest}, nil
}
