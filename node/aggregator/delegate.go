package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store/blob"
)

// FeePerShard is what an aggregator earns for driving one shard of another's
// job, in the job's unit.
const FeePerShard = 1

// sayEvery is how often an aggregator tells a client that its job goes on.
const sayEvery = 2 * time.Second

// handedOver is the description of a job that travels to another aggregator:
// everything resolved, nothing that means a path on the client's machine.
type handedOver struct {
	Spec   json.RawMessage // see job.DecodeSpec
	Image  job.Image
	Model  job.Model
	Inputs []job.Input
}

// ServeDelegate takes a job for another client, drives it as its own, and
// answers with the receipts of all attempts and a verdict that names the
// result. Asking again joins the job that is under way or has ended.
func (d *Driver) ServeDelegate(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	m, err := wire.Decode[wire.Delegate](ev)
	if err != nil {
		return d.decline(s, ev.ID, "malformed", err)
	}
	j, err := d.Get(m.Job)
	if errors.Is(err, ErrNoJob) {
		j, err = d.take(ctx, s.Peer(), m)
	} else if err != nil {
		err = fmt.Errorf("%w: %w", errHere, err)
	}
	if err == nil && j.Client != s.Peer() {
		err = errors.New("this job is another client's")
	}
	if errors.Is(err, errHere) || err != nil && ctx.Err() != nil {
		return d.decline(s, ev.ID, codeBusy, err)
	} else if err != nil {
		return d.decline(s, ev.ID, "refused", err)
	}
	if j, err = d.await(ctx, s, j.ID); err != nil {
		return err
	}
	return d.deliver(ctx, s, j)
}

// errHere marks what says nothing of the job, such as a fault of this node's own:
// the job may be handed over again.
var errHere = errors.New("aggregator: it cannot be taken now")

func (d *Driver) decline(s *p2p.Stream, ref wire.ID, code string, err error) error {
	signed, serr := wire.Seal(d.Key, wire.Error{Ref: ref, Code: code, Text: wire.Printable(err.Error())}, time.Now())
	if serr != nil {
		return errors.Join(err, serr)
	}
	return errors.Join(err, wire.WriteEvent(s, signed))
}

// take checks a stranger's job, brings what it needs here and starts it.
func (d *Driver) take(ctx context.Context, client identity.PubKey, m wire.Delegate) (job.Job, error) {
	if m.Job.OfLease() {
		return job.Job{}, fmt.Errorf("%s is the name of a lease; a job is called by another", m.Job.Short())
	}
	if payments.Unit(m.Unit) != payments.Credits {
		// Providers are paid before the client has paid: a stranger that is one of
		// them, too, would take this node's money and be gone.
		return job.Job{}, fmt.Errorf("rail %q: jobs of others are driven on credit alone", m.Rail)
	}
	var h handedOver
	if err := json.Unmarshal([]byte(m.Spec), &h); err != nil {
		return job.Job{}, fmt.Errorf("description: %w", err)
	}
	spec, err := job.DecodeSpec(h.Spec)
	if err != nil {
		return job.Job{}, err
	}
	fee := uint64(len(h.Inputs)) * FeePerShard
	switch {
	case len(h.Inputs) == 0 || len(h.Inputs) > job.MaxShards:
		return job.Job{}, fmt.Errorf("%d shards, 1 to %d are taken", len(h.Inputs), job.MaxShards)
	case !d.Rail.Takes(m.Rail, payments.Unit(m.Unit)) || spec.Payment.Rail != m.Rail:
		return job.Job{}, fmt.Errorf("rail %q in %q is not taken here", m.Rail, m.Unit)
	case m.Fee < fee:
		return job.Job{}, fmt.Errorf("fee: %d offered, %d asked", m.Fee, fee)
	case m.Max < m.Fee:
		return job.Job{}, errors.New("the fee is more than the job may cost")
	}
	if err := d.solvent(ctx, client); err != nil {
		return job.Job{}, err
	}
	room, err := d.Rail.RoomFor(ctx, client, payments.Unit(m.Unit))
	if err != nil {
		return job.Job{}, fmt.Errorf("%w: %w", errHere, err)
	}
	if room.Value < m.Max {
		return job.Job{}, fmt.Errorf("credit: %s left for this client, the job may cost %d", room, m.Max)
	}
	if err := forOthers(&spec); err != nil {
		return job.Job{}, err
	}
	unit := payments.Unit(m.Unit) // whatever the description says
	spec.Payment.Max = payments.Amount{Value: m.Max - m.Fee, Unit: unit}
	if err := d.bringAll(ctx, client, h); err != nil {
		return job.Job{}, err
	}
	// Each of many jobs taken at once would fit into the same credit.
	d.taking.Lock()
	defer d.taking.Unlock()
	if d.unwanted.has(unwantedJob{client, m.Job}) {
		return job.Job{}, errors.New("the job was cancelled before it was taken")
	}
	if open := d.promised(client, unit, m.Job); open > room.Value || room.Value-open < m.Max {
		return job.Job{}, fmt.Errorf("credit: %s left for this client, its open jobs may cost %d and this one %d", room, open, m.Max)
	}
	ev := job.Submit{
		ID: m.Job, Client: client, Spec: spec, Secret: wire.RandomID(),
		Image: h.Image, Model: h.Model, Inputs: h.Inputs, Now: time.Now(),
		// What it agrees to now is what it owes, whatever it says when it comes back.
		Fee: payments.Amount{Value: m.Fee, Unit: unit},
	}
	for i := range ev.Inputs {
		ev.Inputs[i].Known = nil // what is known here is no client's to say
	}
	j, _, err := job.Step(job.Job{}, ev)
	if err != nil {
		return job.Job{}, err
	}
	if j, err = d.adopt(ctx, j); err != nil {
		return job.Job{}, fmt.Errorf("%w: %w", errHere, err)
	}
	return j, nil
}

// promised is what the open jobs of a client may cost it in a unit, but for one of
// them.
func (d *Driver) promised(client identity.PubKey, unit payments.Unit, except job.ID) (sum uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, a := range d.actors {
		// One that has ended counts until the rail expects what it cost.
		if j := a.job(); id != except && j.Client == client && j.Budget.Unit == unit && (!j.State.Terminal() || finishing(j)) {
			sum += j.Budget.Value + j.Fee.Value
		}
	}
	return sum
}

// finishing reports whether a job has ended and its client may not be charged yet.
func finishing(j job.Job) bool {
	return slices.ContainsFunc(j.Pending(), func(e job.Effect) bool { _, is := e.(job.Finish); return is })
}

// forOthers makes a stranger's spec one that is verified by this node's own
// means: it signs the verdicts, and pays for what they take.
func forOthers(spec *job.Spec) error {
	spec.Aggregator = identity.PubKey{}
	// Whose word decides could be the client itself under another name, and
	// would have honest work called wrong here.
	spec.Verify.Validators = nil
	switch spec.Verify.Mode {
	case job.VerifyReplay:
		return errors.New("verify.mode: replay is not done for others, whose job does not pay for the replays; drive it yourself")
	case job.VerifyCanary:
		// Shards that the client did not give would take numbers that its own
		// are known by. It is served with a sample instead.
		spec.Verify.Mode = job.VerifySample
		spec.Verify.Rate = max(spec.Verify.Rate, job.DefaultSampleRate)
	}
	if spec.Verify.Image != "" {
		return errors.New("verify.image: a comparator of the client's own is not run for others; drive the job yourself")
	}
	return nil
}

// bringAll fetches image, model and inputs from the client, each within the
// size it told.
func (d *Driver) bringAll(ctx context.Context, client identity.PubKey, h handedOver) error {
	type item struct {
		what, cid string
		size      uint64
	}
	items := []item{{"image", h.Image.CID, h.Image.Bytes}}
	if h.Model.CID != "" {
		items = append(items, item{"model", h.Model.CID, h.Model.Bytes})
	}
	for i, in := range h.Inputs {
		items = append(items, item{fmt.Sprintf("input of shard %d", i), in.CID, in.Bytes})
	}
	left := uint64(content.MaxBring)
	for _, it := range items {
		if it.size > left {
			return fmt.Errorf("%s: %d bytes are too many, a job may bring %d in all", it.what, it.size, uint64(content.MaxBring))
		}
		left -= it.size
		_, err := d.Content.Fetch(ctx, it.cid, it.size, client)
		switch {
		case errors.Is(err, blob.ErrTooBig), errors.Is(err, blob.ErrBadBlock), errors.Is(err, blob.ErrRefused):
			return fmt.Errorf("%s: %w", it.what, err)
		case err != nil: // a line that broke, or a disk that is full
			return fmt.Errorf("%w: %s: %w", errHere, it.what, err)
		}
	}
	return nil
}

// await tells the client from time to time that its job goes on, until it has
// ended.
func (d *Driver) await(ctx context.Context, s *p2p.Stream, id job.ID) (job.Job, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan job.Job, 1)
	failed := make(chan error, 1)
	go func() {
		var last job.Job
		err := d.Watch(ctx, id, func(u Update) error { last = u.Job; return nil })
		if err != nil {
			failed <- err
			return
		}
		ended <- last
	}()
	tick := time.NewTicker(sayEvery)
	defer tick.Stop()
	for {
		select {
		case j := <-ended:
			return j, nil
		case err := <-failed:
			return job.Job{}, err
		case <-tick.C:
			m := wire.Progress{Job: id, State: wire.StateRunning}
			signed, err := wire.Seal(d.Key, m, time.Now())
			if err == nil {
				err = wire.WriteEvent(s, signed)
			}
			if err != nil {
				return job.Job{}, err
			}
		}
	}
}

// weakest is the label of the job as a whole: that of its least sure shard.
func weakest(j job.Job) string {
	order := []string{job.LabelClaimed, job.LabelReplicated, job.LabelAudited}
	least := len(order) - 1
	for _, sh := range j.Shards {
		if sh.Input.Known == nil {
			least = min(least, max(slices.Index(order, sh.Label), 0))
		}
	}
	return order[least]
}

// standing puts the receipts of the results that stand before the others: of
// what was paid before its provider was caught, or is only equal to the result.
func standing(records []reputation.Record, shards []*job.Shard) {
	other := func(r reputation.Record) int {
		if n := r.Receipt.Shard; uint64(n) < uint64(len(shards)) && shards[n].Result == r.Receipt.Root {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(records, func(a, b reputation.Record) int { return other(a) - other(b) })
}

// deliver sends the receipts, then the verdict on the whole: with it the
// result's CID, which the client may now fetch, and what is to be paid.
func (d *Driver) deliver(ctx context.Context, s *p2p.Stream, j job.Job) error {
	if err := d.charge(ctx, j); err != nil {
		return d.decline(s, wire.ID{}, codeBusy, fmt.Errorf("credit: %w", err))
	}
	records, err := d.Ledger.ByJob(j.ID)
	if err != nil {
		return err
	}
	standing(records, j.Shards)
	for _, r := range records {
		if r.Author != d.Key.PubKey() || r.Receipt.Payer != d.Key.PubKey() {
			continue // what a provider, or this node of its client, says of not being paid
		}
		var shown wire.Event
		if r.Receipt.Verdict == wire.VerdictOK && !r.Countersigned {
			// It is not on the bill. Whose result it is its own reveal proves.
			if shown, err = d.document(j.ID, r.Receipt.Shard, r.Receipt.Attempt, docReveal); err != nil {
				continue
			}
		}
		if err := wire.WriteEvent(s, r.Doc); err != nil {
			return err
		}
		if !shown.ID.IsZero() {
			if err := wire.WriteEvent(s, shown); err != nil {
				return err
			}
		}
		if r.Countersigned {
			if err := wire.WriteEvent(s, r.By); err != nil {
				return err
			}
		}
	}
	verdict := wire.Verdict{
		Job: j.ID, Provider: d.Key.PubKey(), Verdict: wire.VerdictFailed, Label: wire.LabelClaimed,
		Reason: endText(j),
	}
	if j.State == job.StateDone {
		for _, sh := range j.Shards {
			d.Content.Grant(sh.Result, j.Client)
		}
		verdict.Verdict, verdict.Label = wire.VerdictOK, weakest(j)
		verdict.Evidence = []string{j.Result.CID}
	}
	signed, err := wire.Seal(d.Key, verdict, time.Now())
	if err != nil {
		return err
	}
	return wire.WriteEvent(s, signed)
}

// endText is how a verdict tells in which state a job ended, and why: the state,
// a colon, and a text for people.
func endText(j job.Job) string { return wire.Printable(fmt.Sprintf("%s: %s", j.State, j.Reason.Text)) }

// endOf reads endText. What names no end of a job is a failure.
func endOf(text string) (job.State, string) {
	word, why, ok := strings.Cut(text, ": ")
	switch s := job.State(word); {
	case ok && (s == job.StateFailed || s == job.StateCancelled || s == job.StateExpired):
		return s, why
	}
	return job.StateFailed, text
}
