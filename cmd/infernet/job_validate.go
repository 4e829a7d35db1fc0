package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/job"
)

func jobValidateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE", Short: "check a job description without sending anything",
		Long:    "Check a job description: keys, units, limits, and that its files are there. All faults\nare printed at once, with their lines; without any, how its results will be checked.\nNeeds no node. infernet help verification tells what the key verify can say.",
		Example: "  infernet job validate job.yaml",
		Args:    args(1, 1, "one FILE"),
		RunE: func(_ *cobra.Command, given []string) error {
			req, err := a.readSpec(given[0])
			if err != nil {
				return err
			}
			spec, err := job.ParseSpec([]byte(req.Spec), specName(given[0]))
			if err != nil {
				return err
			}
			how := verifyOf(spec.Verify)
			return a.emit(map[string]any{"valid": true, "file": given[0], "verify": how}, func() {
				a.printf("%s: ok", given[0])
				a.printf("checked  %s", verifyText(how))
			})
		},
	}
}
