package sim

import (
	"math"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// tally counts what happened in a world.
type tally struct {
	jobs, done int
	shards     int // with a result, of jobs that are done
	runs       int // executions of them
	wrongRoots int // shards of them with a wrong result
	wrong      int // wrong results delivered
	refused    int // events the machine refused
	withheld   int
	replays    int
	unpaid     int          // results shown to cheating clients and never paid
	hands      float64      // among how many providers a job was dealt, summed over jobs
	byJob      [2][]float64 // wrong shards accepted, and shards, of each job
	found      []float64    // players caught, of each job
	lottery    Lottery
	wrongDraws Lottery
	overhead   []float64
	cost       []float64
}

// Lottery counts draws against the chance that each had: what the lottery should
// have chosen, and what it did.
type Lottery struct {
	Draws    int     `json:"draws"`
	Chosen   int     `json:"chosen"`
	Expected float64 `json:"expected"` // sum of the chances
	Var      float64 `json:"variance"` // of Chosen
}

func (l *Lottery) add(q float64, chosen bool) {
	l.Draws++
	l.Chosen += count(chosen)
	l.Expected += q
	l.Var += q * (1 - q)
}

func (l *Lottery) merge(o Lottery) {
	l.Draws, l.Chosen = l.Draws+o.Draws, l.Chosen+o.Chosen
	l.Expected, l.Var = l.Expected+o.Expected, l.Var+o.Var
}

// Sigmas is how many standard deviations Chosen is from what was expected; 0
// where there was no chance in it.
func (l Lottery) Sigmas() float64 {
	if l.Var == 0 {
		return 0
	}
	return (float64(l.Chosen) - l.Expected) / math.Sqrt(l.Var)
}

// drawn notes the lottery over a commit that has just come in. Not later: what is
// audited waits for another run, and some of those who wait are caught meanwhile.
func (w *world) drawn(r *run, a *answer, shard, attempt uint32) {
	at := r.j.Shards[shard].Attempts[attempt]
	if !at.Drawn || at.RatePPM == audit.All {
		return
	}
	q := float64(at.RatePPM) / audit.All
	w.tally.lottery.add(q, at.Audited)
	if a.wrong {
		w.tally.wrongDraws.add(q, at.Audited)
	}
}

// delivered notes that a result has reached its client.
func (w *world) delivered(a *answer) {
	pl := a.p.player
	if !pl.caught {
		pl.delivered++
	}
	if !a.wrong {
		pl.rightDone++
	} else {
		w.tally.wrong++
		pl.wrongs++
		pl.cheated = true
	}
}

// audited notes that a result was checked.
func (w *world) audited(a *answer) {
	if a != nil && !a.wrong && a.copied == (job.ID{}) {
		a.p.player.audits++
	}
}

// judged notes a verdict, and lets the provider hear it.
func (w *world) judged(r *run, p *provider, a *answer, e job.Settle) {
	if a == nil {
		return
	}
	lied := a.wrong || a.copied != (job.ID{})
	switch e.Verdict {
	case job.VerdictOK:
		p.right++
	case job.VerdictBad:
		if lied {
			w.catch(p)
		} else {
			p.player.blamed++
		}
	default:
		if lied && e.Reason.Code != job.CodeUnreachable {
			w.catch(p)
		}
	}
}

// catch is what follows for a provider that was told that it was wrong.
func (w *world) catch(p *provider) {
	p.caught, p.player.caught = true, true
	switch p.player.strategy {
	case OnOff:
		p.spree, p.right = 0, 0
		p.awayTill = w.now.Add(tenDays)
	case Whitewash:
		if !p.gone {
			p.gone = true
			if err := w.enter(p.player, p.judge); err != nil {
				w.fatal = err
			}
		}
	}
}

// ended counts a job that is over.
func (w *world) ended(r *run) {
	r.c.restore(r.j)
	if r.j.State != job.StateDone {
		return
	}
	w.tally.done++
	var runs, paid float64
	n, bad := 0.0, 0.0
	hands := map[identity.PubKey]float64{}
	for _, sh := range r.j.Shards {
		if sh.Input.Known == nil {
			n++
			w.tally.shards++
			r.c.learn(sh)
		}
		wrong := sh.Input.Known == nil && sh.Result != truth(sh.Input)
		if wrong {
			bad++
		}
		for _, at := range sh.Attempts {
			if at.Commit.Event != (job.ID{}) {
				runs++
				hands[at.Provider] += float64(count(at.N == 0))
			}
			if at.Paid {
				paid += float64(at.Amount.Value)
			}
			if a := r.answers[[2]uint32{sh.Index, at.N}]; wrong && a != nil && a.root == sh.Result && !a.p.player.caught {
				a.p.player.taken++
			}
		}
	}
	found := 0
	for _, s := range r.j.Providers {
		found += count(s.Caught && w.byKey[s.Provider].player.strategy == w.strategy)
	}
	w.tally.found = append(w.tally.found, float64(found))
	w.tally.runs += int(runs)
	w.tally.wrongRoots += int(bad)
	w.tally.hands += effective(hands)
	w.tally.byJob[0], w.tally.byJob[1] = append(w.tally.byJob[0], bad), append(w.tally.byJob[1], n)
	w.tally.overhead = append(w.tally.overhead, runs-n)
	w.tally.cost = append(w.tally.cost, paid/float64(w.usualPrice()))
}

// effective is how many providers with equal shares a job was as good as dealt
// among: one over the sum of the squares of their shares (Simpson 1949).
func effective(shares map[identity.PubKey]float64) float64 {
	sum, squares := 0.0, 0.0
	for _, n := range shares {
		sum, squares = sum+n, squares+n*n
	}
	return sum * sum / max(squares, 1)
}
