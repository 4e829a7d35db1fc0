package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func jobWaitCmd(a *app) *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{
		Use: "wait ID", Short: "wait for a job's end",
		Long:    "Wait for a job's end and print its final document. Ctrl-C leaves; the job goes on.",
		Example: "  infernet job wait ID --timeout 10m",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx := cmd.Context()
			client, err := a.client(ctx)
			if err != nil {
				return err
			}
			wait, cancel := ctx, context.CancelFunc(func() {})
			if limit > 0 {
				wait, cancel = context.WithTimeout(ctx, limit)
			}
			defer cancel()
			j, err := a.follow(wait, client, given[0], allEvents, a.newProgress().event)
			switch {
			case err == nil:
				return a.finish(ctx, j, "")
			case ctx.Err() != nil:
				return failf(exitInterrupted, "infernet job wait "+given[0], "left; the job goes on")
			case wait.Err() != nil:
				return failf(exitTimeout, "infernet job wait "+given[0], "not ended after %s; the job goes on", limit)
			}
			return err
		},
	}
	c.Flags().DurationVar(&limit, "timeout", 0, "leave after so long (0: never)")
	return c
}
