package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
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

// runHandover asks the aggregator until the job has ended there, and settles it
// here. It returns only when that is done or ctx has ended.
func (a *actor) runHandover(ctx context.Context, spec string) {
	d := a.d
	for {
		err := d.handoverOnce(ctx, a, spec)
		if err == nil || ctx.Err() != nil {
			return
		}
		var refused *Refused
		j := a.job()
		if errors.As(err, &refused) || time.Now().After(j.Deadline) || errors.Is(err, errProtocol) {
			a.mirror(job.StateFailed, job.Reason{
				Code: codeAggregator, Text: "the aggregator did not do it: " + err.Error(),
				Hint: "nothing was charged; leave the aggregator out to drive the job from here",
			})
			return
		}
		d.Log.Info("aggregator not reached; trying again", "job", j.ID, "err", err)
		select {
		case <-ctx.Done():
			return
		case m := <-a.mailbox:
			if c, ok := m.ev.(job.CancelRequested); ok {
				a.mirror(job.StateCancelled, job.Reason{Code: job.CodeCancelled, Text: c.Reason})
				return
			}
		case <-time.After(2 * time.Second):
		}
	}
}

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

// handoverOnce sends the job, waits for its end and settles it.
func (d *Driver) handoverOnce(ctx context.Context, a *actor, spec string) error {
	j := a.job()
	peer := j.Spec.Aggregator
	fee := uint64(len(j.Shards)) * FeePerShard
	signed, err := wire.Seal(d.Key, wire.Delegate{
		Job: j.ID, Spec: spec, Fee: fee, Max: j.Budget.Value, Unit: string(j.Budget.Unit), Rail: j.Spec.Payment.Rail,
		Deadline: j.Deadline.Unix(), Sources: []identity.PubKey{d.Key.PubKey()},
	}, time.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	d.Content.Grant(j.Image.CID, peer)
	d.Content.Grant(j.Model.CID, peer)
	for _, sh := range j.Shards {
		d.Content.Grant(sh.Input.CID, peer)
	}
	s, done, err := d.open(ctx, peer)
	if err != nil {
		return err
	}
	defer done()
	if err := wire.WriteEvent(s, signed); err != nil {
		return err
	}
	answer, err := d.readDelivery(a, s)
	if err != nil {
		return err
	}
	return d.takeDelivery(ctx, a, answer, fee)
}

// delivery is what an aggregator answers when a job has ended.
type delivery struct {
	verdict  wire.Verdict
	receipts []wire.Countersigned // By is zero where the provider did not sign
}

// maxReceipts bounds what an aggregator can make us keep.
const maxReceipts = 4 * job.MaxShards

func (d *Driver) readDelivery(a *actor, s *p2p.Stream) (delivery, error) {
	var out delivery
	for {
		if err := s.SetReadDeadline(time.Now().Add(silentAfter)); err != nil {
			return out, err
		}
		ev, err := wire.ReadEvent(s.Reader)
		if err != nil {
			return out, err
		}
		switch ev.Kind {
		case wire.KindProgress:
			if a.job().State != job.StateRunning {
				a.mirror(job.StateRunning, job.Reason{})
			}
		case wire.KindReceipt:
			if len(out.receipts) >= maxReceipts {
				return out, fmt.Errorf("%w: too many receipts", errProtocol)
			}
			out.receipts = append(out.receipts, wire.Countersigned{Doc: ev})
		case wire.KindCountersign:
			if n := len(out.receipts); n > 0 {
				out.receipts[n-1].By = ev
			}
		case wire.KindVerdict:
			if ev.PubKey != s.Peer() {
				return out, fmt.Errorf("%w: verdict by another key", errProtocol)
			}
			out.verdict, err = wire.Decode[wire.Verdict](ev)
			if err == nil && out.verdict.Job != a.job().ID {
				err = fmt.Errorf("%w: verdict on another job", errProtocol)
			}
			return out, err
		case wire.KindError:
			m, err := wire.Decode[wire.Error](ev)
			if err != nil {
				return out, fmt.Errorf("%w: %w", errProtocol, err)
			}
			return out, &Refused{Code: m.Code, Text: m.Text}
		default:
			return out, fmt.Errorf("%w: kind %s", errProtocol, ev.Kind)
		}
	}
}

// takeDelivery checks every receipt, brings the result here and pays what the
// receipts add up to and the fee, once.
func (d *Driver) takeDelivery(ctx context.Context, a *actor, got delivery, fee uint64) error {
	j := a.job()
	spent, shards, err := checkReceipts(j, got)
	if err != nil {
		return err
	}
	j.Shards = shards
	ok := got.verdict.Verdict == wire.VerdictOK && len(got.verdict.Evidence) == 1
	if ok {
		if err := d.bringResult(ctx, &j, got.verdict.Evidence[0]); err != nil {
			return err
		}
		spent += fee
	}
	if spent > j.Budget.Value {
		return fmt.Errorf("%w: it wants %d, at most %d were allowed", errProtocol, spent, j.Budget.Value)
	}
	if spent > 0 {
		_, err := d.Rail.Pay(ctx, payments.Payment{
			Ref: delegateRef(j.ID), Peer: j.Spec.Aggregator,
			Amount: payments.Amount{Value: spent, Unit: j.Budget.Unit},
			Memo:   fmt.Sprintf("job %s: %d receipts and the aggregator's fee of %d", j.ID.Short(), len(got.receipts), fee),
		})
		if err != nil {
			return err
		}
	}
	j.Spent = payments.Amount{Value: spent, Unit: j.Budget.Unit}
	a.put(j)
	if ok {
		a.mirror(job.StateDone, job.Reason{})
	} else {
		a.mirror(job.StateFailed, job.Reason{Code: codeAggregator, Text: got.verdict.Reason})
	}
	return nil
}

// checkReceipts believes only what providers have countersigned: those amounts
// are what the client owes. A receipt that pays and is not countersigned is
// refused, for an aggregator could have made it up.
func checkReceipts(j job.Job, got delivery) (spent uint64, shards []job.Shard, err error) {
	shards = append(shards, j.Shards...)
	type slot struct {
		shard    uint32
		provider identity.PubKey
	}
	paid := map[slot]bool{}
	for _, c := range got.receipts {
		ev := c.Doc
		r, err := wire.Decode[wire.Receipt](ev)
		if err != nil || ev.PubKey != j.Spec.Aggregator || r.Payer != j.Spec.Aggregator || r.Job != j.ID || int(r.Shard) >= len(shards) {
			return 0, nil, fmt.Errorf("%w: a receipt that is not of this job", errProtocol)
		}
		if r.Amount > 0 {
			if err := c.Verify(r.Provider); err != nil {
				return 0, nil, fmt.Errorf("%w: shard %d: paid without the provider's signature: %w", errProtocol, r.Shard, err)
			}
			k := slot{r.Shard, r.Provider}
			if paid[k] {
				return 0, nil, fmt.Errorf("%w: shard %d: paid twice to %s", errProtocol, r.Shard, r.Provider.Short())
			}
			paid[k] = true
			spent += r.Amount
		}
		sh := &shards[r.Shard]
		sh.Attempts = append(sh.Attempts, attemptOf(j, r, ev.ID))
		if r.Verdict == wire.VerdictOK {
			sh.Result, sh.Label, sh.State = r.Root, r.Label, job.ShardPaid
		}
	}
	return spent, shards, nil
}

func attemptOf(j job.Job, r wire.Receipt, id wire.ID) job.Attempt {
	at := job.Attempt{
		N: r.Attempt, Provider: r.Provider, Amount: payments.Amount{Value: r.Amount, Unit: j.Budget.Unit},
		State: job.AttemptSettled, Settled: true, Paid: r.Amount > 0, PayRef: r.PayRef, Receipt: id,
		Began: time.UnixMilli(r.StartedMS), Ended: time.UnixMilli(r.EndedMS),
		Commit: job.Commit{Event: r.Commit}, Reveal: job.Reveal{Event: r.Reveal, Root: r.Root},
	}
	if r.Verdict == wire.VerdictBad {
		at.State, at.Reason = job.AttemptBad, job.Reason{Code: job.CodeMismatch, Text: "by the aggregator's receipt"}
	}
	return at
}

// bringResult fetches each shard's result, by the root that its providers
// signed for, and merges them here: the aggregator's word for the whole is
// only compared.
func (d *Driver) bringResult(ctx context.Context, j *job.Job, cid string) error {
	merge := job.Merge{By: j.Spec.Merge.By}
	for _, sh := range j.Shards {
		if sh.Result == "" {
			return fmt.Errorf("%w: shard %d has no receipt of a right result", errProtocol, sh.Index)
		}
		if _, err := d.Content.Fetch(ctx, sh.Result, content.MaxBring, j.Spec.Aggregator); err != nil {
			return fmt.Errorf("result of shard %d: %w", sh.Index, err)
		}
		merge.Roots = append(merge.Roots, sh.Result)
	}
	ev, err := d.merge(ctx, *j, merge)
	if err != nil {
		return err
	}
	merged, ok := ev.(job.Merged)
	if !ok || merged.CID != cid {
		return fmt.Errorf("%w: the result is not what the shards add up to", errProtocol)
	}
	j.Result = job.Result{CID: merged.CID, Size: merged.Size}
	return nil
}
