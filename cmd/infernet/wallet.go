package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func walletCmd(a *app) *cobra.Command {
	return group("wallet", "this node's money", balanceCmd(a))
}

// balanceCmd stands under wallet and at the top.
func balanceCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "balance", Short: "show how this node stands with its peers",
		Example: "  infernet wallet balance --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			bs, err := c.Balances(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(bs, func() { a.showBalances(bs) })
		},
	}
}

func (a *app) showBalances(bs []api.Balance) {
	num := func(n uint64) string { return strconv.FormatUint(n, 10) }
	rows := make([][]string, 0, len(bs))
	for _, b := range bs {
		peer := "(all)"
		if b.Peer != "" {
			peer = short(b.Peer)
		}
		rows = append(rows, []string{foreign(b.Rail), peer, foreign(b.Unit), num(b.Paid), num(b.Received), num(b.Held), num(b.Unknown), num(b.Limit)})
	}
	a.table("RAIL PEER UNIT PAID RECEIVED HELD UNKNOWN LIMIT", rows)
}

func paymentsCmd(a *app) *cobra.Command {
	return group("payments", "the journal of payments", &cobra.Command{
		Use: "list", Short: "list payments, newest first",
		Example: "  infernet payments list --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			ps, err := c.Payments(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(ps, func() {
				rows := make([][]string, 0, len(ps))
				for _, p := range ps {
					rows = append(rows, []string{foreign(p.Ref), foreign(p.Direction), short(p.Peer), amountText(p.Amount), foreign(p.State)})
				}
				a.table("REF DIRECTION PEER AMOUNT STATE", rows)
			})
		},
	})
}
