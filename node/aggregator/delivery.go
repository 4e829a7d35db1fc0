package aggregator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// delivery is what an aggregator answers when a job has ended.
type delivery struct {
	verdict  wire.Verdict
	receipts []wire.Countersigned   // By is zero where the provider did not sign
	reveals  map[wire.ID]wire.Event // by a receipt's id: what its provider signed of the result, where it did not sign the receipt
}

// maxReceipts and maxReceipt bound what an aggregator can make us keep.
const (
	maxReceipts = 4 * job.MaxShards
	maxReceipt  = 8 << 10 // bytes; tags that nobody knows count too
)

// errPayUnknown means that a payment was begun and nobody knows its end yet.
var errPayUnknown = errors.New("aggregator: the payment is not certain")

// readDelivery reads until the verdict. running is called with each sign of life.
func (d *Driver) readDelivery(id job.ID, s *p2p.Stream, running func()) (delivery, error) {
	var out delivery
	for {
		if err := s.SetReadDeadline(time.Now().Add(silentAfter)); err != nil {
			return out, err
		}
		ev, err := wire.ReadEvent(s.Reader)
		if Malformed(err) {
			err = fmt.Errorf("%w: %w", errProtocol, err)
		}
		if err != nil {
			return out, err
		}
		switch ev.Kind {
		case wire.KindProgress:
			running()
		case wire.KindReceipt:
			if len(out.receipts) >= maxReceipts || len(ev.Bytes()) > maxReceipt {
				return out, fmt.Errorf("%w: too many receipts, or one too large", errProtocol)
			}
			out.receipts = append(out.receipts, wire.Countersigned{Doc: ev})
		case wire.KindCountersign:
			if n := len(out.receipts); n > 0 && len(ev.Bytes()) <= maxReceipt {
				out.receipts[n-1].By = ev
			}
		case wire.KindReveal:
			if n := len(out.receipts); n > 0 && len(ev.Bytes()) <= maxReceipt {
				if out.reveals == nil {
					out.reveals = map[wire.ID]wire.Event{}
				}
				out.reveals[out.receipts[n-1].Doc.ID] = ev
			}
		case wire.KindVerdict:
			if ev.PubKey != s.Peer() {
				return out, fmt.Errorf("%w: verdict by another key", errProtocol)
			}
			out.verdict, err = wire.Decode[wire.Verdict](ev)
			if err == nil && out.verdict.Job != id {
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
func (d *Driver) takeDelivery(ctx context.Context, j job.Job, got delivery, fee uint64) (out settled, err error) {
	spent, shards, err := checkReceipts(j, got)
	if err != nil {
		return out, err
	}
	j.Shards = shards
	if got.verdict.Verdict == wire.VerdictOK && len(got.verdict.Evidence) == 1 {
		if err := checkAgreement(j, shards); err != nil {
			return out, err
		}
		if err := d.bringResult(ctx, &j, got.verdict.Evidence[0]); err != nil {
			return out, err
		}
		spent += fee
		out.state = job.StateDone
	} else {
		out.state, out.why = endOf(got.verdict.Reason)
	}
	if spent > j.Budget.Value {
		return out, fmt.Errorf("%w: it wants %d, at most %d were allowed", errProtocol, spent, j.Budget.Value)
	}
	out.shards, out.result, out.spent = shards, j.Result, payments.Amount{Value: spent, Unit: j.Budget.Unit}
	if spent > 0 {
		_, err := d.Rail.Pay(ctx, payments.Payment{
			Ref: delegateRef(j.ID), Peer: j.Spec.Aggregator, Amount: out.spent,
			Memo: fmt.Sprintf("job %s: %d receipts and the aggregator's fee of %d", j.ID.Short(), len(got.receipts), fee),
		})
		if err != nil && payments.OutcomeOf(err) != payments.NotCharged {
			return out, fmt.Errorf("%w: %w", errPayUnknown, err)
		}
		if err != nil {
			return out, err
		}
	}
	d.keepDelegated(j.Spec.Aggregator, got.receipts)
	return out, nil
}

// checkReceipts believes only what providers have signed: the amounts that they
// countersigned are what the client owes, the roots that they countersigned or
// revealed are what the result is made of. Who was paid and does not sign for it
// leaves the aggregator with the cost, and not the client without its result. A
// receipt that pays or praises and of which its provider signed neither is refused,
// for an aggregator could have made it up. The first right result of a shard is its
// result; another was paid for before its provider was caught, or is equal to it.
func checkReceipts(j job.Job, got delivery) (spent uint64, shards []*job.Shard, err error) {
	shards = job.CopyShards(j.Shards)
	signed := map[part]bool{}
	for _, c := range got.receipts {
		ev := c.Doc
		r, err := wire.Decode[wire.Receipt](ev)
		if err != nil || !ofJob(j, ev, r) {
			return 0, nil, fmt.Errorf("%w: a receipt that is not of this job", errProtocol)
		}
		sh := shards[r.Shard]
		if r.Verdict == wire.VerdictOK {
			k := part{r.Shard, r.Provider}
			err := c.Verify(r.Provider)
			if err != nil && got.revealed(ev.ID, r) {
				err, r.Amount, r.PayRef = nil, 0, ""
			}
			switch {
			case err != nil:
				return 0, nil, fmt.Errorf("%w: shard %d: without the provider's signature: %w", errProtocol, r.Shard, err)
			case signed[k]:
				return 0, nil, fmt.Errorf("%w: shard %d: paid twice to %s", errProtocol, r.Shard, r.Provider.Short())
			case r.Amount > j.Budget.Value-spent:
				return 0, nil, fmt.Errorf("%w: the receipts add up to more than %s", errProtocol, j.Budget)
			}
			signed[k] = true
			spent += r.Amount
			if sh.Result == "" { // those that stand come first, see standing
				sh.Result, sh.Label, sh.State = r.Root, r.Label, job.ShardPaid
			}
		}
		sh.Attempts = append(sh.Attempts, attemptOf(j, r, ev.ID))
	}
	return spent, shards, nil
}

// revealed reports whether the provider of a receipt that it did not sign signed
// that this is its result of the attempt.
func (got delivery) revealed(receipt wire.ID, r wire.Receipt) bool {
	ev, there := got.reveals[receipt]
	m, err := wire.Decode[wire.Reveal](ev)
	return there && err == nil && ev.PubKey == r.Provider && ev.ID == r.Reveal &&
		m.Job == r.Job && m.Shard == r.Shard && m.Attempt == r.Attempt && m.Root == r.Root
}

// part is one provider's share in a shard: it is paid once.
type part struct {
	shard    uint32
	provider identity.PubKey
}

// ofJob holds a receipt against the job that was handed over. That money goes
// to right results alone is the receipt's own rule.
func ofJob(j job.Job, ev wire.Event, r wire.Receipt) bool {
	return ev.PubKey == j.Spec.Aggregator && r.Payer == j.Spec.Aggregator && r.Job == j.ID &&
		uint64(r.Shard) < uint64(len(j.Shards)) && r.Image == j.Image.Digest && r.ModelCID == j.Model.CID &&
		r.Unit == string(j.Budget.Unit) && r.Rail == j.Spec.Payment.Rail
}

// checkAgreement holds that behind every shard's result stand as many
// providers as the spec asks for: with the same root, but where a comparator
// other than exact found them equal.
func checkAgreement(j job.Job, shards []*job.Shard) error {
	exact := j.Spec.Verify.Compare == "" || j.Spec.Verify.Compare == job.CompareExact
	for _, sh := range shards {
		var behind uint32
		for _, at := range sh.Attempts {
			if at.State == job.AttemptSettled && (at.Reveal.Root == sh.Result || !exact) {
				behind++
			}
		}
		if behind < max(1, j.Spec.Verify.Agree) {
			return fmt.Errorf("%w: shard %d: %d providers stand behind the result, want %d", errProtocol, sh.Index, behind, j.Spec.Verify.Agree)
		}
	}
	return nil
}

func attemptOf(j job.Job, r wire.Receipt, id wire.ID) job.Attempt {
	at := job.Attempt{
		N: r.Attempt, Wire: r.Attempt, Class: r.Class, Blame: r.Blame, Audits: r.Audits, RatePPM: r.RatePPM,
		Provider: r.Provider, Amount: payments.Amount{Value: r.Amount, Unit: j.Budget.Unit},
		State: job.AttemptSettled, Settled: true, Paid: r.Amount > 0, PayRef: r.PayRef, Receipt: id,
		Began: time.UnixMilli(r.StartedMS), Ended: time.UnixMilli(r.EndedMS),
		Commit: job.Commit{Event: r.Commit}, Reveal: job.Reveal{Event: r.Reveal, Root: r.Root},
	}
	switch r.Verdict {
	case wire.VerdictOK:
	case wire.VerdictBad:
		// Whose task it is says whose fault it is; see Driver.blame.
		at.State, at.Blame = job.AttemptBad, job.BlameProvider
		at.Reason = job.Reason{Code: job.CodeMismatch, Text: "by the aggregator's receipt"}
	default:
		at.State, at.Reason = job.AttemptLost, job.Reason{Code: r.Verdict, Text: "by the aggregator's receipt"}
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
