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

// A bill that its client has not paid a while after it was written makes this node
// say so, in a receipt as a provider writes one of work that was not paid, and take
// no other job of that client until the money has come. It stays expected on the
// rail, and a client that pays late owes nothing any more.

// billGrace is how long a client may take to come back for its job and to pay.
const billGrace = 15 * time.Minute

const (
	billsDue = "billdue/"
	owedBy   = "owed/"
)

func billDueKey(due time.Time, id job.ID) []byte {
	return fmt.Appendf(nil, "%s%016x/%s", billsDue, max(due.Unix(), 0), id)
}

func owedKey(client identity.PubKey, id job.ID) []byte {
	return []byte(owedBy + client.Hex() + "/" + id.String())
}

// billAttempt numbers the receipt of a bill among those of a job's attempts, whose
// numbers are drawn from smaller ones.
const billAttempt = 1<<16 - 1

// openBill is a bill as it waits for its payment.
type openBill struct {
	Job    job.ID          `json:"job"`
	Client identity.PubKey `json:"client"`
	Amount payments.Amount `json:"amount"`
}

func (d *Driver) billGrace() time.Duration {
	if d.cfg.BillGrace > 0 {
		return d.cfg.BillGrace
	}
	return billGrace
}

// awaitPayment notes, in the transaction that ends the billing, by when it is to be
// paid. A job is billed once, but this may run again after a crash.
func (d *Driver) awaitPayment(tx store.Txn, b openBill, now time.Time) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return tx.Set(billDueKey(now.Add(d.billGrace()), b.Job), raw)
}

// collectDue looks at the bills whose time is over, and at those known to be owed.
func (d *Driver) collectDue(ctx context.Context, now time.Time) error {
	due, err := d.openBills(billsDue, string(billDueKey(now, job.ID{})))
	if err != nil {
		return err
	}
	for key, b := range due {
		if err := d.collect(ctx, key, b, now); err != nil {
			return err
		}
	}
	owed, err := d.openBills(owedBy, "")
	if err != nil {
		return err
	}
	for key, b := range owed {
		if err := d.forgive(ctx, key, b); err != nil {
			return err
		}
	}
	return nil
}

// openBills reads the bills under a prefix, up to a key, some of them.
func (d *Driver) openBills(prefix, until string) (all map[string]openBill, err error) {
	err = d.Store.View(func(r store.Reader) error {
		all = map[string]openBill{}
		return r.Scan([]byte(prefix), func(key, raw []byte) error {
			if until != "" && string(key) > until || len(all) == maxDue {
				return errEnough
			}
			var b openBill
			all[string(key)] = b
			if err := json.Unmarshal(raw, &b); err != nil {
				return fmt.Errorf("read a bill: %w", err)
			}
			all[string(key)] = b
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return all, err
}

// wasPaid reports whether a bill's money has come.
func (d *Driver) wasPaid(ctx context.Context, b openBill) bool {
	e, err := d.Rail.Received(ctx, payments.Payment{Ref: delegateRef(b.Job), Peer: b.Client, Amount: b.Amount})
	return err == nil && e.State == payments.StateCaptured
}

// collect writes down that a bill is owed, once its receipt says so.
func (d *Driver) collect(ctx context.Context, key string, b openBill, now time.Time) error {
	if d.wasPaid(ctx, b) {
		return d.Store.Update(func(tx store.Txn) error { return tx.Delete([]byte(key)) })
	}
	r, err := d.unpaid(b)
	if err == nil {
		_, err = d.Ledger.Issue(d.Key, r, now)
	}
	if err != nil {
		return fmt.Errorf("job %s is not paid for: %w", b.Job.Short(), err)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	d.Log.Warn("a client has not paid for its job", "job", b.Job.Short(), "client", b.Client.Short(), "amount", b.Amount)
	return d.Store.Update(func(tx store.Txn) error {
		return errors.Join(tx.Delete([]byte(key)), tx.Set(owedKey(b.Client, b.Job), raw))
	})
}

// unpaid is the receipt that tells of it. There is one of a bill.
func (d *Driver) unpaid(b openBill) (wire.Receipt, error) {
	j, err := d.Get(b.Job)
	if err != nil {
		return wire.Receipt{}, err
	}
	return wire.Receipt{
		Job: b.Job, Attempt: billAttempt, Provider: d.Key.PubKey(), Payer: b.Client, Image: j.Image.Digest, ModelCID: j.Model.CID,
		Units: uint64(len(j.Shards)), Unit: string(b.Amount.Unit), Rail: j.Spec.Payment.Rail,
		Verdict: wire.VerdictUnpaid, Label: wire.LabelClaimed, Blame: wire.BlameClient,
		StartedMS: j.Created.UnixMilli(), EndedMS: max(j.Created.UnixMilli(), j.Ended.UnixMilli()),
	}, nil
}

// forgive takes back what was said of a bill that was paid late.
func (d *Driver) forgive(ctx context.Context, key string, b openBill) error {
	if !d.wasPaid(ctx, b) {
		return nil
	}
	r, err := d.unpaid(b)
	if err != nil {
		return err
	}
	if err := d.Ledger.MadeGood(r); err != nil {
		return err
	}
	return d.Store.Update(func(tx store.Txn) error { return tx.Delete([]byte(key)) })
}

// solvent refuses a client that owes for earlier jobs.
func (d *Driver) solvent(ctx context.Context, client identity.PubKey) error {
	owed, err := d.openBills(owedBy+client.Hex()+"/", "")
	if err != nil {
		return err
	}
	for key, b := range owed {
		if err := d.forgive(ctx, key, b); err != nil {
			return err
		}
		if !d.wasPaid(ctx, b) {
			return fmt.Errorf("credit: job %s, %s, is not paid; pay it first", b.Job.Short(), b.Amount)
		}
	}
	return nil
}
