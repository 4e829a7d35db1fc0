package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// What a client owes for a job that this node drove is worked out once, when the
// job has ended, and written down before the rail is told to expect it. A client
// that never comes back owes it all the same, and one that comes back twice owes
// it once: the rail knows it by delegateRef.

// bill is what a client is asked for. It is the sum that the client can check
// itself: what one provider was paid and did not sign for is on this node.
type bill struct {
	Client identity.PubKey `json:"client"`
	Spent  payments.Amount `json:"spent"`
	Fee    payments.Amount `json:"fee"` // zero unless the job was done
}

// delegateRef is the payment reference of a whole job: the client's one
// payment to its aggregator.
func delegateRef(id job.ID) payments.Ref { return payments.Ref(id.String() + "/delegate") }

func billKey(id job.ID) []byte { return []byte("bill/" + id.String()) }

const unbilled = "unbilled/"

// unbilledKey is of a bill that the rail does not expect yet.
func unbilledKey(id job.ID) []byte { return []byte(unbilled + id.String()) }

// forClient reports whether a job is another's.
func (d *Driver) forClient(j job.Job) bool { return !j.Client.IsZero() && j.Client != d.Key.PubKey() }

// billOf returns the bill of a job that has ended: the one that is written down,
// or a new one that now is.
func (d *Driver) billOf(j job.Job) (b bill, err error) {
	records, err := d.Ledger.ByJob(j.ID)
	if err != nil {
		return b, err
	}
	b = bill{Client: j.Client, Spent: payments.Amount{Unit: j.Budget.Unit}, Fee: payments.Amount{Unit: j.Budget.Unit}}
	for _, r := range records {
		if r.Author == d.Key.PubKey() && r.Countersigned && r.Receipt.Verdict == wire.VerdictOK {
			b.Spent.Value += r.Receipt.Amount
		}
	}
	switch {
	case j.State != job.StateDone:
	case j.Fee.Unit == "": // it was taken when fees were not written down
		b.Fee.Value = uint64(len(j.Shards)) * FeePerShard
	default:
		b.Fee = j.Fee
	}
	err = d.Store.Update(func(tx store.Txn) error {
		raw, err := tx.Get(billKey(j.ID))
		if err == nil {
			return json.Unmarshal(raw, &b)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if raw, err = json.Marshal(b); err != nil {
			return err
		}
		return errors.Join(tx.Set(billKey(j.ID), raw), tx.Set(unbilledKey(j.ID), nil))
	})
	return b, err
}

// signFor is how long providers that were paid and did not sign are asked again
// before a client is billed without them.
const signFor = 10 * time.Second

// complete has those who were paid sign for it that have not yet: one that was
// away, or restarted, when it was asked. What stays unsigned a client does not
// believe, and need not.
func (d *Driver) complete(ctx context.Context, j job.Job) error {
	records, err := d.Ledger.ByJob(j.ID)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, signFor)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range records {
		if r.Author == d.Key.PubKey() && !r.Countersigned && r.Receipt.Verdict == wire.VerdictOK {
			wg.Go(func() { d.signed(within, j.ID, r) })
		}
	}
	wg.Wait()
	return ctx.Err()
}

// signed asks for the signature under one receipt until it is there, refused, or
// time is over.
func (d *Driver) signed(ctx context.Context, id job.ID, r reputation.Record) {
	verdict, err := d.document(id, r.Receipt.Shard, r.Receipt.Attempt, docVerdict)
	for err == nil {
		var by wire.Event
		if by, err = d.countersign(ctx, r.Receipt.Provider, verdict, r.Doc); err == nil {
			_, err = d.Ledger.AddReceipt(wire.Countersigned{Doc: r.Doc, By: by})
			break
		}
		var refused *Refused
		if ctx.Err() != nil || errors.As(err, &refused) && refused.Code != "unpaid" {
			break
		}
		err = nil
		select {
		case <-ctx.Done():
		case <-time.After(redialEvery):
		}
	}
	if err != nil {
		d.Log.Info("a provider was paid and does not sign for it", "job", id.Short(), "shard", r.Receipt.Shard, "provider", r.Receipt.Provider.Short(), "err", err)
	}
}

// charge has the rail expect what a client owes for a job that has ended.
func (d *Driver) charge(ctx context.Context, j job.Job) error {
	b, err := d.billOf(j)
	if err != nil {
		return err
	}
	total, err := b.Spent.Add(b.Fee)
	if err != nil {
		return err
	}
	if !total.IsZero() {
		err := d.Rail.Expect(ctx, payments.Payment{
			Ref: delegateRef(j.ID), Peer: b.Client, Amount: total,
			Memo: fmt.Sprintf("job %s for a client: %s to providers and a fee of %s", j.ID.Short(), b.Spent, b.Fee),
		})
		if err != nil {
			return err
		}
	}
	return d.Store.Update(func(tx store.Txn) error {
		if _, err := tx.Get(unbilledKey(j.ID)); errors.Is(err, store.ErrNotFound) {
			return nil // billed before
		} else if err != nil {
			return err
		}
		if !total.IsZero() {
			if err := d.awaitPayment(tx, openBill{j.ID, b.Client, total}, time.Now()); err != nil {
				return err
			}
		}
		return tx.Delete(unbilledKey(j.ID))
	})
}

// maxDue is how many bills are tried in one round.
const maxDue = 64

// chargeDue tries the bills again that the rail did not take: a client's credit
// comes free when it has paid for something else.
func (d *Driver) chargeDue(ctx context.Context) error {
	var due []job.ID
	err := d.Store.View(func(r store.Reader) error {
		due = nil
		return r.Scan([]byte(unbilled), func(key, _ []byte) error {
			if len(due) == maxDue {
				return errEnough
			}
			id, err := wire.ParseID(string(key[len(unbilled):]))
			due = append(due, id)
			return err
		})
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for _, id := range due {
		j, err := d.Get(id)
		if err == nil {
			err = d.charge(ctx, j)
		}
		if err != nil {
			d.Log.Debug("client not charged yet", "job", id.Short(), "err", err)
		}
	}
	return nil
}
