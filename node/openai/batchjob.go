package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"infernet.tech/infernet/node/api"
)

// jobShard is how many lines of a batch make one shard of its job.
const jobShard = 16

// asJob runs a batch as a job of the network. errNoJob says that it cannot.
func (b *batches) asJob(ctx context.Context, one *batch, r *running) error {
	j, err := b.jobOf(ctx, one)
	if err != nil {
		return err
	}
	j, err = b.watch(ctx, j, r)
	if err != nil {
		b.stopJob(ctx, j.ID)
		return err
	}
	if j.State != api.JobDone {
		if j.Code == api.CodeNoProvider {
			return errNoJob{short(j.Reason)}
		}
		return fmt.Errorf("job %s: %s: %s", j.ID, j.State, j.Reason)
	}
	if _, err := b.rec.change(one.ID, func(one *batch) error { one.Infernet.Label = j.Label; return nil }); err != nil {
		return err
	}
	return b.collect(*one, j, r)
}

// stopJob cancels a job whose batch will not wait for it. A node that stops
// leaves it alone: the next start goes on.
func (b *batches) stopJob(ctx context.Context, id string) {
	cause := context.Cause(ctx)
	if ctx.Err() != nil && !errors.Is(cause, errCancelled) && !errors.Is(cause, errExpired) {
		return
	}
	limit, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	err := b.ready(limit)
	if err == nil {
		_, err = b.jobs.Cancel(limit, id, "the batch does not wait for it")
	}
	if err != nil {
		b.log.Warn("job of a batch was not cancelled", "job", id, "error", err)
	}
}

// jobOf finds the job of a batch, or submits it. The name tells a job that was
// submitted before a crash and not written down.
func (b *batches) jobOf(ctx context.Context, one *batch) (api.Job, error) {
	if err := b.ready(ctx); err != nil {
		return api.Job{}, err
	}
	if one.Infernet.Job != "" {
		return b.jobs.Get(ctx, one.Infernet.Job)
	}
	all, err := b.jobs.List(ctx)
	if err != nil {
		return api.Job{}, err
	}
	for _, j := range all {
		if j.Name == one.ID {
			return j, b.wrote(one, j)
		}
	}
	j, err := b.submit(ctx, *one)
	if err != nil {
		return j, err
	}
	return j, b.wrote(one, j)
}

func (b *batches) wrote(one *batch, j api.Job) error {
	next, err := b.rec.change(one.ID, func(one *batch) error { one.Infernet.Job = j.ID; return nil })
	*one = next
	return err
}

// ready waits until the node takes jobs.
func (b *batches) ready(ctx context.Context) error {
	tick := time.NewTicker(b.cfg.Poll)
	defer tick.Stop()
	for {
		_, err := b.jobs.List(ctx)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeNotReady {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// submit writes the input as the batch engine reads it and submits the job.
func (b *batches) submit(ctx context.Context, one batch) (api.Job, error) {
	path := b.files.path(unfinished + one.ID)
	defer func() { _ = os.Remove(path) }()
	if err := b.jobInput(path, one); err != nil {
		return api.Job{}, err
	}
	in, err := b.content.Add(ctx, api.Data, api.AddRequest{Path: path})
	if err != nil {
		return api.Job{}, err
	}
	spec, err := json.Marshal(map[string]any{
		"name": one.ID, "kind": "batch",
		"task":   map[string]any{"image": b.cfg.BatchImage},
		"model":  one.Model,
		"inputs": []any{map[string]any{"cid": in.CID}},
		"split":  map[string]any{"by": "lines", "size": jobShard}, "merge": map[string]any{"by": "concat"},
		"verify":   map[string]any{"mode": "none"},
		"payment":  map[string]any{"rail": "credit", "max": b.cfg.BatchPrice},
		"timeouts": map[string]any{"shard": "1h", "job": b.cfg.Window.String()},
	})
	if err != nil {
		return api.Job{}, err
	}
	j, err := b.jobs.Submit(ctx, api.SubmitRequest{Spec: string(spec)})
	if err != nil && ctx.Err() == nil {
		return j, errNoJob{short(err.Error())}
	}
	return j, err
}

func (b *batches) jobInput(path string, one batch) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	err = eachLine(b.files.path(one.InputFileID), b.cfg.MaxBody, func(number int, raw []byte) error {
		l, bad := parseLine(number, raw)
		if bad != nil {
			return errors.New(bad.Message)
		}
		conv, why := jobLine(l)
		if why != "" {
			return errNoJob{fmt.Sprintf("line %d: %s", number, why)}
		}
		_, err := out.Write(append(conv, '\n'))
		return err
	})
	return errors.Join(err, out.Flush(), f.Close())
}

// watch waits for a job's end. One that nobody has begun after
// Config.Patience is given up with errNoJob.
func (b *batches) watch(ctx context.Context, j api.Job, r *running) (api.Job, error) {
	tick := time.NewTicker(b.cfg.Poll)
	defer tick.Stop()
	begun, id, since := false, j.ID, time.Now()
	for {
		next, err := b.jobs.Get(ctx, id)
		if err != nil {
			return api.Job{ID: id}, err
		}
		j = next
		b.mu.Lock()
		r.count.Completed = min(j.Shards.OK*jobShard, r.count.Total)
		b.mu.Unlock()
		begun = begun || j.Shards.OK > 0 || j.Shards.Running > 0
		switch {
		case j.Terminal():
			return j, nil
		case !begun && time.Since(since) > b.cfg.Patience:
			return j, errNoJob{"no provider took it: " + short(j.Reason)}
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-tick.C:
		}
	}
}
