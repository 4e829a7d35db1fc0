package sim

import (
	"fmt"

	"infernet.tech/infernet/node/sim/plot"
)

// Plots draws the report: detection by shards delivered, income by strategy and
// by day, what was accepted wrongly, and what verification costs.
func (r Report) Plots() []Plot {
	note := fmt.Sprintf("%d providers, %d shards, mode %s, a share of %.0f%% plays",
		r.Config.Providers, r.Config.Shards, r.Config.mode(), 100*r.Config.Share)
	bars := note + "; whiskers are 95% intervals"
	plots := []Plot{
		r.bars("wrong-accepted", "Wrong results accepted", bars, plot.Axis{Label: "share of the shards with a result", Percent: true},
			side{"accepted", func(w Row) Estimate { return w.AcceptedShare }}),
		r.bars("false-blame", "Honest work blamed", bars, plot.Axis{Label: "share of the audits of right results", Percent: true},
			side{"blamed", func(w Row) Estimate { return w.FalseBlame }}),
		r.bars("overhead", "What verification costs", bars, plot.Axis{Label: "executions beyond one, for each shard", Percent: true},
			side{"executions", func(w Row) Estimate { return w.Overhead }}),
		r.bars("income", "Who earns what", bars, plot.Axis{Label: "income of a player over the whole time, credits"},
			side{"honest ones of that role", func(w Row) Estimate { return w.HonestTotal }},
			side{"the strategy's players", func(w Row) Estimate { return w.CheatTotal }}),
		r.detection(note),
	}
	for _, row := range r.Rows {
		if len(row.Curves.Cheat) > 1 {
			plots = append(plots, row.incomes(note))
		}
	}
	return plots
}

// side is one of the bars beside each other.
type side struct {
	name string
	of   func(Row) Estimate
}

func (r Report) bars(name, title, note string, axis plot.Axis, sides ...side) Plot {
	c := plot.Chart{Title: title, Note: note, Y: axis}
	for _, row := range r.Rows {
		for _, s := range sides {
			if e := s.of(row); e.N > 0 {
				c.Bars = append(c.Bars, plot.Bar{Name: string(row.Strategy), Group: s.name, Value: e.Value, Low: e.Low, High: e.High})
			}
		}
	}
	return Plot{Name: name, SVG: c.SVG()}
}

// detection has a line for each strategy whose players were caught.
func (r Report) detection(note string) Plot {
	c := plot.Chart{
		Title: "How soon cheaters are caught", Note: note,
		X: plot.Axis{Label: "shards delivered by each"},
		Y: plot.Axis{Label: "share caught (Kaplan and Meier)", Percent: true, Max: 1},
	}
	for _, row := range r.Rows {
		if len(row.Curves.Caught) > 1 {
			c.Lines = append(c.Lines, plot.Line{Name: string(row.Strategy), Points: steps(row.Curves.Caught)})
		}
	}
	return Plot{Name: "detection", SVG: c.SVG()}
}

// steps turns the points of a step function into its corners.
func steps(points []Point) (out []plot.Point) {
	for i, p := range points {
		if i > 0 {
			out = append(out, plot.Point{X: p.X, Y: points[i-1].Y})
		}
		out = append(out, plot.Point{X: p.X, Y: p.Y})
	}
	return out
}

// incomes are those of one world by day.
func (w Row) incomes(note string) Plot {
	c := plot.Chart{
		Title: fmt.Sprintf("Income with and without cheating: %s", w.Strategy), Note: note,
		X: plot.Axis{Label: "days"}, Y: plot.Axis{Label: "mean income so far, credits"},
		Lines: []plot.Line{
			{Name: w.honest(), Points: line(w.Curves.Honest)},
			{Name: string(w.Strategy), Points: line(w.Curves.Cheat)},
		},
	}
	return Plot{Name: "income-" + string(w.Strategy), SVG: c.SVG()}
}

// honest names those whom the players are compared with: their like.
func (w Row) honest() string {
	if w.Role == RoleValidator {
		return "honest validators"
	}
	return "honest providers"
}

func line(points []Point) (out []plot.Point) {
	for _, p := range points {
		out = append(out, plot.Point{X: p.X, Y: p.Y})
	}
	return out
}
