package main

import "github.com/spf13/cobra"

func jobSubmitCmd(a *app) *cobra.Command {
	var aggregator string
	c := &cobra.Command{
		Use: "submit FILE", Short: "submit a job and return at once",
		Example: "  infernet job submit job.yaml\n  infernet job wait ID",
		Args:    args(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			req, err := a.readSpec(given[0])
			if err != nil {
				return err
			}
			req.Aggregator = aggregator
			client, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			j, err := client.Submit(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.emit(j, func() { a.printf("%s", j.ID) })
		},
	}
	c.Flags().StringVar(&aggregator, "aggregator", "", "npub of the node to hand the job to")
	return c
}
