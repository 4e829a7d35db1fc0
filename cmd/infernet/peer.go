package main

import "github.com/spf13/cobra"

func peerCmd(a *app) *cobra.Command {
	return group("peer", "nodes this one is connected to", &cobra.Command{
		Use: "list", Short: "list the connected nodes",
		Example: "  infernet peer list --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			peers, err := c.Peers(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(peers, func() {
				rows := make([][]string, 0, len(peers))
				for _, p := range peers {
					addr := "-"
					if len(p.Addrs) > 0 {
						addr = foreign(p.Addrs[0])
					}
					rows = append(rows, []string{short(p.NPub), foreign(p.Direction), yesNo(p.Limited), addr, foreign(p.Agent)})
				}
				a.table("NPUB DIRECTION RELAYED ADDRESS AGENT", rows)
			})
		},
	})
}
