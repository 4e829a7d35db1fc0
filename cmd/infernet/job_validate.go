package main

import "github.com/spf13/cobra"

func jobValidateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE", Short: "check a job description without sending anything",
		Long:    "Check a job description: keys, units, limits, and that its files are there. All faults\nare printed at once, with their lines. Needs no node.",
		Example: "  infernet job validate job.yaml",
		Args:    args(1, 1, "one FILE"),
		RunE: func(_ *cobra.Command, given []string) error {
			if _, err := a.readSpec(given[0]); err != nil {
				return err
			}
			return a.emit(map[string]any{"valid": true, "file": given[0]}, func() { a.printf("%s: ok", given[0]) })
		},
	}
}
