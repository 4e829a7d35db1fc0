package sim

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
)

// Table is the report for people: what was found out, and who earned what, a row
// for each strategy. In brackets are 95% intervals.
func (r Report) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "strategy\tshards\twrong accepted\tcheaters caught\twrong before\thonest blamed\textra runs")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s\t%d\t%d: %s\t%s\t%s\t%s\t%s\n", row.Strategy, row.Shards, row.Accepted, percent(row.AcceptedShare),
			percent(row.Detected), number(row.Delay), percent(row.FalseBlame), percent(row.Overhead))
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "strategy\tplayers\tjobs done\thonest earn\tplayers earn\tcost a shard\tnot paid")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s\t%d\t%d of %d\t%s\t%s\t%s\t%s\n", row.Strategy, row.Players, row.Done, row.Jobs,
			number(row.HonestTotal), number(row.CheatTotal), number(row.Cost), percent(row.Unpaid))
	}
	w.Flush()
	return b.String()
}

func percent(e Estimate) string {
	if e.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%s%% [%s, %s]", digits(100*e.Value), digits(100*e.Low), digits(100*e.High))
}

func number(e Estimate) string {
	if e.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%s [%s, %s]", digits(e.Value), digits(e.Low), digits(e.High))
}

// digits writes a number as exactly as a table needs it.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10 || a == 0:
		return fmt.Sprintf("%.1f", v+0)
	}
	return fmt.Sprintf("%.2f", v)
}
