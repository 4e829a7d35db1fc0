package aggregator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// A job is stored in parts: the head (everything but the shards, the outbox
// with it) under job/ID, each shard under shard/ID/GENERATION/INDEX. A step
// writes the head and the shards that it changed, in one transaction. When
// that is more than a transaction holds, all shards are written as a new
// generation first, which nobody reads until the head names it.

func jobKey(id job.ID) []byte { return []byte("job/" + id.String()) }

func shardsKey(id job.ID) string { return "shard/" + id.String() + "/" }

func generationKey(id job.ID, gen uint64) string { return fmt.Sprintf("%s%08x/", shardsKey(id), gen) }

func shardKey(id job.ID, gen uint64, index int) []byte {
	return fmt.Appendf(nil, "%s%08x", generationKey(id, gen), index)
}

// head is a job as stored, without its shards.
type head struct {
	job.Job
	Generation uint64 `json:"generation,omitempty"`
	Count      int    `json:"count,omitempty"` // of shards
}

// batchBytes bounds one transaction of a new generation; a store takes at
// least this much in one.
const batchBytes = 512 << 10

// written is what of a job is in the store.
type written struct {
	head   []byte
	shards []*job.Shard
	gen    uint64
}

// save writes a job down unless nothing of it has changed. What is written is
// remembered in w only once it is in the store.
func (w *written) save(st store.Store, j job.Job) (changed bool, err error) {
	rows, err := w.changed(j)
	if err != nil {
		return false, err
	}
	data, err := encodeHead(j, w.gen)
	if err != nil || len(rows) == 0 && string(data) == string(w.head) {
		return false, err
	}
	gen := w.gen
	err = st.Update(func(tx store.Txn) error {
		for _, r := range rows {
			if err := tx.Set(shardKey(j.ID, gen, r.index), r.data); err != nil {
				return err
			}
		}
		return tx.Set(jobKey(j.ID), data)
	})
	if errors.Is(err, store.ErrTooBig) {
		gen, data, err = renew(st, j)
	}
	if err != nil {
		return false, err
	}
	w.head, w.shards, w.gen = data, j.Shards, gen
	return true, nil
}

type row struct {
	index int
	data  []byte
}

// changed encodes the shards that differ from what is stored.
func (w *written) changed(j job.Job) ([]row, error) {
	var rows []row
	for i := range j.Shards {
		if i < len(w.shards) && sameShard(w.shards[i], j.Shards[i]) {
			continue
		}
		data, err := json.Marshal(j.Shards[i])
		if err != nil {
			return nil, fmt.Errorf("encode shard %d: %w", i, err)
		}
		rows = append(rows, row{i, data})
	}
	return rows, nil
}

func encodeHead(j job.Job, gen uint64) ([]byte, error) {
	h := head{Job: j, Generation: gen, Count: len(j.Shards)}
	h.Shards = nil
	data, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode job: %w", err)
	}
	return data, nil
}

// renew writes all shards as a generation of their own, then the head that
// names it, and removes the others.
func renew(st store.Store, j job.Job) (gen uint64, data []byte, err error) {
	stands, err := loadHead(st, j.ID)
	if err != nil && !errors.Is(err, ErrNoJob) {
		return 0, nil, err
	}
	gen = stands.Generation + 1
	// What a crash left of an earlier try would be read with this one.
	if err := removeAll(st, generationKey(j.ID, gen)); err != nil {
		return 0, nil, err
	}
	if err := writeShards(st, j, gen); err != nil {
		return 0, nil, err
	}
	if data, err = encodeHead(j, gen); err != nil {
		return 0, nil, err
	}
	if err := st.Update(func(tx store.Txn) error { return tx.Set(jobKey(j.ID), data) }); err != nil {
		return 0, nil, err
	}
	for old := range gen {
		// It stands, whether or not what nobody reads any more can be removed.
		if removeAll(st, generationKey(j.ID, old)) != nil {
			break
		}
	}
	return gen, data, nil
}

// writeShards writes all shards, a bounded number of bytes at a time.
func writeShards(st store.Store, j job.Job, gen uint64) error {
	for from := 0; from < len(j.Shards); {
		next := from
		err := st.Update(func(tx store.Txn) error {
			next = from
			for size := 0; next < len(j.Shards) && size < batchBytes; next++ {
				data, err := json.Marshal(j.Shards[next])
				if err != nil {
					return err
				}
				size += len(data)
				if err := tx.Set(shardKey(j.ID, gen, next), data); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// removeAll deletes what lies under a prefix, a bounded number at a time.
func removeAll(st store.Store, prefix string) error {
	const most = 1024
	for {
		var keys [][]byte
		errEnough := errors.New("enough")
		err := st.View(func(r store.Reader) error {
			return r.Scan([]byte(prefix), func(key, _ []byte) error {
				keys = append(keys, slices.Clone(key))
				if len(keys) == most {
					return errEnough
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if len(keys) == 0 {
			return nil
		}
		err = st.Update(func(tx store.Txn) error {
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// saveJob writes a whole job, whatever is stored of it.
func saveJob(st store.Store, j job.Job) error {
	w := written{}
	if stored, err := loadHead(st, j.ID); err == nil {
		w.gen = stored.Generation
	} else if !errors.Is(err, ErrNoJob) {
		return err
	}
	_, err := w.save(st, j)
	return err
}

func loadHead(st store.Store, id job.ID) (h head, err error) {
	err = st.View(func(r store.Reader) error {
		data, err := r.Get(jobKey(id))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &h)
	})
	if errors.Is(err, store.ErrNotFound) {
		return h, ErrNoJob
	}
	return h, err
}

func loadJob(st store.Store, id job.ID) (j job.Job, err error) {
	err = st.View(func(r store.Reader) error {
		data, err := r.Get(jobKey(id))
		if err != nil {
			return err
		}
		j, err = decodeJob(r, data)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return j, ErrNoJob
	}
	return j, err
}

// decodeJob puts a job together from its head and its shards.
func decodeJob(r store.Reader, data []byte) (job.Job, error) {
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return job.Job{}, fmt.Errorf("decode job: %w", err)
	}
	if h.Count == 0 {
		return h.Job, nil // it was stored whole
	}
	h.Shards = nil
	prefix := generationKey(h.ID, h.Generation)
	err := r.Scan([]byte(prefix), func(key, value []byte) error {
		index, err := strconv.ParseUint(strings.TrimPrefix(string(key), prefix), 16, 32)
		if err != nil || index != uint64(len(h.Shards)) {
			return fmt.Errorf("decode job: a shard is missing before %q", key)
		}
		h.Shards = append(h.Shards, &job.Shard{})
		return json.Unmarshal(value, h.Shards[index])
	})
	if err == nil && len(h.Shards) != h.Count {
		err = fmt.Errorf("decode job: %d of %d shards are stored", len(h.Shards), h.Count)
	}
	return h.Job, err
}

// loadJobs returns all jobs, newest first.
func loadJobs(st store.Store) ([]job.Job, error) {
	var all []job.Job
	err := st.View(func(r store.Reader) error {
		var heads [][]byte
		err := r.Scan([]byte("job/"), func(_, value []byte) error {
			heads = append(heads, slices.Clone(value))
			return nil
		})
		if err != nil {
			return err
		}
		for _, data := range heads {
			j, err := decodeJob(r, data)
			if err != nil {
				return err
			}
			all = append(all, j)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b job.Job) int { return b.Created.Compare(a.Created) })
	return all, err
}

// likeJobs lists the newest jobs of the same image and model, a few.
func (d *Driver) likeJobs(j job.Job, most int) (ids []job.ID, err error) {
	var like []job.Job
	err = d.Store.View(func(r store.Reader) error {
		like = nil
		return r.Scan([]byte("job/"), func(_, value []byte) error {
			var h struct {
				ID      job.ID    `json:"id"`
				Created time.Time `json:"created"`
				Image   job.Image `json:"image"`
				Model   job.Model `json:"model"`
			}
			if err := json.Unmarshal(value, &h); err != nil {
				return fmt.Errorf("decode job: %w", err)
			}
			if h.Image.Digest == j.Image.Digest && h.Model.CID == j.Model.CID {
				like = append(like, job.Job{ID: h.ID, Created: h.Created})
			}
			return nil
		})
	})
	slices.SortFunc(like, func(a, b job.Job) int { return b.Created.Compare(a.Created) })
	for _, l := range like[:min(most, len(like))] {
		ids = append(ids, l.ID)
	}
	return ids, err
}

// document names a signed document of an attempt.
type document string

// The documents kept of every attempt: evidence, and what is sent again as it
// is after a restart.
const (
	docCommit  document = "commit"
	docReveal  document = "reveal"
	docVerdict document = "verdict"
)

func docKey(id job.ID, shard, attempt uint32, d document) []byte {
	return fmt.Appendf(nil, "doc/%s/%08x/%08x/%s", id, shard, attempt, d)
}

// document returns a signed document that is kept, or store.ErrNotFound.
func (d *Driver) document(id job.ID, shard, attempt uint32, name document) (ev wire.Event, err error) {
	err = d.Store.View(func(r store.Reader) error {
		data, err := r.Get(docKey(id, shard, attempt, name))
		if err == nil {
			ev, err = wire.Parse(data)
		}
		return err
	})
	return ev, err
}

// proves tells of a provider whose documents contradict each other; those that
// agree are none of its business.
func (d *Driver) proves(subject identity.PubKey, fault string, docs ...wire.Event) {
	proof := wire.FraudProof{Subject: subject, Fault: fault, Docs: docs}
	if d.Fraud != nil && proof.Validate() == nil {
		d.Fraud(proof)
	}
}

// keep stores a signed document unless there is one already, and returns the
// one that stands: what was signed once is never signed again differently.
func (d *Driver) keep(id job.ID, shard, attempt uint32, name document, ev wire.Event) (wire.Event, error) {
	return d.keepAt(docKey(id, shard, attempt, name), ev)
}

func (d *Driver) keepAt(key []byte, ev wire.Event) (wire.Event, error) {
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
