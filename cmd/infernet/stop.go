package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func stopCmd(a *app) *cobra.Command {
	wait := 40 * time.Second
	c := &cobra.Command{
		Use: "stop", Short: "stop the node of this home",
		Long:    "Ask the node to stop and wait until it has. Jobs it carries go on when it starts again.",
		Example: "  infernet stop",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := api.Dial(a.home)
			if err != nil {
				return err
			}
			if err := client.Stop(cmd.Context()); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			if err := a.gone(ctx, client.Token(), client.PID()); err != nil {
				return err
			}
			return a.emit(map[string]bool{"stopped": true}, func() { a.printf("stopped") })
		},
	}
	c.Flags().DurationVar(&wait, "wait", wait, "how long to wait for the end")
	return c
}

// gone waits until the node that has this token has left: first its API, then
// its process, which may still be closing the database.
func (a *app) gone(ctx context.Context, token string, pid int) error {
	if err := poll(ctx, func() bool { return !a.answers(ctx, token) }); err != nil {
		return err
	}
	// A process that nobody waits for stays in the table: it is not worth more
	// than a moment.
	moment, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := poll(moment, func() bool { return !alive(pid) })
	if moment.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// answers says whether the node that has this token still serves its API.
func (a *app) answers(ctx context.Context, token string) bool {
	c, err := api.Dial(a.home)
	if err != nil {
		return !errors.Is(err, api.ErrNotRunning)
	}
	if c.Token() != token {
		return false
	}
	_, err = c.Status(ctx)
	return !errors.Is(err, api.ErrNotRunning)
}

// poll waits until ok.
func poll(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return failf(exitTimeout, "infernet status shows what it waits for", "the node has not stopped yet")
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
