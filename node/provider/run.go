package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// stopGrace is how long a task gets between being asked and being made to end.
const stopGrace = 2 * time.Second

// execute runs one attempt to its commit or its failure. A shutdown of the
// node leaves the attempt as it stands; it starts over with the next Run.
func (p *Provider) execute(ctx context.Context, l *live) {
	defer p.release()
	defer l.logs.close()
	rec, _ := l.snapshot()
	if rec.State.Terminal() { // cancelled while it waited
		return
	}
	actx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if acc, err := rec.accept(); err == nil {
		// Content that trickles in must not hold the slot for ever.
		late := time.AfterFunc(time.Until(time.Unix(acc.Deadline, 0)), func() {
			cancel(refuse(CodeTimeout, "the job's deadline has passed"))
		})
		defer late.Stop()
	}
	l.mu.Lock()
	l.stop = cancel
	l.mu.Unlock()

	err := p.work(actx, l, rec)
	switch {
	case err == nil:
		return
	case ctx.Err() != nil:
		p.Log.Info("attempt interrupted by shutdown", "job", rec.ID.Job, "shard", rec.ID.Shard)
		return
	}
	if cause := context.Cause(actx); cause != nil {
		err = cause
	}
	p.fail(l, err)
}

// fail ends an attempt with a reason.
func (p *Provider) fail(l *live, err error) {
	reason := asRefusal(err)
	rec, _ := l.snapshot()
	p.Log.Warn("attempt failed", "job", rec.ID.Job, "shard", rec.ID.Shard, "attempt", rec.ID.Attempt, "err", err)
	err = l.update(p.Store, func(r *record) error {
		if r.State.Terminal() {
			return errEnded
		}
		r.Fail, r.EndedMS = reason, time.Now().UnixMilli()
		r.State = Failed
		if reason.Code == CodeCancelled {
			r.State = Cancelled
		}
		return nil
	})
	if errors.Is(err, errEnded) {
		return
	}
	if err != nil {
		p.Log.Error("store a failed attempt", "err", err)
	}
	p.waive(rec, reason.Code)
}

// waive gives up the pay for an attempt, so that it no longer counts against
// the payer's credit.
func (p *Provider) waive(rec record, reason string) {
	due, err := rec.payment()
	if err == nil {
		err = p.Rail.Waive(context.Background(), due, reason)
	}
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		p.Log.Warn("waive a payment", "ref", rec.ID.ref(), "err", err)
	}
}

// work fetches, runs and commits.
func (p *Provider) work(ctx context.Context, l *live, rec record) error {
	acc, err := rec.accept()
	if err != nil {
		return err
	}
	dir := filepath.Join(p.cfg.Dir, taskID(rec.ID))
	defer os.RemoveAll(dir)
	task, err := p.prepare(ctx, dir, rec.ID, acc)
	if err != nil {
		return err
	}
	err = l.update(p.Store, func(r *record) error {
		if r.State.Terminal() { // cancelled as it began
			return errEnded
		}
		r.State, r.StartedMS = Running, time.Now().UnixMilli()
		return nil
	})
	if err != nil {
		return err
	}
	release, err := p.lendGPUs(ctx, &task, acc.GPUs)
	defer release() // after the container's removal: a card has one tenant
	if err != nil {
		return err
	}
	// The result is out of the container once the task has ended: the commit
	// does not wait for the removal, but the slot does.
	remove, err := p.runTask(ctx, l, task)
	defer remove()
	if err != nil {
		return err
	}
	if err := p.cfg.Cheat.tamper(task.Out); err != nil {
		return err
	}
	return p.commit(ctx, l, acc, task.Out)
}

// prepare brings image, model and input to this machine and lays out the task.
func (p *Provider) prepare(ctx context.Context, dir string, id attemptID, acc wire.Accept) (exec.Task, error) {
	if err := os.RemoveAll(dir); err != nil { // of an interrupted run
		return exec.Task{}, err
	}
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return exec.Task{}, err
	}
	sources := append([]pubKey{id.Aggregator}, acc.Sources...)
	var layout, model string
	err := p.fetching(ctx, "image", acc.ImageCID, func() (err error) {
		layout, err = p.Content.FetchImage(ctx, acc.ImageCID, acc.ImageBytes, sources...)
		return err
	})
	if err == nil && acc.ModelCID != "" {
		err = p.fetching(ctx, "model", acc.ModelCID, func() (err error) {
			model, err = p.Content.FetchFile(ctx, acc.ModelCID, acc.ModelBytes, sources...)
			return err
		})
	}
	if err == nil {
		err = p.fetching(ctx, "input", acc.InputCID, func() error {
			return p.Content.FetchTree(ctx, acc.InputCID, in, acc.InputBytes, sources...)
		})
	}
	if err != nil {
		return exec.Task{}, err
	}
	img := exec.Image{Digest: acc.Image, Layout: layout}
	if err := p.Runner.Prepare(ctx, img); err != nil {
		return exec.Task{}, refuse(CodeRefused, "image: %v", err)
	}
	return exec.Task{
		ID:    taskID(id),
		Image: img,
		Args:  acc.Args,
		Env:   taskEnv(id, acc),
		In:    in, Model: model, Out: out,
		Limits: exec.Limits{
			CPUMillis: acc.CPUMillis, MemoryBytes: acc.MemoryBytes, DiskBytes: acc.DiskBytes,
			PIDs: acc.PIDs, WallClock: time.Duration(acc.TimeoutMS) * time.Millisecond, LogBytes: maxLogs,
		},
		Labels: map[string]string{"job": id.Job.String()},
	}, nil
}

// taskID names the container and its folder: unique per attempt and aggregator,
// short enough for a cgroup path. Of the aggregator's key there is more than
// anyone can find another key for: job ids are public, and who made the same name
// would be in the way of the work.
func taskID(id attemptID) string {
	return fmt.Sprintf("%s-%d-%d-%s", id.Job.String()[:16], id.Shard, id.Attempt, id.Aggregator.Hex()[:24])
}

func taskEnv(id attemptID, acc wire.Accept) []string {
	env := []string{
		"INFERNET_JOB=" + id.Job.String(),
		fmt.Sprintf("INFERNET_SHARD=%d", id.Shard),
		fmt.Sprintf("INFERNET_SEED=%d", acc.Seed),
	}
	for _, kv := range acc.Env {
		env = append(env, kv[0]+"="+kv[1])
	}
	return env
}

// runTask runs the task in the sandbox; a context that ends stops it. What is
// left of the container is gone after remove, which is never nil.
func (p *Provider) runTask(ctx context.Context, l *live, task exec.Task) (remove func(), err error) {
	h, err := p.Runner.Start(ctx, task, exec.Streams{
		Stdout: l.logs.writer(stdout), Stderr: l.logs.writer(stderr),
	})
	if err != nil {
		return func() {}, refuse(CodeTask, "start: %v", err)
	}
	// The container is removed even when ctx has ended.
	remove = func() {
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		if err := h.Destroy(dctx); err != nil {
			p.Log.Error("remove container", "task", task.ID, "err", err)
		}
	}
	res, err := h.Wait(ctx)
	if err != nil {
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace+5*time.Second)
		defer cancel()
		return remove, errors.Join(refuse(CodeTask, "wait: %v", err), h.Stop(sctx, stopGrace))
	}
	switch res.Reason {
	case exec.ReasonOK:
		return remove, nil
	case exec.ReasonTimeout:
		return remove, refuse(CodeTimeout, "the task ran longer than %v", task.Limits.WallClock)
	default:
		text := fmt.Sprintf("%s: %s", res.Reason, res.Detail)
		if said := l.logs.tail(stderr, 300); said != "" {
			text += "; it said: " + said
		}
		return remove, refuse(CodeTask, "%s", text)
	}
}

// commit stores the result and binds this provider to it.
func (p *Provider) commit(ctx context.Context, l *live, acc wire.Accept, out string) error {
	info, err := p.Content.AddTree(ctx, out)
	if err != nil {
		return refuse(CodeResult, "store the result: %v", err)
	}
	var nonce wire.ID
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	rec, _ := l.snapshot()
	now := time.Now()
	doc := wire.Commit{
		Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt,
		C:     wire.CommitHash(acc.Job, acc.Shard, acc.Attempt, p.Key.PubKey(), info.CID, info.Size, nonce),
		Units: acc.Units, Size: info.Size,
		StartedMS: rec.StartedMS, EndedMS: now.UnixMilli(), Aggregator: rec.ID.Aggregator,
	}
	signed, err := wire.Seal(p.Key, doc, now)
	if err != nil {
		return err
	}
	return l.update(p.Store, func(r *record) error {
		if r.State.Terminal() {
			return errEnded
		}
		r.State, r.EndedMS = Committed, doc.EndedMS
		r.Root, r.Size, r.Nonce, r.Commit = info.CID, info.Size, nonce, &signed
		return nil
	})
}
