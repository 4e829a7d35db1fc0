package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// listContent is the list verb of a shelf.
func (a *app) listContent(kind api.ContentKind, example string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the " + string(kind) + " in this node's store",
		Example: example,
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.List(cmd.Context(), kind)
			if err != nil {
				return err
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, x := range all {
					rows = append(rows, []string{foreign(x.Name), x.CID, bytesText(x.Size), yesNo(x.Pinned), foreign(x.Path)})
				}
				a.table("NAME CID SIZE PINNED PATH", rows)
			})
		},
	}
}

// getContent is the get verb of a shelf.
func (a *app) getContent(kind api.ContentKind, example string) *cobra.Command {
	var req api.GetRequest
	c := &cobra.Command{
		Use: "get REF [DEST]", Short: "fetch content and copy it to a path that does not exist yet",
		Long:    "Fetch content by CID or name from whoever has it, check every byte against the CID,\nand copy it to DEST. Without DEST it stays in the store.",
		Example: example,
		Args:    args(1, 2, "a REF and perhaps a DEST"),
		RunE: func(cmd *cobra.Command, given []string) error {
			req.Ref = given[0]
			if len(given) == 2 {
				dest, err := a.destination(given[1])
				if err != nil {
					return err
				}
				req.Dest = dest
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := c.Get(cmd.Context(), kind, req)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s  %s", x.CID, bytesText(x.Size), x.Path) })
		},
	}
	c.Flags().StringArrayVar(&req.From, "from", nil, "npub of a node to ask (repeatable; default: whoever has it)")
	c.Flags().Uint64Var(&req.Max, "max-bytes", 0, "refuse more than this (0: the node's limit)")
	return c
}

// keepVerbs are pin, unpin and gc of a shelf.
func (a *app) keepVerbs(kind api.ContentKind, noun string) []*cobra.Command {
	pin := func(use, short string, pinned bool) *cobra.Command {
		return &cobra.Command{
			Use: use + " REF", Short: short,
			Example: "  infernet " + noun + " " + use + " REF",
			Args:    args(1, 1, "one REF"),
			RunE: func(cmd *cobra.Command, given []string) error {
				c, err := a.client(cmd.Context())
				if err != nil {
					return err
				}
				x, err := c.Pin(cmd.Context(), kind, given[0], pinned)
				if err != nil {
					return err
				}
				return a.emit(x, func() { a.printf("%s pinned: %s", x.CID, yesNo(x.Pinned)) })
			},
		}
	}
	dry := false
	gc := &cobra.Command{
		Use: "gc", Short: "remove what is not pinned and no job needs",
		Example: "  infernet " + noun + " gc --dry-run",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			r, err := c.GC(cmd.Context(), kind, api.GCRequest{DryRun: dry})
			if err != nil {
				return err
			}
			return a.emit(r, func() {
				for _, x := range r.Removed {
					a.printf("%s  %s  %s", x.CID, bytesText(x.Size), foreign(x.Name))
				}
				verb := "freed"
				if r.DryRun {
					verb = "would free"
				}
				a.printf("%s %s", verb, bytesText(r.Freed))
			})
		},
	}
	gc.Flags().BoolVar(&dry, "dry-run", false, "only tell what would go")
	return []*cobra.Command{
		pin("pin", "keep content at collection", true),
		pin("unpin", "no longer keep content at collection", false),
		gc,
	}
}

// addContent is the add verb of data.
func (a *app) addContent(kind api.ContentKind, example string) *cobra.Command {
	var req api.AddRequest
	c := &cobra.Command{
		Use: "add PATH", Short: "take a file into this node's store and print its CID",
		Example: example,
		Args:    args(1, 1, "one PATH"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.add(cmd, kind, given[0], req)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s  %s", x.CID, bytesText(x.Size), x.Path) })
		},
	}
	c.Flags().BoolVar(&req.Reference, "reference", false, "do not copy: the file must stay where and as it is")
	return c
}

// add makes the path absolute, looks that it is there, and asks the node.
func (a *app) add(cmd *cobra.Command, kind api.ContentKind, path string, req api.AddRequest) (api.Content, error) {
	abs, err := present(path)
	if err != nil {
		return api.Content{}, err
	}
	req.Path = abs
	c, err := a.client(cmd.Context())
	if err != nil {
		return api.Content{}, err
	}
	return c.Add(cmd.Context(), kind, req)
}
