package aggregator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// receiptTries is how often a provider is asked to countersign before the
// receipt stays one-sided. The money does not depend on it.
const receiptTries = 3

// settle makes a verdict final: sign it, pay when it is ok, exchange the
// receipt. Each step stands once done, so that running it again adds nothing.
func (d *Driver) settle(ctx context.Context, j job.Job, e job.Settle) (job.Event, error) {
	verdict, err := d.verdict(ctx, j, e)
	if err != nil {
		return nil, err
	}
	payRef := ""
	if e.Verdict == job.VerdictOK {
		memo := fmt.Sprintf("job %q, shard %d, verdict %s by %s", j.Name, e.Shard, e.Verdict, e.Label)
		proof, err := d.Rail.Pay(ctx, owed(j, e.Shard, e.Wire, e.Provider, e.Amount, memo))
		if ctx.Err() != nil && err != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return unpaid(e, err), nil
		}
		payRef = string(proof.Ref)
	} else {
		d.unfund(j, e.Shard, e.Wire, "verdict "+e.Verdict)
	}
	receipt, err := d.receipt(j, e, verdict, payRef)
	if err != nil {
		return nil, err
	}
	if err := d.exchangeReceipt(ctx, j, e, verdict, receipt); err != nil {
		return nil, err
	}
	return job.Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: payRef, Receipt: receipt.ID, Now: time.Now()}, nil
}

// unpaid tells the machine what is certain about a payment that failed.
func unpaid(e job.Settle, err error) job.Event {
	ev := job.SettleFailed{
		Shard: e.Shard, Attempt: e.Attempt, Certain: job.Unknown,
		Code: "payment", Text: err.Error(), Now: time.Now(),
	}
	if payments.OutcomeOf(err) == payments.NotCharged {
		ev.Certain = job.NotCharged
	}
	return ev
}

// maxEvidence is how many documents a verdict points at.
const maxEvidence = 32

// verdict signs the verdict once and returns the one that stands.
func (d *Driver) verdict(ctx context.Context, j job.Job, e job.Settle) (wire.Event, error) {
	m := wire.Verdict{
		Job: j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider,
		Verdict: e.Verdict, Label: labelOf(e), Comparator: j.Spec.Verify.Compare,
		Reason: wire.Printable(e.Reason.Text),
	}
	if sh := j.Shards[e.Shard]; disputed(sh) {
		cid, _, err := d.storeEvidence(ctx, j, sh)
		if ctx.Err() != nil {
			return wire.Event{}, ctx.Err()
		}
		if err != nil { // a full disk does not hold up a verdict
			d.Log.Error("keep evidence", "job", j.ID, "shard", e.Shard, "err", err)
		} else {
			m.Evidence = append(m.Evidence, cid)
		}
	}
	// The attempt's own documents come first; a large round has more beside
	// them than a verdict holds.
	for _, id := range e.Evidence[:min(len(e.Evidence), maxEvidence-len(m.Evidence))] {
		m.Evidence = append(m.Evidence, id.String())
	}
	signed, err := wire.Seal(d.Key, m, time.Now())
	if err != nil {
		return signed, err
	}
	return d.keep(j.ID, e.Shard, e.Wire, docVerdict, signed)
}

// labelOf is the label that documents carry; work that was not ok is claimed
// and nothing more.
func labelOf(e job.Settle) string {
	if e.Label == "" {
		return job.LabelClaimed
	}
	return e.Label
}

// receipt has the receipt signed, once, and returns the one that stands.
func (d *Driver) receipt(j job.Job, e job.Settle, verdict wire.Event, payRef string) (wire.Event, error) {
	at := j.Shards[e.Shard].Attempts[e.Attempt]
	began, ended := span(at)
	m := wire.Receipt{
		Job: j.ID, Shard: e.Shard, Attempt: e.Wire,
		Provider: e.Provider, Payer: d.Key.PubKey(),
		Image: j.Image.Digest, ModelCID: j.Model.CID,
		Units: j.Shards[e.Shard].Input.Units, Unit: string(at.Amount.Unit), Rail: j.Spec.Payment.Rail,
		Verdict: e.Verdict, Label: labelOf(e), Comparator: j.Spec.Verify.Compare,
		Root: at.Reveal.Root, Commit: at.Commit.Event, Reveal: at.Reveal.Event, VerdictID: verdict.ID,
		Class: e.Class, Audits: e.Audits, RatePPM: e.RatePPM,
		PayRef: payRef, StartedMS: began.UnixMilli(), EndedMS: ended.UnixMilli(),
	}
	if e.Verdict == job.VerdictOK {
		m.Amount = e.Amount.Value
	} else {
		m.Blame = d.blame(j, e)
	}
	return d.Ledger.Issue(d.Key, m, time.Now())
}

// blame is whose fault a receipt says a failure was. Of a client's task this node
// cannot tell whether honest machines agree on its result or have time enough for
// it: unless a validator of its own looked, it blames nobody for that, and leaves
// it to the client's own book. What a provider's documents show is its own fault.
func (d *Driver) blame(j job.Job, e job.Settle) string {
	if !d.forClient(j) || e.Blame != job.BlameProvider {
		return e.Blame
	}
	switch e.Reason.Code {
	case job.CodeMismatch:
		if j.Shards[e.Shard].Label == job.LabelAudited {
			return e.Blame
		}
		return job.BlameInconclusive
	case job.CodeLate:
		return job.BlameInconclusive
	}
	return e.Blame
}

// span is when an attempt ran. One that never said that it runs is counted
// from its offer: a receipt without dates could not be signed.
func span(at job.Attempt) (began, ended time.Time) {
	began, ended = at.Began, at.Ended
	if began.IsZero() {
		began = at.Offered
	}
	if ended.Before(began) {
		ended = began
	}
	return began, ended
}

// exchangeReceipt tells the provider the verdict and takes its countersignature
// into the ledger. A provider that refuses or is gone leaves it one-sided,
// which the ledger weighs as such.
func (d *Driver) exchangeReceipt(ctx context.Context, j job.Job, e job.Settle, verdict, receipt wire.Event) error {
	for try := range receiptTries {
		by, err := d.countersign(ctx, e.Provider, verdict, receipt)
		if err == nil {
			_, err := d.Ledger.AddRead(wire.Countersigned{Doc: receipt, By: by})
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.Log.Debug("receipt not countersigned", "job", j.ID, "shard", e.Shard, "try", try, "err", err)
		var refused *Refused
		if errors.As(err, &refused) && refused.Code != "unpaid" {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(redialEvery):
		}
	}
	_, err := d.Ledger.AddOneSided(receipt)
	return err
}

func (d *Driver) countersign(ctx context.Context, provider identity.PubKey, verdict, receipt wire.Event) (wire.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, done, err := d.open(ctx, provider)
	if err != nil {
		return wire.Event{}, err
	}
	defer done()
	by, err := exchange(s, verdict, receipt)
	if err != nil {
		return by, err
	}
	// It was signed here, and its answer verified as it was read.
	pair := wire.Countersigned{Doc: receipt, By: by}
	return by, pair.Fits(provider)
}
