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
			if err := a.gone(ctx, client.Token()); err != nil {
				return err
			}
			return a.emit(map[string]bool{"stopped": true}, func() { a.printf("stopped") })
		},
	}
	c.Flags().DurationVar(&wait, "wait", wait, "how long to wait for the end")
	return c
}

// gone waits until the node that has this token has left.
func (a *app) gone(ctx context.Context, token string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := api.Dial(a.home)
		if errors.Is(err, api.ErrNotRunning) || err == nil && c.Token() != token {
			return nil
		}
		if err == nil {
			if _, err := c.Status(ctx); errors.Is(err, api.ErrNotRunning) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return failf(exitTimeout, "infernet status shows what it waits for", "the node has not stopped yet")
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}
