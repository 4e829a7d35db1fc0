package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/p2p/identity"
)

func reputationCmd(a *app) *cobra.Command {
	return group("reputation", "what this node's receipts say of others", &cobra.Command{
		Use: "show NPUB", Short: "show a node's score and what it rests on",
		Example: "  infernet reputation show npub1…",
		Args:    args(1, 1, "one NPUB"),
		RunE: func(cmd *cobra.Command, given []string) error {
			who, err := identity.ParsePubKey(given[0])
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			r, err := c.Reputation(cmd.Context(), who.String())
			if err != nil {
				return err
			}
			return a.emit(r, func() {
				a.printf("%s", r.NPub)
				a.printf("score %.3f from %d receipts (%d good, %d bad)", r.Score, r.Receipts, r.Good, r.Bad)
				if r.Explain != "" {
					a.printf("%s", r.Explain)
				}
			})
		},
	})
}
