package main

import (
	"github.com/spf13/cobra"
)

func jobRunCmd(a *app) *cobra.Command {
	var aggregator, dest string
	c := &cobra.Command{
		Use: "run FILE", Short: "submit a job, show its progress, say where the result is",
		Long: `Check the job description (nothing is sent when it has a fault), submit it, show its
progress and print the outcome. The first Ctrl-C cancels the job and waits for its end;
the second leaves at once. FILE "-" reads stdin.`,
		Example: "  infernet job run job.yaml\n  infernet job run job.yaml --out answers.jsonl --json",
		Args:    args(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx := cmd.Context()
			req, err := a.readSpec(given[0])
			if err != nil {
				return err
			}
			req.Aggregator = aggregator
			out, err := a.destination(dest)
			if err != nil {
				return err
			}
			client, err := a.client(ctx)
			if err != nil {
				return err
			}
			j, err := client.Submit(ctx, req)
			if err != nil {
				return err
			}
			a.sayf("job %s submitted", j.ID)
			if j, err = a.toEnd(ctx, client, j.ID, allEvents, a.newProgress().event); err != nil {
				return err
			}
			return a.finish(ctx, j, out)
		},
	}
	c.Flags().StringVar(&aggregator, "aggregator", "", "npub of the node to hand the job to (default: as the description says)")
	c.Flags().StringVar(&dest, "out", "", "copy the result to this path, which must not exist")
	return c
}
