package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func leaseCmd(a *app) *cobra.Command {
	return group("lease", "what this node has with providers that serve models",
		&cobra.Command{
			Use: "list", Short: "list leases: tokens used, what they cost, what is paid",
			Long: `List the leases of this node with providers that serve models, the open ones and those
closed lately. Prices IN and OUT are per million tokens. SPENT is what the tokens counted
here cost; PAID follows it window by window, seconds after the last request.`,
			Example: "  infernet lease list",
			Args:    args(0, 0, ""),
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := a.client(cmd.Context())
				if err != nil {
					return err
				}
				all, err := c.Leases(cmd.Context())
				if err != nil {
					return err
				}
				return a.emit(all, func() { a.showLeases(all) })
			},
		},
		&cobra.Command{
			Use: "receipts ID", Short: "list the signed receipts of a lease's windows",
			Example: "  infernet lease receipts ID --json > receipts.json\n  infernet receipt verify receipts.json",
			Args:    args(1, 1, "one ID"),
			RunE: func(cmd *cobra.Command, given []string) error {
				c, err := a.client(cmd.Context())
				if err != nil {
					return err
				}
				rs, err := c.LeaseReceipts(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				return a.emit(rs, func() { a.showReceipts(rs) })
			},
		},
		leaseAuditsCmd(a), leaseEvidenceCmd(a))
}

// rateText writes two prices in one unit.
func rateText(in, out uint64, unit string) string {
	return inUnit(in, unit) + "/" + inUnit(out, unit)
}

func (a *app) showLeases(all []api.Lease) {
	rows := make([][]string, 0, len(all))
	for _, l := range all {
		rows = append(rows, []string{
			shortID(l.ID), foreign(l.State), short(l.Provider), shortID(l.Model), rateText(l.In, l.Out, l.Unit),
			strconv.FormatUint(l.Requests, 10), fmt.Sprintf("%d+%d", l.InTokens, l.OutTokens),
			inUnit(l.Spent, l.Unit), inUnit(l.Paid, l.Unit),
		})
	}
	a.table("ID STATE PROVIDER MODEL IN/OUT REQUESTS TOKENS SPENT PAID", rows)
	for _, l := range all {
		if l.Reason != "" {
			a.sayf("%s: %s", shortID(l.ID), words(l.Reason))
		}
	}
}
