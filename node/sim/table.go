package sim

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table is the report for people, a row for each strategy. Intervals are those
// of 95%.
func (r Report) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "strategy\tshards\twrong accepted\tdetected\tdelay\tfalse blame\toverhead\thonest income\tits income")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s\t%d\t%d (%s)\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Strategy, row.Shards,
			row.Accepted, percent(row.AcceptedShare), percent(row.Detected), number(row.Delay),
			percent(row.FalseBlame), percent(row.Overhead), number(row.HonestTotal), number(row.CheatTotal))
	}
	w.Flush()
	return b.String()
}

func percent(e Estimate) string {
	if e.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%% [%.2f, %.2f]", 100*e.Value, 100*e.Low, 100*e.High)
}

func number(e Estimate) string {
	if e.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f [%.1f, %.1f]", e.Value, e.Low, e.High)
}
