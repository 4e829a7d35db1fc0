package aggregator

import (
	"context"
	"errors"
	"sync"
	"time"

	"infernet.tech/infernet/node/job"
)

// retryEffect is how long an effect rests that failed by a fault of this node.
const retryEffect = time.Second

// mail is an event for a job, and the effect that it answers, if any.
type mail struct {
	ev     job.Event
	answer string // key of the effect that has run to its end
}

// running is an effect under way, or one that has answered and waits for the
// machine to want it again.
type running struct {
	cancel context.CancelCauseFunc
	again  bool
}

// actor owns one job.
type actor struct {
	d       *Driver
	mailbox chan mail
	resumed bool
	effects map[string]*running // only touched by run
	written written             // what of the job is stored; only touched by run
	wg      sync.WaitGroup      // effects
	feed    *feed

	mu sync.Mutex
	j  job.Job
}

func newActor(d *Driver, j job.Job) *actor {
	return &actor{
		d: d, j: j, mailbox: make(chan mail, 64),
		effects: map[string]*running{}, feed: newFeed(j),
	}
}

// job returns the job as last written.
func (a *actor) job() job.Job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.j
}

// post puts an event into the mailbox, waiting for room.
func (a *actor) post(ctx context.Context, m mail) {
	select {
	case a.mailbox <- m:
	case <-ctx.Done():
	}
}

// run drives the job until it has ended and nothing is left to do, or the node
// stops. It never returns an error: one job's trouble is not the node's.
func (a *actor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer a.wg.Wait()
	defer cancel()
	if spec, ok, err := a.d.handover(a.j.ID); ok || err != nil {
		if err == nil {
			a.runHandover(ctx, spec)
		}
		if a.job().State.Terminal() {
			a.over()
		}
		return err
	}
	tick := time.NewTicker(a.d.cfg.Tick)
	defer tick.Stop()
	if a.resumed {
		a.step(job.Resumed{Now: time.Now()})
	}
	for {
		if a.launchEffects(ctx) {
			a.over()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case m := <-a.mailbox:
			a.take(append([]mail{m}, a.waiting()...))
		case <-tick.C:
			a.step(job.Tick{Offline: a.d.cutOff(), Now: time.Now()})
		}
	}
}

// over forgets the job, which has ended, and tells its watchers then: who hears of
// the end and gives the next job away finds nothing of this one held for it.
func (a *actor) over() {
	a.d.retire(a)
	a.feed.close(a.job())
}

// waiting empties the mailbox: what came while the last write was under way is
// written with the next one, which in a large job is most of the writing saved.
func (a *actor) waiting() []mail {
	var all []mail
	for range cap(a.mailbox) {
		select {
		case m := <-a.mailbox:
			all = append(all, m)
		default:
			return all
		}
	}
	return all
}

// take steps through the events of the mails, in order. Where they cannot be
// written down, the effects that they answer run again.
func (a *actor) take(mails []mail) {
	events := make([]job.Event, len(mails))
	for i, m := range mails {
		events[i] = m.ev
	}
	if a.step(events...) {
		return
	}
	for _, m := range mails {
		if r := a.effects[m.answer]; r != nil {
			r.again = true
		}
	}
}

// step takes events: state and outbox are written, once, before anyone sees
// them. It tells whether that went well; an event that the state refuses is
// taken care of too.
func (a *actor) step(events ...job.Event) bool {
	before := a.job()
	next := before
	var effects []job.Effect
	for _, ev := range events {
		stepped, out, err := job.Step(next, ev)
		if err != nil {
			a.d.Log.Debug("event not taken", "job", before.ID, "err", err)
			continue
		}
		next, effects = stepped, append(effects, out...)
	}
	changed, err := a.written.save(a.d.Store, next)
	if err != nil {
		a.d.Log.Error("store job", "job", before.ID, "err", err)
		return false
	}
	if !changed {
		return true
	}
	for _, e := range effects {
		if r := a.effects[e.Key()]; r != nil {
			r.again = true
		}
	}
	a.mu.Lock()
	a.j = next
	a.mu.Unlock()
	a.feed.update(next)
	logTransitions(a.d.Log, before, next)
	return true
}

// launchEffects starts what the outbox asks for and is not under way, stops
// what it no longer asks for, and tells whether the job is over.
func (a *actor) launchEffects(ctx context.Context) (over bool) {
	j := a.job()
	pending := map[string]bool{}
	for _, e := range j.Pending() {
		key := e.Key()
		pending[key] = true
		if r := a.effects[key]; r == nil || r.again {
			a.launch(ctx, j, e)
		}
	}
	for key, r := range a.effects {
		if !pending[key] {
			r.cancel(errNoLongerWanted)
			delete(a.effects, key)
		}
	}
	return j.State.Terminal() && len(pending) == 0
}

var errNoLongerWanted = errors.New("aggregator: the job no longer wants this")

// launch runs one effect in a goroutine until it has an answer.
func (a *actor) launch(ctx context.Context, j job.Job, e job.Effect) {
	ectx, cancel := context.WithCancelCause(ctx)
	a.effects[e.Key()] = &running{cancel: cancel}
	a.wg.Go(func() {
		defer cancel(nil)
		for {
			ev, err := a.d.perform(ectx, a, j, e)
			if err == nil {
				a.post(ctx, mail{ev: ev, answer: e.Key()})
				return
			}
			if ectx.Err() != nil {
				return
			}
			a.d.Log.Error("effect failed; trying again", "job", j.ID, "effect", e.Key(), "err", err)
			select {
			case <-ectx.Done():
				return
			case <-time.After(retryEffect):
			}
		}
	})
}
