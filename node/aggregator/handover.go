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
	"infernet.tech/infernet/store"
)

// A job that was handed to another aggregator is mirrored here: a job.Job with
// the same id whose state is what the aggregator says, and whose attempts are
// what the verified receipts say. The machine never steps it; the key below
// marks it.

func handoverKey(id job.ID) []byte { return []byte("handover/" + id.String()) }

// handOver writes a mirror down and starts following it.
func (d *Driver) handOver(ctx context.Context, ev job.Submit) (job.Job, error) {
	j, _, err := job.Step(job.Job{}, ev)
	if err != nil {
		return j, err
	}
	j.Outbox = nil
	spec, err := json.Marshal(portable(ev))
	if err != nil {
		return j, err
	}
	data, err := json.Marshal(handedOver{Spec: spec, Image: ev.Image, Model: ev.Model, Inputs: ev.Inputs})
	if err != nil {
		return j, err
	}
	if len(data) > wire.MaxSpec {
		return j, fmt.Errorf("aggregator: a job of %d shards is too large to hand over; make split.size larger", len(ev.Inputs))
	}
	if err := d.Store.Update(func(tx store.Txn) error { return tx.Set(handoverKey(j.ID), data) }); err != nil {
		return j, err
	}
	return d.adopt(ctx, j)
}

// portable is a spec that means the same on another machine: content instead
// of paths and names.
func portable(ev job.Submit) job.Spec {
	s := ev.Spec
	s.Task.Image, s.Model = ev.Image.Digest, ev.Model.CID
	s.Inputs = []job.SpecInput{{CID: ev.Inputs[0].CID}}
	return s
}

// handover returns what was handed over, where a stored job is a mirror.
func (d *Driver) handover(id job.ID) (spec string, ok bool, err error) {
	err = d.Store.View(func(r store.Reader) error {
		data, err := r.Get(handoverKey(id))
		spec = string(data)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	return spec, err == nil, err
}

// handoverGrace is how long after the job's deadline an aggregator may still
// deliver: it has payments of its own to make certain.
const handoverGrace = 2 * time.Minute

const codeAggregator = "aggregator"

// mirror writes what the aggregator's word makes of the job.
func (a *actor) mirror(s job.State, r job.Reason) {
	j := a.job()
	now := time.Now()
	j.Log = append(j.Log, job.Transition{At: now, Subject: "job", From: string(j.State), To: string(s), Why: r.Code})
	j.State, j.Reason, j.Updated = s, r, now
	if s.Terminal() {
		j.Ended = now
	} else if j.Started.IsZero() {
		j.Started = now
	}
	a.put(j)
}

func (a *actor) put(j job.Job) {
	if err := saveJob(a.d.Store, j); err != nil {
		a.d.Log.Error("store job", "job", j.ID, "err", err)
		return
	}
	a.mu.Lock()
	a.j = j
	a.mu.Unlock()
	a.feed.update(j)
}

// handoverOnce sends the job, waits for its end for as long as wait lets it, and
// settles it. running is called when the aggregator says that the job goes on.
func (e *errand) handoverOnce(ctx, wait context.Context, running func()) (settled, error) {
	d, j := e.a.d, e.a.job()
	peer := j.Spec.Aggregator
	fee := uint64(len(j.Shards)) * FeePerShard
	signed, err := wire.Seal(d.Key, wire.Delegate{
		Job: j.ID, Spec: e.spec, Fee: fee, Max: j.Budget.Value, Unit: string(j.Budget.Unit), Rail: j.Spec.Payment.Rail,
		Deadline: j.Deadline.Unix(), Sources: []identity.PubKey{d.Key.PubKey()},
	}, time.Now())
	if err != nil {
		return settled{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	d.Content.Grant(j.Image.CID, peer)
	d.Content.Grant(j.Model.CID, peer)
	for _, sh := range j.Shards {
		d.Content.Grant(sh.Input.CID, peer)
	}
	s, done, err := d.open(wait, peer)
	if err != nil {
		return settled{}, err
	}
	defer done()
	if err := wire.WriteEvent(s, signed); err != nil {
		return settled{}, err
	}
	answer, err := d.readDelivery(j.ID, s, running)
	if err != nil {
		return settled{}, err
	}
	return d.takeDelivery(ctx, j, answer, fee)
}
