package sim

import (
	"slices"
	"time"
)

const tenDays = 10 * 24 * time.Hour

// row turns what was counted into numbers with intervals.
func (w *world) row() Row {
	a, _ := about(w.strategy)
	t := w.tally
	out := Row{
		Strategy: w.strategy, Role: a.Role, Jobs: t.jobs, Done: t.done, Shards: t.shards,
		Lottery: t.lottery, WrongDraws: t.wrongDraws,
		Wrong: t.wrong, Accepted: t.wrongRoots, AcceptedShare: Proportion(t.wrongRoots, t.shards),
	}
	// What one job accepts hangs together: jobs are drawn again, not shards. Where
	// nothing was accepted there is nothing to draw.
	if t.wrongRoots > 0 && t.done > 5 {
		out.AcceptedShare = Ratio(t.byJob[0], t.byJob[1], w.cfg.Seed)
	}
	if t.done > 0 {
		out.Hands = t.hands / float64(t.done)
	}
	shards := make([]float64, len(t.overhead))
	for i := range shards {
		shards[i] = float64(t.shards) / float64(len(shards))
	}
	out.Overhead = Ratio(t.overhead, shards, w.cfg.Seed)
	out.Cost = Ratio(t.cost, shards, w.cfg.Seed)
	w.ofPlayers(&out)
	return out
}

// ofPlayers fills in what is counted by player.
func (w *world) ofPlayers(out *Row) {
	out.Players = w.playing()
	var cheated, caught, audits, blamed, right, paid int
	var delays []float64
	var income, shards, total [2][]float64 // of the honest and of the players
	for _, p := range w.players {
		side := 0
		if p.strategy != Honest && p.strategy != w.strategy {
			continue // what the players decide about
		}
		if p.strategy != Honest {
			side = 1
			if p.cheated {
				cheated++
			}
			if p.cheated && p.caught {
				caught++
				delays = append(delays, float64(p.taken))
			}
		} else {
			right, paid = right+p.rightDone, paid+p.rightPaid
		}
		if p.strategy == Honest || p.strategy == Slander {
			audits, blamed = audits+p.audits, blamed+p.blamed
		}
		if !w.compared(p) {
			continue
		}
		total[side] = append(total[side], p.income())
		if p.shards > 0 {
			income[side], shards[side] = append(income[side], p.income()), append(shards[side], p.shards)
		}
	}
	out.Detected = Proportion(caught, cheated)
	out.Delay = Mean(delays, w.cfg.Seed)
	out.FalseBlame = Proportion(blamed, audits)
	out.Unpaid = Proportion(right-paid, right)
	out.HonestIncome, out.CheatIncome = Ratio(income[0], shards[0], w.cfg.Seed), Ratio(income[1], shards[1], w.cfg.Seed)
	out.HonestTotal, out.CheatTotal = Mean(total[0], w.cfg.Seed), Mean(total[1], w.cfg.Seed)
	out.Curves = w.curves()
}

// compared reports whether the income of a player is told: of providers, or of
// validators where these play. The ones are paid by the shard, the others flat.
func (w *world) compared(p *player) bool {
	a, _ := about(w.strategy)
	if p.strategy != Honest && p.strategy != w.strategy || p.providers[0].trusted != nil {
		return false
	}
	return p.providers[0].judge == (a.Role == RoleValidator)
}

// curves are cumulated by day, and by shards delivered.
func (w *world) curves() Curves {
	var c Curves
	days := 0
	for _, p := range w.players {
		days = max(days, len(p.byDay))
	}
	c.Honest, c.Cheat = []Point{{0, 0}}, []Point{{0, 0}}
	var sum [2]float64
	for d := range days {
		var n [2]float64
		for _, p := range w.players {
			if !w.compared(p) {
				continue
			}
			side := count(p.strategy != Honest)
			n[side]++
			if d < len(p.byDay) {
				sum[side] += p.byDay[d]
			}
		}
		c.Honest = append(c.Honest, Point{float64(d + 1), sum[0] / max(n[0], 1)})
		if n[1] > 0 {
			c.Cheat = append(c.Cheat, Point{float64(d + 1), sum[1] / n[1]})
		}
	}
	if len(c.Cheat) == 1 {
		c.Cheat = nil // nobody plays
	}
	c.Caught = w.caughtBy()
	return c
}

// caughtBy is the share of cheaters caught once each had delivered so many
// shards, by the estimate of Kaplan and Meier: those not caught yet count for as
// long as they were seen.
func (w *world) caughtBy() []Point {
	type seen struct {
		at     int
		caught bool
	}
	var all []seen
	for _, p := range w.players {
		if p.cheated && p.strategy == w.strategy {
			all = append(all, seen{p.delivered, p.caught})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b seen) int { return a.at - b.at })
	free, points := 1.0, []Point{{0, 0}}
	for i := 0; i < len(all); {
		at, caught, left := all[i].at, 0, len(all)-i
		for ; i < len(all) && all[i].at == at; i++ {
			caught += count(all[i].caught)
		}
		free *= 1 - float64(caught)/float64(left)
		points = append(points, Point{float64(at), 1 - free})
	}
	return points
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// playing counts who plays the strategy, clients included.
func (w *world) playing() (n int) {
	for _, p := range w.players {
		n += count(p.strategy != Honest && p.strategy == w.strategy)
	}
	for _, c := range w.clients {
		n += count(c.strategy != Honest)
	}
	return n
}
