package sim

import (
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
)

// run is one job under way at one client.
type run struct {
	c       *client
	j       job.Job
	answers map[[2]uint32]*answer
}

// Delays of a message and of a fetch.
const (
	hop       = 100 * time.Millisecond
	tickEvery = 2 * time.Second
)

// submit begins a job.
func (w *world) submit(c *client, shards int) error {
	r := &run{c: c, answers: map[[2]uint32]*answer{}}
	ev := job.Submit{ID: w.id(), Secret: w.id(), Spec: w.spec(shards), Image: job.Image{Digest: digest}, Now: w.now}
	for i := range shards {
		ev.Inputs = append(ev.Inputs, job.Input{CID: result(fmt.Sprintf("input/%s/%d", ev.ID, i)), Units: w.cfg.Units, Bytes: resultSize})
	}
	ev.Inputs = append(ev.Inputs, c.canaries(w, ev.Spec.Verify.Canaries(shards))...)
	for _, in := range c.canaries(w, c.probes(ev.Spec.Verify, shards)) {
		known := *in.Known
		known.Probe, in.Known = true, &known
		ev.Inputs = append(ev.Inputs, in)
	}
	w.tally.jobs++
	if err := w.step(r, ev); err != nil {
		return err
	}
	w.beat(r)
	return nil
}

// spec is what a client asks for, and the most that it pays.
func (w *world) spec(shards int) job.Spec {
	s := w.cfg.spec()
	s.Payment.Max = payments.Amount{Value: uint64(shards) * 8 * w.usualPrice(), Unit: payments.Credits}
	return s
}

// beat ticks until the job is over.
func (w *world) beat(r *run) {
	w.after(tickEvery, func() error {
		if r.j.State.Terminal() {
			return nil
		}
		w.beat(r)
		return w.step(r, job.Tick{Now: w.now})
	})
}

// step gives the real machine an event and carries out what it wants done. What
// the machine refuses is counted and dropped, as a node logs and drops it.
func (w *world) step(r *run, ev job.Event) error {
	was := r.j.State.Terminal()
	next, effects, err := job.Step(r.j, ev)
	if err != nil {
		var refused *job.TransitionError
		if errors.As(err, &refused) && r.j.State != job.StateNone {
			w.tally.refused++
			return nil
		}
		return err
	}
	r.j = next
	for _, e := range effects {
		w.perform(r, e)
	}
	if !was && r.j.State.Terminal() {
		w.ended(r)
	}
	return nil
}

// later gives the machine an event after a time, made when it is due.
func (w *world) later(r *run, d time.Duration, make func() job.Event) {
	w.after(d, func() error {
		ev := make()
		if ev == nil {
			return nil
		}
		return w.step(r, ev)
	})
}

func (w *world) perform(r *run, e job.Effect) {
	switch e := e.(type) {
	case job.Match:
		w.later(r, hop, func() job.Event { return w.match(r, e) })
	case job.Dispatch:
		w.dispatch(r, e)
	case job.RequestReveal:
		w.reveal(r, e)
	case job.Fetch:
		w.fetch(r, e)
	case job.Compare:
		w.later(r, hop, func() job.Event { return w.compare(r, e) })
	case job.Audit:
		w.later(r, usual, func() job.Event { return w.replay(r, e) })
	case job.Settle:
		w.later(r, hop, func() job.Event { return w.settle(r, e) })
	case job.Merge:
		w.later(r, hop, func() job.Event {
			return job.Merged{CID: result("merged/" + r.j.ID.String()), Size: resultSize, Now: w.now}
		})
	case job.Abort, job.Finish:
		w.later(r, hop, func() job.Event { return job.Acked{Key: e.Key(), Now: w.now} })
	}
}

// dispatch lets a provider take an attempt, compute and commit.
func (w *world) dispatch(r *run, e job.Dispatch) {
	p := w.byKey[e.Provider]
	if w.away(p) {
		w.fails(r, e.Shard, e.Attempt, job.CodeUnreachable, hop)
		return
	}
	if p.busy >= 2*p.slots {
		w.fails(r, e.Shard, e.Attempt, job.CodeRefused, hop)
		return
	}
	a := w.consider(r, p, e)
	r.answers[[2]uint32{e.Shard, e.Attempt}] = a
	p.busy++
	w.later(r, hop, func() job.Event {
		return job.Progressed{Shard: e.Shard, Attempt: e.Attempt, State: "running", Now: w.now}
	})
	w.after(hop+a.took, func() error {
		p.busy--
		p.player.cost += float64(a.cost) / 1000 * float64(w.usualPrice())
		p.player.shards++
		p.player.earn(w.day(), -float64(a.cost)/1000*float64(w.usualPrice()))
		if w.away(p) {
			return w.step(r, w.failed(e.Shard, e.Attempt, job.CodeUnreachable))
		}
		w.conspire(r, a, e)
		p.answered++
		err := w.step(r, job.Committed{
			Shard: e.Shard, Attempt: e.Attempt, Event: w.id(), C: a.commit(r.j.ID, e.Shard, e.Wire),
			Size: a.size, Units: e.Input.Units, Now: w.now,
		})
		w.drawn(r, a, e.Shard, e.Attempt)
		return err
	})
}

// failed is what a node tells its machine when a provider brings nothing.
func (w *world) failed(shard, attempt uint32, code string) job.Event {
	return job.AttemptFailed{Shard: shard, Attempt: attempt, Code: code, Fault: code != job.CodeRefused, Now: w.now}
}

func (w *world) fails(r *run, shard, attempt uint32, code string, after time.Duration) {
	w.later(r, after, func() job.Event { return w.failed(shard, attempt, code) })
}

// reveal opens a commit. A copied one cannot be opened by who copied it.
func (w *world) reveal(r *run, e job.RequestReveal) {
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	w.later(r, hop, func() job.Event {
		if w.away(a.p) {
			return w.failed(e.Shard, e.Attempt, job.CodeNoReveal)
		}
		return job.Revealed{Shard: e.Shard, Attempt: e.Attempt, Event: w.id(), Root: a.root, Size: a.size, Nonce: a.nonce, Now: w.now}
	})
}

// fetch brings a result to the client, which now has it, whatever it says of it.
func (w *world) fetch(r *run, e job.Fetch) {
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	w.later(r, hop, func() job.Event {
		if w.away(a.p) {
			return w.failed(e.Shard, e.Attempt, job.CodeNotFetched)
		}
		w.delivered(a)
		w.expect(r, a, e)
		if r.c.withholds(w) {
			w.tally.withheld++
			return w.failed(e.Shard, e.Attempt, job.CodeNotFetched)
		}
		return job.Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: e.Size, Now: w.now}
	})
}

// compare groups equal results, as the exact comparator does.
func (w *world) compare(r *run, e job.Compare) job.Event {
	ev := job.Compared{Shard: e.Shard, Now: w.now}
	group := map[string]int{}
	for i, n := range e.Attempts {
		g, ok := group[e.Roots[i]]
		if !ok {
			g = len(ev.Groups)
			group[e.Roots[i]] = g
			ev.Groups = append(ev.Groups, nil)
		}
		ev.Groups[g] = append(ev.Groups[g], n)
		if n != job.KnownAnswer {
			w.audited(r.answers[[2]uint32{e.Shard, n}])
		}
	}
	return ev
}

// replay computes a result through again at somebody else's, who is drawn among
// all that are there: one of a ring vouches for the others.
func (w *world) replay(r *run, e job.Audit) job.Event {
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	ev := job.Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: job.AnswerInconclusive, Now: w.now}
	for _, p := range w.sample(r, e.Not, false, 1) {
		w.audited(a)
		w.tally.replays++
		p.player.cost += replayCost / 1000 * float64(w.usualPrice())
		right := !a.wrong
		switch p.player.strategy {
		case Collude, Ring, Sybil:
			right = right || a.p.player.strategy == p.player.strategy
		case Lazy, Swapper:
			right = w.rng.Float64() < 0.5 // it does not look, or looks with another model
		}
		ev.Answer = job.AnswerMismatch
		if right {
			ev.Answer = job.AnswerMatch
		}
	}
	return ev
}

// replayCost is a replay's, in thousandths of the price.
const replayCost = 50.0
