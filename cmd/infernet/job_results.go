package main

import (
	"path/filepath"

	"github.com/spf13/cobra"
)

func jobResultsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "results ID [DEST]", Short: "copy a job's result to a path that does not exist yet",
		Example: "  infernet job results ID answers.jsonl",
		Args:    args(1, 2, "an ID and perhaps a DEST"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			j, err := c.Job(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			dest := "result-" + shortID(j.ID)
			if len(given) == 2 {
				dest = given[1]
			}
			if dest, err = a.destination(filepath.Clean(dest)); err != nil {
				return err
			}
			r, err := c.Export(cmd.Context(), j.ID, dest)
			if err != nil {
				return err
			}
			return a.emit(r, func() { a.printf("%s", r.Path) })
		},
	}
}
