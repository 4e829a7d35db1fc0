package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func apiCmd(a *app) *cobra.Command {
	return group("api", "the local API", &cobra.Command{
		Use: "token", Short: "print the token of the local API",
		Long:    "Print the token that the local API asks for. It is a secret, and a new one each time\nthe node starts.",
		Example: `  curl -H "Authorization: Bearer $(infernet api token)" http://ADDR/api/status`,
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			f := api.File{Addr: c.Addr(), Token: c.Token(), PID: c.PID()}
			return a.emit(f, func() { a.printf("%s", c.Token()) })
		},
	})
}
