package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func jobExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "tell why a job waits or failed",
		Long:    "Tell why a job waits or ended as it did: what happened, and for each provider that was\nnot used the first thing that did not fit and the smallest change that would have.",
		Example: "  infernet job explain ID",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			e, err := c.Explain(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.emit(e, func() { a.showExplanation(e) })
		},
	}
}

func (a *app) showExplanation(e api.Explanation) {
	a.printf("%s %s: %s", shortID(e.ID), foreign(e.State), words(e.Summary))
	if e.Hint != "" {
		a.printf("hint: %s", words(e.Hint))
	}
	for _, d := range e.Dropped {
		line := fmt.Sprintf("not used %s: %s", short(d.NPub), words(d.Reason))
		if d.Fix != "" {
			line += " (" + words(d.Fix) + ")"
		}
		a.printf("%s", line)
	}
	for _, n := range e.History {
		where := ""
		if n.Shard != nil {
			where = fmt.Sprintf(" shard %d", *n.Shard)
			if n.Attempt != nil {
				where += fmt.Sprintf("/%d", *n.Attempt)
			}
		}
		if n.Provider != "" {
			where += " " + short(n.Provider)
		}
		a.printf("%s%s %s", time.UnixMilli(n.AtMS).Format("15:04:05.000"), where, words(n.Text))
	}
}
