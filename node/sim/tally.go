package sim

import (
	"infernet.tech/infernet/node/job"
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
	unpaid     int // results shown to cheating clients and never paid
	overhead   []float64
	cost       []float64
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
	if r.j.State != job.StateDone {
		return
	}
	w.tally.done++
	var runs, paid float64
	n := 0.0
	for _, sh := range r.j.Shards {
		if sh.Input.Known == nil {
			n++
			w.tally.shards++
			r.c.learn(sh)
		}
		wrong := sh.Input.Known == nil && sh.Result != truth(sh.Input)
		if wrong {
			w.tally.wrongRoots++
		}
		for _, at := range sh.Attempts {
			if at.Commit.Event != (job.ID{}) {
				runs++
			}
			if at.Paid {
				paid += float64(at.Amount.Value)
			}
			if a := r.answers[[2]uint32{sh.Index, at.N}]; wrong && a != nil && a.root == sh.Result && !a.p.player.caught {
				a.p.player.taken++
			}
		}
	}
	w.tally.runs += int(runs)
	w.tally.overhead = append(w.tally.overhead, runs-n)
	w.tally.cost = append(w.tally.cost, paid/float64(w.usualPrice()))
}
