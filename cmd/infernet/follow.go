package main

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/node/api"
)

// returnWait is how long a verb waits for a node that went away mid-job.
const returnWait = 60 * time.Second

// follow calls fn for a job's events until it ends. A node that is restarted
// on the way is waited for, and the stream goes on where it broke off.
func (a *app) follow(ctx context.Context, c *api.Client, id string, q api.EventQuery, fn func(api.Event) error) (api.Job, error) {
	for {
		j, err := c.Wait(ctx, id, q, func(ev api.Event) error {
			q.After = max(q.After, ev.Seq)
			return fn(ev)
		})
		if !errors.Is(err, api.ErrStreamCut) && !errors.Is(err, api.ErrNotRunning) {
			return j, err
		}
		a.sayf("the node went away; waiting for it to come back (the job is not lost)")
		next, back := a.comesBack(ctx)
		if back != nil {
			return j, failf(exitNotRunning, "start it: infernet node; then: infernet job wait "+id, "%s", err)
		}
		// What the tasks said before would come twice.
		c, q.Logs = next, false
	}
}

// comesBack waits for a node of this home to answer again.
func (a *app) comesBack(ctx context.Context) (*api.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, returnWait)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		if c, err := a.running(ctx); err == nil {
			return c, nil
		}
	}
}

// toEnd follows a job that belongs to this verb: the first signal cancels the
// job and goes on waiting for its end.
func (a *app) toEnd(ctx context.Context, c *api.Client, id string, q api.EventQuery, fn func(api.Event) error) (api.Job, error) {
	work, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	asked := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(asked)
		a.sayf("interrupted: cancelling job %s (press again to leave at once)", id)
		limit, cancel := context.WithTimeout(work, 10*time.Second)
		defer cancel()
		// The node may have been restarted since: ask the one of now.
		if now, err := a.running(limit); err == nil {
			c = now
		}
		if _, err := c.Cancel(limit, id, "interrupted by its owner"); err != nil && work.Err() == nil {
			a.sayf("cannot cancel: %s; try: infernet job cancel %s", words(err.Error()), id)
			leave()
			return
		}
		// A job that does not end is the node's to finish.
		time.AfterFunc(30*time.Second, leave)
	})
	j, err := a.follow(work, c, id, q, fn)
	if !unhook() {
		leave()
		<-asked
		if err != nil {
			return j, failf(exitInterrupted, "infernet job get "+id, "interrupted")
		}
	}
	return j, err
}

// verdict is the exit code of a job's end; nil when it is done.
func verdict(ctx context.Context, j api.Job) error {
	switch {
	case j.State == api.JobDone:
		return nil
	case ctx.Err() != nil:
		return told{exitInterrupted}
	case j.Code != "":
		return told{exitOfCode(j.Code)}
	}
	return told{exitJobFailed}
}
