package openai

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoJob says why a batch cannot run as a job.
type errNoJob struct{ why string }

// Error implements error.
func (e errNoJob) Error() string { return "cannot run as a job: " + e.why }

// work takes one batch from where it stands to its end. It returns nil without
// an end when the node stops: the next start goes on.
func (b *batches) work(ctx context.Context, id string, r *running) error {
	one, err := b.rec.get(id)
	if err != nil {
		return err
	}
	if one.ExpiresAt != nil {
		left := time.Unix(*one.ExpiresAt, 0).Sub(b.now())
		limited, done := context.WithTimeoutCause(ctx, max(left, 0), errExpired)
		defer done()
		ctx = limited
	}
	if one.Status == validating {
		if one, err = b.validate(one); err != nil || one.Status.ended() {
			return err
		}
	}
	after := completed
	switch one.Status {
	case finalizing:
		after = one.Infernet.After
	case cancelling:
		after = cancelled
		if one.Infernet.Job != "" && b.jobs != nil { // nobody watched it when it was asked for
			b.stopJob(ctx, one.Infernet.Job)
		}
	case inProgress:
		b.setTotal(r, one.RequestCounts.Total)
		err := b.answer(ctx, one, r)
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, errCancelled):
			after = cancelled
		case errors.Is(cause, errExpired):
			after = expired
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	case validating, completed, failing, expired, cancelled:
		return nil
	}
	return b.finish(one.ID, after)
}

func (b *batches) setTotal(r *running, total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.count = tally{Total: total}
}

// validate reads the whole input and decides how the batch runs.
func (b *batches) validate(one batch) (batch, error) {
	k, ok := kindOf(one.Endpoint)
	if !ok {
		return one, fmt.Errorf("endpoint %q", one.Endpoint)
	}
	p, err := check(b.files.path(one.InputFileID), k, b.cfg)
	if err != nil {
		return one, err
	}
	want := one.Metadata[metaPath]
	if p.noJob == "" && (b.jobs == nil || b.content == nil) {
		p.noJob = "this node runs no jobs"
	}
	if want == pathJob && p.noJob != "" && len(p.faults) == 0 {
		p.faults = append(p.faults, newFault("no_job", 0, "metadata", "%s", errNoJob{p.noJob}))
	}
	if len(p.faults) > 0 {
		if err := b.refuse(one.ID, p.faults); err != nil {
			return one, err
		}
		return b.rec.get(one.ID)
	}
	return b.rec.change(one.ID, func(one *batch) error {
		one.Model, one.RequestCounts = p.model, tally{Total: p.lines}
		one.Infernet.Path, one.Infernet.Note = pathRequests, p.noJob
		if p.noJob == "" && want != pathRequests {
			one.Infernet.Path = pathJob
		}
		if one.Status == validating { // not cancelled meanwhile
			one.Status, one.InProgressAt = inProgress, b.at()
		}
		return nil
	})
}

// answer runs a batch in its way; what cannot run as a job after all runs as
// requests, unless its owner forbade it.
func (b *batches) answer(ctx context.Context, one batch, r *running) error {
	if one.Infernet.Path != pathJob {
		return b.asRequests(ctx, one, r)
	}
	err := b.asJob(ctx, &one, r)
	var no errNoJob
	if !errors.As(err, &no) || one.Metadata[metaPath] == pathJob {
		return err
	}
	b.log.Info("batch runs as requests", "batch", one.ID, "why", no.why)
	one, err = b.rec.change(one.ID, func(one *batch) error {
		one.Infernet.Path, one.Infernet.Note, one.Infernet.Job = pathRequests, no.why, ""
		return nil
	})
	if err != nil {
		return err
	}
	return b.asRequests(ctx, one, r)
}

// finish makes files of what was answered and ends the batch. It may be
// called again after a crash.
func (b *batches) finish(id string, after status) error {
	res, err := b.open(id)
	if err != nil {
		return err
	}
	defer res.close()
	one, err := b.rec.change(id, func(one *batch) error {
		if one.Status != finalizing {
			one.Status, one.Infernet.After = finalizing, after
			one.FinalizingAt = b.at()
			one.RequestCounts.Completed, one.RequestCounts.Failed = res.good, res.bad
		}
		return nil
	})
	if err != nil {
		return err
	}
	if after == expired {
		before := res.bad
		if err := b.expireRest(one, res); err != nil {
			return err
		}
		one.RequestCounts.Failed += res.bad - before
	}
	out, bad, err := res.keep(b.files, one.ID)
	if err != nil {
		return err
	}
	counts := one.RequestCounts
	_, err = b.rec.change(id, func(one *batch) error {
		if out != "" {
			one.OutputFileID = &out
		}
		if bad != "" {
			one.ErrorFileID = &bad
		}
		one.Status, one.RequestCounts, one.Infernet.After = after, counts, ""
		switch after {
		case expired:
			one.ExpiredAt = b.at()
		case cancelled:
			one.CancelledAt = b.at()
		default:
			one.CompletedAt = b.at()
		}
		return nil
	})
	return err
}

// expireRest says of each line without an answer that time ran out.
func (b *batches) expireRest(one batch, res *results) error {
	return eachLine(b.files.path(one.InputFileID), b.cfg.MaxBody, func(number int, raw []byte) error {
		l, bad := parseLine(number, raw)
		if bad != nil || res.has(l.CustomID) {
			return nil
		}
		return res.write(outcome{CustomID: l.CustomID, Error: &outcomeError{"batch_expired", "this request could not be answered before the batch expired"}})
	})
}
