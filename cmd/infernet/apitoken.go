package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func apiCmd(a *app) *cobra.Command {
	c := group("api", "the local API", apiTokenCmd(a))
	c.Long = apiText
	return c
}

// apiText is the page of help on the API.
const apiText = `The local API serves everything that the verbs do, on loopback. HOME/api.json says where,
and holds the token. Paths, all under /api:

  GET  status            GET  peers              POST stop
  GET  jobs              POST jobs               GET  jobs/ID
  GET  jobs/ID/events    POST jobs/ID/cancel     GET  jobs/ID/explain
  POST jobs/ID/results   GET  jobs/ID/receipts
  GET  {data,models,images}          POST {data,models,images}
  POST {data,models,images}/{get,pin,unpin,gc}
  GET  providers         GET  reputation/NPUB
  GET  balance           GET  payments

Bodies and answers are JSON; events are one JSON document a line
(?follow=true&logs=true&after=SEQ). Failures are {"error":{"code","message","hint"}}.`

func apiTokenCmd(a *app) *cobra.Command {
	return &cobra.Command{
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
	}
}
