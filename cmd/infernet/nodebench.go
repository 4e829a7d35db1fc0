package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func nodeBenchCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "bench", Short: "measure the running provider and tell the result in its signed offer",
		Long: `Measure the provider that runs in this home: how fast all cores copy memory, and how many
tokens a second each served model makes, alone and in eight streams at once. The numbers
go into the node's signed offer, where clients read them, and stay until the next
measurement. What others ask for meanwhile makes the numbers smaller.`,
		Example: "  infernet node bench",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			found, err := c.Measure(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(found, func() {
				rows := make([][]string, 0, len(found))
				for _, m := range found {
					rows = append(rows, []string{foreign(m.Name), fmt.Sprintf("%.4g", m.Value), foreign(m.Unit)})
				}
				a.table("WHAT VALUE UNIT", rows)
			})
		},
	}
}
