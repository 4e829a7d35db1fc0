package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func modelCmd(a *app) *cobra.Command {
	verbs := append([]*cobra.Command{
		a.addModel(),
		a.listModels(),
		a.showModel(),
		a.aliasModel(),
		a.removeModel(),
		a.getContent(api.Models, "  infernet model get demo"),
	}, a.keepVerbs(api.Models, "model")...)
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

func (a *app) aliasModel() *cobra.Command {
	return &cobra.Command{
		Use: "alias NEW NAME|CID", Short: "give a model one more name",
		Example: "  infernet model alias assistant llama",
		Args:    args(2, 2, "a NEW name and a NAME or CID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := c.Alias(cmd.Context(), api.Models, given[0], given[1])
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s", foreign(x.Name), x.CID) })
		},
	}
}

func (a *app) removeModel() *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "take a name away; a model without names goes at the next gc",
		Example: "  infernet model rm assistant",
		Args:    args(1, 1, "one NAME"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := c.Remove(cmd.Context(), api.Models, given[0])
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s no longer stands for %s", foreign(x.Name), x.CID) })
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
