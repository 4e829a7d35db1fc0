package aggregator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

func jobKey(id job.ID) []byte { return []byte("job/" + id.String()) }

// saveJob writes a job with its outbox: one value, one transaction.
func saveJob(st store.Store, j job.Job) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	return putJob(st, j.ID, data)
}

func putJob(st store.Store, id job.ID, data []byte) error {
	return st.Update(func(tx store.Txn) error { return tx.Set(jobKey(id), data) })
}

func loadJob(st store.Store, id job.ID) (job.Job, error) {
	var j job.Job
	err := st.View(func(r store.Reader) error {
		data, err := r.Get(jobKey(id))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &j)
	})
	if errors.Is(err, store.ErrNotFound) {
		return j, ErrNoJob
	}
	return j, err
}

// loadJobs returns all jobs, newest first.
func loadJobs(st store.Store) ([]job.Job, error) {
	var all []job.Job
	err := st.View(func(r store.Reader) error {
		return r.Scan([]byte("job/"), func(_, value []byte) error {
			var j job.Job
			if err := json.Unmarshal(value, &j); err != nil {
				return fmt.Errorf("decode job: %w", err)
			}
			all = append(all, j)
			return nil
		})
	})
	slices.SortStableFunc(all, func(a, b job.Job) int { return b.Created.Compare(a.Created) })
	return all, err
}

// document names a signed document of an attempt.
type document string

// The documents kept of every attempt: evidence, and what is sent again as it
// is after a restart.
const (
	docCommit  document = "commit"
	docReveal  document = "reveal"
	docVerdict document = "verdict"
	docReceipt document = "receipt"
)

func docKey(id job.ID, shard, attempt uint32, d document) []byte {
	return fmt.Appendf(nil, "doc/%s/%08x/%08x/%s", id, shard, attempt, d)
}

// keep stores a signed document unless there is one already, and returns the
// one that stands: what was signed once is never signed again differently.
func (d *Driver) keep(id job.ID, shard, attempt uint32, name document, ev wire.Event) (wire.Event, error) {
	key := docKey(id, shard, attempt, name)
	stands := ev
	err := d.Store.Update(func(tx store.Txn) error {
		data, err := tx.Get(key)
		if err == nil {
			stands, err = wire.Parse(data)
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		stands = ev
		return tx.Set(key, ev.Bytes())
	})
	return stands, err
}
