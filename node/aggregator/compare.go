package aggregator

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/store/blob"
)

const (
	compareFor   = 10 * time.Minute // one comparison, or one replay
	compareTries = 3                // of one that fails by a fault of this node
)

// compare groups the results of a shard. Equal roots are equal trees, and each
// tree was fetched and verified before: only what differs is read.
func (d *Driver) compare(ctx context.Context, j job.Job, e job.Compare) (job.Event, error) {
	ev := job.Compared{Shard: e.Shard}
	roots, same := distinct(e)
	switch {
	case len(roots) == 1 || e.Comparator == job.CompareExact || e.Comparator == "":
		for _, r := range roots {
			ev.Groups = append(ev.Groups, same[r])
		}
	case d.Compare == nil:
		ev.Inconclusive, ev.Why = true, fmt.Sprintf("this node cannot compare by %q", e.Comparator)
	default:
		groups, unsure, why, err := d.compareTrees(ctx, j.Spec.Verify, roots)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			d.Log.Warn("compare results", "job", j.ID, "shard", e.Shard, "err", err)
			ev.Inconclusive, ev.Why = true, "they could not be compared here: "+err.Error()
			break
		}
		ev.Why = why
		for _, g := range groups {
			ev.Groups = append(ev.Groups, attemptsOf(g, roots, same))
		}
		ev.Unsure = attemptsOf(unsure, roots, same)
	}
	ev.Now = time.Now()
	return ev, nil
}

// distinct lists the different roots in order, and the attempts of each.
func distinct(e job.Compare) (roots []string, same map[string][]uint32) {
	same = map[string][]uint32{}
	for i, n := range e.Attempts {
		if len(same[e.Roots[i]]) == 0 {
			roots = append(roots, e.Roots[i])
		}
		same[e.Roots[i]] = append(same[e.Roots[i]], n)
	}
	return roots, same
}

// attemptsOf are the attempts whose results are those at the indexes.
func attemptsOf(indexes []int, roots []string, same map[string][]uint32) (out []uint32) {
	for _, i := range indexes {
		out = append(out, same[roots[i]]...)
	}
	slices.Sort(out)
	return out
}

// compareTrees lays the results out and has them compared, a few times when
// that fails.
func (d *Driver) compareTrees(ctx context.Context, spec job.Verify, roots []string) (groups [][]int, unsure []int, why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, compareFor)
	defer cancel()
	trees, remove, err := d.layOut(ctx, roots)
	defer remove()
	if err != nil {
		return nil, nil, "", err
	}
	for range compareTries {
		if groups, unsure, why, err = d.Compare.Compare(ctx, spec, trees); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		err = inRange(groups, unsure, len(roots))
	}
	return groups, unsure, why, err
}

// inRange holds a comparer's answer against what it was asked.
func inRange(groups [][]int, unsure []int, n int) error {
	for _, i := range slices.Concat(append(groups, unsure)...) {
		if i < 0 || i >= n {
			return fmt.Errorf("aggregator: the comparer speaks of result %d of %d", i, n)
		}
	}
	return nil
}

// layOut writes the trees of some results to scratch space; remove, which is
// never nil, clears it.
func (d *Driver) layOut(ctx context.Context, roots []string) (trees []fs.FS, remove func(), err error) {
	dir, err := os.MkdirTemp(d.cfg.Dir, ".compare-")
	if err != nil {
		return nil, func() {}, err
	}
	remove = func() { os.RemoveAll(dir) }
	for i, root := range roots {
		dest := filepath.Join(dir, fmt.Sprint(i))
		if err := d.Content.Blobs().Export(ctx, root, dest, blob.Limits{}); err != nil {
			return nil, remove, fmt.Errorf("result %s: %w", root, err)
		}
		trees = append(trees, os.DirFS(dest))
	}
	return trees, remove, nil
}

// replayRests are the pauses between tries of a replay that found nobody.
var replayRests = [...]time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second}

// audit has a revealed result replayed by somebody who had no part in it.
func (d *Driver) audit(ctx context.Context, j job.Job, e job.Audit) (job.Event, error) {
	ev := job.Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: job.AnswerInconclusive}
	if d.Replay == nil {
		ev.Why, ev.Now = "nothing here replays answers", time.Now()
		return ev, nil
	}
	var err error
	for try := 0; ; try++ {
		if ev.Answer, ev.Why, ev.Score, err = d.replay(ctx, j, e); err == nil {
			ev.Evidence = []string{e.Root}
			break
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.Log.Info("replay an answer", "job", j.ID, "shard", e.Shard, "err", err)
		if try == len(replayRests) {
			ev.Answer, ev.Score, ev.Why = job.AnswerInconclusive, 0, "it could not be replayed: "+err.Error()
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(replayRests[try]):
		}
	}
	ev.Now = time.Now()
	return ev, nil
}

func (d *Driver) replay(ctx context.Context, j job.Job, e job.Audit) (answer, why string, score float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, compareFor)
	defer cancel()
	trees, remove, err := d.layOut(ctx, []string{e.Root})
	defer remove()
	if err != nil {
		return "", "", 0, err
	}
	answer, why, score, err = d.Replay.Replay(ctx, j, *j.Shards[e.Shard], trees[0], e.Not)
	if err == nil && !slices.Contains([]string{job.AnswerMatch, job.AnswerMismatch, job.AnswerInconclusive}, answer) {
		err = fmt.Errorf("aggregator: the replay answers %q", answer)
	}
	return answer, why, score, err
}
