package aggregator

import (
	"context"
	"fmt"
	"log/slog"

	"infernet.tech/infernet/node/job"
)

// perform carries out one effect and returns the event that answers it. An
// error is a fault of this node; the effect is tried again.
func (d *Driver) perform(ctx context.Context, a *actor, j job.Job, e job.Effect) (job.Event, error) {
	switch e := e.(type) {
	case job.Match:
		return d.match(ctx, j, e)
	case job.Dispatch:
		return d.dispatch(ctx, a, j, e)
	case job.RequestReveal:
		return d.requestReveal(ctx, j, e)
	case job.Fetch:
		return d.fetch(ctx, j, e)
	case job.Compare:
		return d.compare(ctx, j, e)
	case job.Audit:
		return d.audit(ctx, j, e)
	case job.Settle:
		return d.settle(ctx, j, e)
	case job.Abort:
		return d.abort(ctx, j, e)
	case job.Merge:
		return d.merge(ctx, j, e)
	case job.Finish:
		return d.finish(ctx, j, e)
	}
	return nil, fmt.Errorf("aggregator: unknown effect %T", e)
}

// logTransitions writes one line for each transition of a step.
func logTransitions(log *slog.Logger, before, after job.Job) {
	for _, t := range newTransitions(before, after) {
		log.Info("transition", "job", after.ID.String()[:12], "subject", t.Subject, "from", t.From, "to", t.To, "why", t.Why)
	}
}

// newTransitions returns what the second log has and the first had not. The
// log is bounded, so the common part is found from the first's last line.
func newTransitions(before, after job.Job) []job.Transition {
	if len(before.Log) == 0 {
		return after.Log
	}
	last := before.Log[len(before.Log)-1]
	for i := len(after.Log) - 1; i >= 0; i-- {
		if after.Log[i] == last {
			return after.Log[i+1:]
		}
	}
	return after.Log
}
