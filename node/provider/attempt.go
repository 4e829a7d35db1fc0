package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// State is where an attempt stands on the provider's side. See the package
// comment for the order.
type State string

// States of an attempt.
const (
	Accepted  State = "accepted"
	Running   State = "running"
	Committed State = "committed"
	Revealed  State = "revealed"
	Settled   State = "settled"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Terminal reports whether nothing more happens to the attempt.
func (s State) Terminal() bool { return s == Settled || s == Failed || s == Cancelled }

// unfinished reports whether the work itself still has to be done, which is
// what a restarted node starts over.
func (s State) unfinished() bool { return s == Accepted || s == Running }

// attemptID names an attempt among all aggregators'.
type attemptID struct {
	Aggregator identity.PubKey
	Job        wire.ID
	Shard      uint32
	Attempt    uint32
}

// key is the store key: per aggregator and job, so that one job's attempts lie
// together.
func (id attemptID) key() []byte {
	return fmt.Appendf(nil, "%s%08x/%08x", jobKey(id.Aggregator, id.Job), id.Shard, id.Attempt)
}

// Ref is the payment reference of this attempt, the same on both sides.
func (id attemptID) ref() payments.Ref {
	return payments.Ref(fmt.Sprintf("%s/%d/%d", id.Job, id.Shard, id.Attempt))
}

// payment is what the attempt's aggregator is to pay for it.
func (rec record) payment() (payments.Payment, error) {
	acc, err := rec.accept()
	return payments.Payment{
		Ref: rec.ID.ref(), Peer: rec.ID.Aggregator,
		Amount: payments.Amount{Value: acc.Amount, Unit: payments.Unit(acc.Unit)},
		Memo:   "shard of a job", Work: time.Duration(acc.TimeoutMS) * time.Millisecond,
	}, err
}

// record is what is kept of an attempt: everything needed to answer again
// after a crash, and nothing else.
type record struct {
	ID     attemptID
	State  State
	Accept wire.Event

	Root  string  `json:",omitempty"` // CID of the canonical output tree
	Size  uint64  `json:",omitempty"` // bytes in it
	Nonce wire.ID // blinds the commit

	Commit  *wire.Event `json:",omitempty"`
	Asked   *wire.Event `json:",omitempty"` // the first request to reveal it
	Reveal  *wire.Event `json:",omitempty"`
	Verdict *wire.Event `json:",omitempty"`
	Doc     *wire.Event `json:",omitempty"` // the aggregator's receipt that we signed
	Receipt *wire.Event `json:",omitempty"` // our countersignature

	Fail      *Refusal `json:",omitempty"`
	StartedMS int64    `json:",omitempty"`
	EndedMS   int64    `json:",omitempty"`
}

func (r *record) accept() (wire.Accept, error) { return wire.Decode[wire.Accept](r.Accept) }

// live is an attempt in memory: its record, and how others wait for changes.
type live struct {
	mu      sync.Mutex
	rec     record
	changed chan struct{} // closed and replaced at every change
	stop    func(reason error)
	logs    *logs
}

func newLive(rec record) *live {
	return &live{rec: rec, changed: make(chan struct{}), logs: newLogs(), stop: func(error) {}}
}

// snapshot returns the record and a channel that closes at the next change.
func (l *live) snapshot() (record, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rec, l.changed
}

// update changes the record, persists it and only then lets others see it.
// The change is dropped when it cannot be stored.
func (l *live) update(st store.Store, change func(*record) error) error {
	return l.change(st, change, nil)
}

// change is update with more to write in the same transaction; more may be nil.
func (l *live) change(st store.Store, change func(*record) error, more func(store.Txn) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.rec
	if err := change(&next); err != nil {
		return err
	}
	if err := writeRecord(st, next, more); err != nil {
		return err
	}
	l.rec = next
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func saveRecord(st store.Store, r record) error { return writeRecord(st, r, nil) }

func writeRecord(st store.Store, r record, more func(store.Txn) error) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode attempt: %w", err)
	}
	return st.Update(func(tx store.Txn) error {
		if more != nil {
			if err := more(tx); err != nil {
				return err
			}
		}
		return tx.Set(r.ID.key(), data)
	})
}

func loadRecord(st store.Store, id attemptID) (record, error) {
	return recordAt(st, string(id.key()))
}

// recordAt returns the attempt under a key, or store.ErrNotFound.
func recordAt(st store.Store, key string) (rec record, err error) {
	err = st.View(func(r store.Reader) error {
		rec, err = recordIn(r, key)
		return err
	})
	return rec, err
}

func recordIn(r store.Reader, key string) (rec record, err error) {
	data, err := r.Get([]byte(key))
	if err != nil {
		return rec, err
	}
	return rec, json.Unmarshal(data, &rec)
}

// forgetRecord removes an attempt, and what was agreed for its job.
func forgetRecord(st store.Store, id attemptID) error {
	return st.Update(func(tx store.Txn) error {
		return errors.Join(
			tx.Delete(id.key()),
			tx.Delete(agreementKey(id.Aggregator, id.Job)),
			tx.Delete(disclosedKey(id.Aggregator, id.Job)),
			tx.Delete(owedKey(id)),
		)
	})
}

// jobKey begins the keys of one job's attempts.
func jobKey(aggregator identity.PubKey, job wire.ID) string {
	return fmt.Sprintf("att/%s/%s/", aggregator.Hex(), job)
}

// jobRecords returns the attempts of one job.
func jobRecords(st store.Store, aggregator identity.PubKey, job wire.ID) ([]record, error) {
	return scanRecords(st, jobKey(aggregator, job))
}

// loadRecords returns every stored attempt, oldest start first.
func loadRecords(st store.Store) ([]record, error) { return scanRecords(st, "att/") }

func scanRecords(st store.Store, prefix string) ([]record, error) {
	var all []record
	err := st.View(func(rd store.Reader) error {
		return rd.Scan([]byte(prefix), func(_, value []byte) error {
			var r record
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("decode attempt: %w", err)
			}
			all = append(all, r)
			return nil
		})
	})
	slices.SortStableFunc(all, func(a, b record) int { return int(a.StartedMS - b.StartedMS) })
	return all, err
}

// agreement is the rate fixed by the first Accept of a job.
type agreement struct {
	Offer wire.Event
	Quote wire.Event
	Until int64 // unix seconds: the job's deadline
}

func agreementKey(aggregator identity.PubKey, job wire.ID) []byte {
	return fmt.Appendf(nil, "agr/%s/%s", aggregator.Hex(), job)
}

func saveAgreement(st store.Store, aggregator identity.PubKey, job wire.ID, a agreement) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode agreement: %w", err)
	}
	return st.Update(func(tx store.Txn) error { return tx.Set(agreementKey(aggregator, job), data) })
}

// readAgreement returns what was agreed for a job, run out or not, or
// store.ErrNotFound.
func readAgreement(st store.Store, aggregator identity.PubKey, job wire.ID) (a agreement, err error) {
	err = st.View(func(rd store.Reader) error {
		data, err := rd.Get(agreementKey(aggregator, job))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &a)
	})
	return a, err
}

// loadAgreement returns false when there is none or it has run out.
func loadAgreement(st store.Store, aggregator identity.PubKey, job wire.ID, now time.Time) (agreement, bool, error) {
	a, err := readAgreement(st, aggregator, job)
	if errors.Is(err, store.ErrNotFound) {
		return agreement{}, false, nil
	}
	if err != nil {
		return agreement{}, false, err
	}
	return a, now.Unix() <= a.Until, nil
}
