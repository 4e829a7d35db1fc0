package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// errand is a job that another drives, as this node follows it to its end.
//
// A wish to cancel is written down, told to the aggregator until it has written
// it down too, and then the job is waited for as before: what had been done by
// then is owed. Who waits for the job is not kept waiting by an aggregator that
// does not answer: after a while it is called cancelled here, and what is owed is
// settled when it is known.
type errand struct {
	a     *actor
	spec  string
	state errandState
	told  bool // the aggregator has the job, and has written down that it is cancelled
}

// errandState is what is kept of an errand beside the mirror of its job: that it
// was cancelled and is not settled.
type errandState struct {
	Cancelled bool   `json:"cancelled"`
	Reason    string `json:"reason,omitempty"`
}

const (
	// cancelPatience is how long the end of a job that was cancelled is waited for.
	cancelPatience = 5 * time.Second
	errandRest     = 2 * time.Second // between two tries
	tellWithin     = 10 * time.Second
)

// errNotThere means that the aggregator does not know the job, and will not.
var errNotThere = errors.New("aggregator: the job is not there")

const errands = "errand/"

func errandKey(id job.ID) []byte { return []byte(errands + id.String()) }

// save writes the state down.
func (e *errand) save() error {
	raw, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	return e.a.d.Store.Update(func(tx store.Txn) error { return tx.Set(errandKey(e.a.j.ID), raw) })
}

func (d *Driver) errandState(id job.ID) (s errandState, err error) {
	err = d.Store.View(func(r store.Reader) error {
		raw, err := r.Get(errandKey(id))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = json.Unmarshal(raw, &s)
		}
		return err
	})
	return s, err
}

// runHandover asks the aggregator until the job has ended there, and settles it
// here. It returns only when that is done or ctx has ended.
func (a *actor) runHandover(ctx context.Context, spec string) {
	state, err := a.d.errandState(a.j.ID)
	if err != nil {
		a.d.Log.Error("read what was handed over", "job", a.j.ID, "err", err)
		return
	}
	e := &errand{a: a, spec: spec, state: state}
	e.run(ctx)
}

// answered is how one conversation with the aggregator ended.
type answered struct {
	settled
	err error
}

// run is the one place from which the job changes.
func (e *errand) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	asked, heard, goes := make(chan answered, 1), make(chan error, 1), make(chan struct{}, 1)
	asking, telling := false, false
	next := time.NewTimer(0)
	defer next.Stop()
	patience := time.NewTimer(cancelPatience)
	defer patience.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-e.a.mailbox:
			if c, ok := m.ev.(job.CancelRequested); ok && e.wish(c.Reason) {
				patience.Reset(cancelPatience)
				next.Reset(0)
			}
		case <-patience.C:
			e.impatient()
		case <-goes:
			if s := e.a.job().State; s != job.StateRunning && !s.Terminal() {
				e.a.mirror(job.StateRunning, job.Reason{})
			}
		case <-next.C:
			switch {
			case e.state.Cancelled && !e.told:
				if !telling {
					telling = true
					e.a.wg.Go(func() { heard <- e.tell(ctx) })
				}
			case !asking:
				asking = true
				e.a.wg.Go(func() { asked <- e.ask(ctx, goes) })
			}
		case err := <-heard:
			telling = false
			if e.heard(err) {
				return
			}
			next.Reset(errandRest)
		case t := <-asked:
			asking = false
			if ctx.Err() != nil || e.asked(t) {
				return
			}
			next.Reset(errandRest)
		}
	}
}

// wish writes down that the job is to be cancelled.
func (e *errand) wish(reason string) bool {
	if e.state.Cancelled {
		return false
	}
	e.state.Cancelled, e.state.Reason = true, reason
	if err := e.save(); err != nil {
		e.a.d.Log.Error("store a wish to cancel", "job", e.a.j.ID, "err", err)
		e.state.Cancelled = false
		return false
	}
	return true
}

// impatient ends the waiting for a job that was cancelled; what is owed for it is
// found out all the same.
func (e *errand) impatient() {
	if !e.state.Cancelled || e.a.job().State.Terminal() {
		return
	}
	e.a.mirror(job.StateCancelled, job.Reason{
		Code: job.CodeCancelled, Text: e.state.Reason,
		Hint: "what had been done until the aggregator heard of it is paid when it says so",
	})
	e.a.feed.close(e.a.job())
}

// ask hands the job over once, or joins it.
func (e *errand) ask(ctx context.Context, goes chan<- struct{}) answered {
	wait, stop := context.WithDeadline(ctx, e.a.job().Deadline.Add(handoverGrace))
	defer stop()
	s, err := e.handoverOnce(ctx, wait, func() {
		select {
		case goes <- struct{}{}:
		default:
		}
	})
	return answered{s, err}
}

// asked takes an answer, and tells whether it was the last word.
func (e *errand) asked(t answered) bool {
	var refused *Refused
	late := time.Now().After(e.a.job().Deadline)
	unsure := errors.Is(t.err, errPayUnknown) // then only the rail's answer ends it
	no := errors.As(t.err, &refused) && !transient(refused.Code) || errors.Is(t.err, errProtocol)
	switch {
	case t.err == nil:
		e.settle(t.settled)
	case !unsure && e.state.Cancelled && (late || no):
		e.end(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: e.state.Reason, Hint: "nothing was charged"})
	case !unsure && (late || no):
		e.end(job.StateFailed, job.Reason{
			Code: codeAggregator, Text: "the aggregator did not do it: " + t.err.Error(),
			Hint: "nothing was charged; leave the aggregator out to drive the job from here",
		})
	default:
		e.a.d.Log.Info("aggregator not reached; trying again", "job", e.a.job().ID, "err", t.err)
		e.told = false // a cancelled job is not handed to one who has lost it
		return false
	}
	return true
}

// tell sends the wish to cancel once.
func (e *errand) tell(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, tellWithin)
	defer stop()
	d, j := e.a.d, e.a.job()
	signed, err := wire.Seal(d.Key, wire.Cancel{Job: j.ID, Shard: -1, Attempt: -1, Reason: wire.Printable(e.state.Reason)}, time.Now())
	if err != nil {
		return err
	}
	s, done, err := d.open(ctx, j.Spec.Aggregator)
	if err != nil {
		return err
	}
	defer done()
	answer, err := exchange(s, signed)
	var refused *Refused
	switch {
	case errors.As(err, &refused) && !transient(refused.Code), isEOF(err):
		return errNotThere // a provider says nothing, and one that is neither refuses
	case err != nil:
		return err
	case answer.Kind != wire.KindProgress:
		return fmt.Errorf("%w: kind %s", errProtocol, answer.Kind)
	}
	return nil
}

// heard takes the answer to a wish to cancel, and tells whether nothing is left
// to be waited for.
func (e *errand) heard(err error) bool {
	switch {
	case err == nil:
		e.told = true
		return false
	case errors.Is(err, errNotThere), time.Now().After(e.a.job().Deadline):
		e.end(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: e.state.Reason, Hint: "nothing was charged"})
		return true
	}
	e.a.d.Log.Info("the aggregator has not heard of a cancel; trying again", "job", e.a.job().ID, "err", err)
	return false
}

// settled is what became of a job at its aggregator: checked, and paid.
type settled struct {
	state  job.State
	why    string // the aggregator's words
	shards []*job.Shard
	spent  payments.Amount
	result job.Result
}

// settle writes down what the job came to.
func (e *errand) settle(s settled) {
	j := e.a.job()
	j.Shards, j.Spent, j.Result = s.shards, s.spent, s.result
	e.a.put(j)
	paid := "nothing was charged"
	if !s.spent.IsZero() {
		paid = fmt.Sprintf("%s were paid for what had been done", s.spent)
	}
	switch {
	case j.State == job.StateCancelled: // said already: only what was paid is news
		if s.state == job.StateDone {
			paid = fmt.Sprintf("the aggregator had done it before it heard of it: %s were paid, and the result is kept", s.spent)
		}
		e.end(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: e.state.Reason, Hint: paid})
	case s.state == job.StateDone:
		e.end(job.StateDone, job.Reason{})
	case s.state == job.StateCancelled && e.state.Cancelled:
		e.end(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: e.state.Reason, Hint: paid})
	case s.state == job.StateCancelled:
		e.end(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: "by the aggregator: " + s.why, Hint: paid})
	case s.state == job.StateExpired:
		e.end(job.StateExpired, job.Reason{Code: job.CodeTimeout, Text: s.why, Hint: paid})
	default:
		e.end(job.StateFailed, job.Reason{Code: codeAggregator, Text: s.why, Hint: paid})
	}
}

// end writes the last word down. The errand is forgotten after it: one that is
// cancelled and cut short here is taken up again, which changes nothing.
func (e *errand) end(s job.State, r job.Reason) {
	e.a.mirror(s, r)
	err := e.a.d.Store.Update(func(tx store.Txn) error { return tx.Delete(errandKey(e.a.j.ID)) })
	if err != nil {
		e.a.d.Log.Error("forget an errand", "job", e.a.j.ID, "err", err)
	}
}

// openErrands are the jobs that were cancelled here and may still cost something.
func (d *Driver) openErrands() (open map[job.ID]bool, err error) {
	err = d.Store.View(func(r store.Reader) error {
		open = map[job.ID]bool{}
		return r.Scan([]byte(errands), func(key, value []byte) error {
			var s errandState
			id, err := wire.ParseID(string(key[len(errands):]))
			if err == nil {
				err = json.Unmarshal(value, &s)
			}
			open[id] = s.Cancelled
			return err
		})
	})
	return open, err
}

// keepDelegated takes the receipts of a job that another drove into the book: what
// they say of their providers is told of this node's own work.
func (d *Driver) keepDelegated(aggregator identity.PubKey, receipts []wire.Countersigned) {
	for _, c := range receipts {
		if m, err := wire.Decode[wire.Receipt](c.Doc); err == nil && m.Verdict == wire.VerdictOK && c.By.ID.IsZero() {
			continue // praise that nobody but the aggregator signed
		}
		if _, err := d.Ledger.AddDelegated(c, aggregator); err != nil {
			d.Log.Debug("receipt of a job that was handed over not kept", "err", err)
		}
	}
}
