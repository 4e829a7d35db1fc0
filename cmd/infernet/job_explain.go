package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
)

func jobExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "tell why a job waits or failed, and how its results were checked",
		Long: `Tell why a job waits or ended as it did: what happened, for each provider that was not used
the first thing that did not fit and the smallest change that would have, and how each
result was checked: the chance of an audit that was drawn for, what came of it, and whose
fault a failure was.`,
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
	if e.Verify != nil {
		a.printf("checked  %s", verifyText(*e.Verify))
	}
	a.showAttempts(e.Checked, e.Verify != nil && e.Verify.Mode == job.VerifyReplay)
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

// maxChecked is how many results are shown one by one.
const maxChecked = 60

// showAttempts tells how results were checked, those with a fault first.
func (a *app) showAttempts(all []api.Attempt, replay bool) {
	if len(all) == 0 {
		return
	}
	faulty := func(t api.Attempt) bool { return t.Blame != "" || t.Held }
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(x, y api.Attempt) int {
		switch {
		case faulty(x) == faulty(y):
			return 0
		case faulty(x):
			return -1
		}
		return 1
	})
	rows := make([][]string, 0, maxChecked)
	for _, t := range sorted[:min(len(sorted), maxChecked)] {
		rows = append(rows, []string{
			fmt.Sprintf("%d/%d", t.Shard, t.Attempt), short(t.Provider), foreign(t.State), unknownAs(t.Drawn || t.Rate > 0, percentText(t.Rate)),
			checkedText(t, replay), foreign(t.Verdict), foreign(t.Blame), foreign(t.Class), words(t.Reason),
		})
	}
	a.table("SHARD PROVIDER STATE CHANCE CHECKED VERDICT BLAME CLASS WHY", rows)
	if rest := len(all) - len(rows); rest > 0 {
		a.printf("and %d more: --json tells all", rest)
	}
}

// checkedText is what was done to check one result, in a word or two: that it
// was drawn for a check is not yet one.
func checkedText(t api.Attempt, replay bool) string {
	switch {
	case t.Known && t.Audits > 0:
		return "known-answer"
	case t.Audits > 0 && replay:
		return "replayed"
	case t.Audits > 0:
		return "compared"
	case t.Audited && t.Verdict == "":
		return "drawn"
	case t.Audited && t.Verdict == job.VerdictOK:
		return "undecided"
	case t.Audited:
		return "not-checked"
	case t.Held:
		return "held"
	case t.Drawn:
		return "not-drawn"
	}
	return "-"
}
