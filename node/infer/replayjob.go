package infer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// JobReplays replays the answers that a batch job's shards came to: lines of
// their results, as the batch engine writes them with --token-ids.
type JobReplays struct {
	// Replay is Router.ReplayAt.
	Replay func(ctx context.Context, model string, req openai.ReplayRequest, not []identity.PubKey) (openai.ReplayResponse, identity.PubKey, error)
	// Input opens a shard's input by its CID.
	Input func(ctx context.Context, cid string) (fs.FS, error)
	// Thresholds are those of a profile; the zero value stands for the defaults.
	Thresholds compare.Thresholds
	// Self is this node's key: its own engine's word needs no second one where
	// nobody else can be asked.
	Self identity.PubKey
}

// replayLines is how many lines of a shard are replayed: more tokens than a
// decision takes, in all but the shortest answers. Of what seems right leastLines
// are looked at all the same, as each line is a result of its own.
const (
	replayLines = 48
	leastLines  = 16
)

// ReplayJob replays lines of one shard's result, drawn at random, at somebody
// who is independent of not. What one auditor finds wrong is asked of a second,
// independent of the first: a mismatch is the word of two, or of the own engine
// where there is no second. The answer is one of compare's, the score the share
// of tokens that the model would have said. The error says that nobody could
// replay it, or that it could not be read here, which blames nobody.
func (j JobReplays) ReplayJob(ctx context.Context, of job.Job, shard job.Shard, result fs.FS, not []identity.PubKey) (answer, why string, score float64, err error) {
	if j.Thresholds == (compare.Thresholds{}) {
		j.Thresholds = apart()
	}
	if of.Model.CID == "" {
		return string(compare.Inconclusive), "the job has no model", 0, nil
	}
	most, why := batchArgs(of.Spec.Task.Args)
	if why != "" {
		return string(compare.Inconclusive), why, 0, nil
	}
	in, err := j.Input(ctx, shard.Input.CID)
	if err != nil {
		return "", "", 0, err
	}
	lines, err := batchLines(in, result, replayLines)
	var wrong errResult
	switch {
	case errors.As(err, &wrong): // no replay is needed to see it
		return string(compare.Mismatch), wrong.Error(), 0, nil
	case err != nil:
		return "", "", 0, err
	}
	first, err := j.pass(ctx, of.Model.CID, lines, most, not)
	if err != nil {
		return "", "", 0, err
	}
	if first.answer != compare.Mismatch {
		return string(first.answer), first.why, first.score, nil
	}
	second, err := j.pass(ctx, of.Model.CID, lines, most, slices.Concat(not, first.by))
	own := !j.Self.IsZero() && len(first.by) == 1 && first.by[0] == j.Self
	switch {
	case ctx.Err() != nil:
		return "", "", 0, context.Cause(ctx)
	case err != nil && own:
	case err != nil:
		return string(compare.Inconclusive), "one auditor found it wrong, and there was no second: " + first.why, first.score, nil
	case second.answer != compare.Mismatch:
		return string(compare.Inconclusive), "one auditor found it wrong, and a second did not: " + first.why, second.score, nil
	}
	return string(compare.Mismatch), first.why, first.score, nil
}

// passed is what one pass over the lines came to.
type passed struct {
	answer compare.Answer
	why    string
	score  float64
	by     []identity.PubKey
}

// pass replays lines until they decide.
func (j JobReplays) pass(ctx context.Context, model string, lines []batchLine, most int, not []identity.PubKey) (passed, error) {
	p := passed{answer: compare.Inconclusive, why: "too few tokens to tell"}
	test := newTrial(j.Thresholds, j.Thresholds)
	test.file = true
	bare := 0
	for i, l := range lines {
		c, ok := l.claim()
		if !ok {
			bare++
			continue
		}
		out, by, err := j.Replay(ctx, model, c.req, not)
		if _, own := final(err); l.ans.Error != "" && own {
			continue // it is too long there too
		}
		if err != nil {
			return p, err
		}
		if !slices.Contains(p.by, by) {
			p.by = append(p.by, by)
		}
		if l.ans.Error != "" {
			test.lie(fmt.Sprintf("line %.40s is refused, as %.80q, and can be answered", l.ask.ID, l.ans.Error))
		} else {
			c.early = l.ans.Cut && len(l.ans.IDs) < l.most(most) && out.Usage != nil && out.Usage.PromptTokens < leastContext
			if err := test.add(c, out, like{}); err != nil {
				return p, fmt.Errorf("%s: %w", by.Short(), err)
			}
		}
		answer, stats, why := test.decide()
		p.score = 1 - float64(stats.Flips)/float64(max(stats.Tokens, 1))
		if p.answer, p.why = answer, why; why == "" && answer != compare.Inconclusive {
			p.why = stats.Why()
		}
		if answer == compare.Mismatch || answer == compare.Match && i+1 >= leastLines {
			break
		}
	}
	if p.answer == compare.Inconclusive {
		p.why = "too few tokens to tell"
	}
	if bare > 0 && p.answer == compare.Inconclusive {
		p.why = "the answers do not tell their tokens: give the engine the argument --token-ids"
	}
	return p, nil
}

// leastContext is the least number of tokens that a model's context has.
const leastContext = 511
