package main

import (
	"context"
	"fmt"
	"os"

	"infernet.tech/infernet/node/api"
)

// allEvents follows a job from its beginning, without the tasks' output.
var allEvents = api.EventQuery{Follow: true}

// destination checks an --out path before any work is paid for.
func (a *app) destination(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	abs, err := absolute(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(abs); err == nil {
		return "", failf(exitConflict, "nothing is ever overwritten: move it away or choose another path", "%s exists", abs)
	}
	return abs, nil
}

// finish prints a job's final document, exports its result when out is set,
// and returns what the exit code follows from.
func (a *app) finish(ctx context.Context, j api.Job, out string) error {
	if out != "" && j.State == api.JobDone {
		c, err := a.running(ctx)
		if err != nil {
			return err
		}
		r, err := c.Export(ctx, j.ID, out)
		if err != nil {
			return fmt.Errorf("job %s is done, but its result was not copied: %w", j.ID, err)
		}
		j.Result = r
	}
	if err := a.emit(j, func() { a.showJob(j) }); err != nil {
		return err
	}
	end := verdict(ctx, j)
	if end != nil {
		a.sayf("infernet: job %s %s", shortID(j.ID), stateText(j))
		a.sayf("hint: infernet job explain %s", j.ID)
	}
	return end
}
