package main

import "github.com/spf13/cobra"

func jobGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "show one job as it is now",
		Example: "  infernet job get ID --json",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			j, err := c.Job(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.emit(j, func() { a.showJob(j) })
		},
	}
}
