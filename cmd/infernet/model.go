package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func modelCmd(a *app) *cobra.Command {
	s := shelf{kind: api.Models, noun: "model", one: "a model"}
	verbs := append([]*cobra.Command{
		a.addModel(),
		a.listModels(),
		a.showModel(),
		a.getContent(s, "get NAME|CID [DEST]", "  infernet model get demo ./demo.gguf\n  infernet model get bafy… --from npub1…"),
		a.exportContent(s, "  infernet model export demo ./demo.gguf"),
	}, a.keepVerbs(s)...)
	return group("model", "models by name and CID", verbs...)
}

// listModels is the list verb, with what models say of themselves.
func (a *app) listModels() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the models in this node's store",
		Example: "  infernet model list",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.List(cmd.Context(), api.Models)
			if err != nil {
				return err
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, x := range all {
					m := api.ModelHead{}
					if x.Model != nil {
						m = *x.Model
					}
					rows = append(rows, []string{
						foreign(x.Name), foreign(m.Architecture), foreign(m.Quantisation), bytesText(x.Size), numberText(m.Context), x.CID,
					})
				}
				a.table("NAME ARCHITECTURE QUANTISATION SIZE CONTEXT CID", rows)
			})
		},
	}
}

// isFile tells a path from a name or CID: what exists under that path, and is
// not a bare word that a name could be.
func isFile(ref string) bool {
	info, err := os.Stat(ref)
	if err != nil {
		return false
	}
	return strings.ContainsAny(ref, "/\\") || !info.IsDir() && strings.Contains(ref, ".")
}
