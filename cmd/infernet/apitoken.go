package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func apiCmd(a *app) *cobra.Command {
	c := group("api", "the local API", apiTokenCmd(a), apiEnvCmd(a))
	c.Long = apiText
	return c
}

// apiText is the page of help on the API.
const apiText = `The local API serves everything that the verbs do, on loopback. HOME/api.json says where,
and holds the token; both stay the same when the node is started again, unless another
program has taken the port. Paths, all under /api:

  GET  status            GET  peers              POST stop
  GET  jobs              POST jobs               GET  jobs/ID
  GET  jobs/ID/events    POST jobs/ID/cancel     GET  jobs/ID/explain
  POST jobs/ID/results   GET  jobs/ID/receipts
  GET  {data,models,images}          POST {data,models,images}
  POST {data,models,images}/{get,pin,unpin,gc}
  POST {models,images}/{alias,rm}
  GET  models/show?ref=NAME&template=true
  GET  providers         GET  reputation/NPUB    GET  leases
  GET  leases/ID/receipts  POST bench
  GET  balance           GET  payments           POST token/rotate

Bodies and answers are JSON; events are one JSON document a line
(?follow=true&logs=true&after=SEQ). Failures are {"error":{"code","message","hint"}}.

Programs made for OpenAI find its API below /v1 (chat/completions, completions, embeddings,
models, files, batches); the token is their key. Programs made for Ollama find its API at
the address that infernet api env prints, which carries the token. infernet api env sets
both up. Requests may say X-Infernet-Session, X-Infernet-Max-Price-In and -Out (per million
tokens, in credits, msat or uusdc as the node pays); answers say X-Infernet-Provider, -Lease,
-Price and -Verified.

Who reads it: ` + whoReads + `.`

func apiTokenCmd(a *app) *cobra.Command {
	var rotate bool
	c := &cobra.Command{
		Use: "token", Short: "print the token of the local API",
		Long:    "Print the token that the local API asks for. It is a secret and stays the same until it\nis rotated; then every program that was given the old one must be given the new one.",
		Example: `  curl -H "Authorization: Bearer $(infernet api token)" http://ADDR/api/status`,
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.running(cmd.Context())
			var f api.File
			switch {
			case err == nil && rotate:
				f, err = c.RotateToken(cmd.Context())
			case err == nil:
				f = api.File{Addr: c.Addr(), Token: c.Token(), PID: c.PID()}
			case rotate && (errors.Is(err, api.ErrNotRunning) || errors.Is(err, api.ErrReadableByOthers)):
				f, err = a.rotateAlone(err)
			}
			if err != nil {
				return err
			}
			return a.emit(f, func() { a.printf("%s", f.Token) })
		},
	}
	c.Flags().BoolVar(&rotate, "rotate", false, "make a new token; the old one is refused from then on")
	return c
}

// rotateAlone makes a new token for a home whose node cannot be asked.
func (a *app) rotateAlone(why error) (api.File, error) {
	if _, err := os.Stat(a.home); err != nil {
		return api.File{}, why
	}
	token, err := api.RotateToken(a.home)
	if errors.Is(why, api.ErrReadableByOthers) {
		a.sayf("a node that runs now goes on with the old token: start it again")
	}
	return api.File{Token: token}, err
}
