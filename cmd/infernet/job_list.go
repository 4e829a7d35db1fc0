package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func jobListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list jobs, newest first",
		Example: "  infernet job list --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			jobs, err := c.Jobs(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(jobs, func() {
				rows := make([][]string, 0, len(jobs))
				for _, j := range jobs {
					rows = append(rows, []string{shortID(j.ID), foreign(j.Name), foreign(j.State),
						fmt.Sprintf("%d/%d", j.Shards.OK, j.Shards.Total), human(j.Cost), ago(j.SubmittedAt)})
				}
				a.table("ID NAME STATE SHARDS COST AGE", rows)
			})
		},
	}
}
