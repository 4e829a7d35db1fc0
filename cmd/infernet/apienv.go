package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func apiEnvCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "print the environment that points other programs at this node",
		Long: `Print the variables that OpenAI's and Ollama's clients read, as a shell takes them. They
hold the token, which is a secret. They stay right when the node is started again, as long
as no other program takes its port.

On a machine with people you do not trust, keep the node running or rotate the token: while
it is off, any program may listen on its port and be sent the token.

Who reads it: ` + whoReads + `.`,
		Example: "  eval \"$(infernet api env)\"\n  python my-openai-program.py",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			base := "http://" + c.Addr()
			env := []struct{ name, value string }{
				{"OPENAI_BASE_URL", base + "/v1"},
				{"OPENAI_API_KEY", c.Token()},
				{"OLLAMA_HOST", base + api.PathPrefix + c.Token()},
			}
			doc := map[string]string{}
			for _, e := range env {
				doc[e.name] = e.value
			}
			return a.emit(doc, func() {
				for _, e := range env {
					if runtime.GOOS == "windows" {
						a.printf("set %s=%s", e.name, e.value)
						continue
					}
					a.printf("export %s='%s'", e.name, e.value)
				}
			})
		},
	}
}
