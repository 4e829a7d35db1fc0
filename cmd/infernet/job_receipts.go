package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func jobReceiptsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "receipts ID", Short: "list a job's signed receipts",
		Example: "  infernet job receipts ID --json > receipts.json\n  infernet receipt verify receipts.json",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			rs, err := c.Receipts(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.emit(rs, func() { a.showReceipts(rs) })
		},
	}
}

func (a *app) showReceipts(rs []api.Receipt) {
	rows := make([][]string, 0, len(rs))
	for _, r := range rs {
		rows = append(rows, []string{shortID(r.ID), fmt.Sprintf("%d/%d", r.Shard, r.Attempt),
			short(r.Provider), amountText(r.Amount), foreign(r.Verdict), foreign(r.Label), foreign(r.Signed)})
	}
	a.table("ID SHARD PROVIDER PAID VERDICT LABEL SIGNED", rows)
}
