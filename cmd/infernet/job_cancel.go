package main

import "github.com/spf13/cobra"

func jobCancelCmd(a *app) *cobra.Command {
	reason := "cancelled by its owner"
	c := &cobra.Command{
		Use: "cancel ID", Short: "cancel a job",
		Long:    "Ask for a job's end. Work that was verified before is still paid.",
		Example: "  infernet job cancel ID --reason 'wrong input'",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			client, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			j, err := client.Cancel(cmd.Context(), given[0], reason)
			if err != nil {
				return err
			}
			return a.emit(j, func() { a.printf("%s %s", shortID(j.ID), stateText(j)) })
		},
	}
	c.Flags().StringVar(&reason, "reason", reason, "what to write down")
	return c
}
