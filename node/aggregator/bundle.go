package aggregator

import (
	"errors"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Bundle is what this node holds of the attempt that a receipt of its own is for,
// as reputation.VerifyBundle reads it: the receipt and its countersignature, the
// job's offer, commit and reveal, and once the job has ended the disclosure of the
// audit lottery. What of that is not held is left out.
func (d *Driver) Bundle(rec reputation.Record) (b reputation.Bundle, err error) {
	id, shard, attempt := rec.Receipt.Job, rec.Receipt.Shard, rec.Receipt.Attempt
	var offer, commit, reveal *wire.Event
	for _, want := range []struct {
		key []byte
		to  **wire.Event
	}{
		{offerKey(id, rec.Receipt.Provider), &offer},
		{docKey(id, shard, attempt, docCommit), &commit},
		{docKey(id, shard, attempt, docReveal), &reveal},
	} {
		if *want.to, err = d.kept(want.key); err != nil {
			return b, err
		}
	}
	b = rec.Bundle(commit, nil, reveal)
	b.Offer = offer
	b.Disclosure, err = d.disclosureOf(id, rec)
	return b, err
}

// kept returns a document, or nil where there is none.
func (d *Driver) kept(key []byte) (*wire.Event, error) {
	var ev wire.Event
	err := d.Store.View(func(r store.Reader) error {
		data, err := r.Get(key)
		if err == nil {
			ev, err = wire.Parse(data)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &ev, nil
}

// disclosureOf signs the disclosure with the attempt's row, once the job has
// ended: before that the secret is nobody's.
func (d *Driver) disclosureOf(id job.ID, rec reputation.Record) (*wire.Event, error) {
	j, err := d.Get(id)
	if errors.Is(err, ErrNoJob) {
		return nil, nil // a lease, or a job that others drove
	}
	if err != nil || !j.State.Terminal() || j.Secret.IsZero() || rec.Author != d.Key.PubKey() {
		return nil, err
	}
	for _, m := range Disclosures(j, rec.Receipt.Provider) {
		if _, ok := m.Row(rec.Receipt.Shard, rec.Receipt.Attempt); ok {
			signed, err := wire.Seal(d.Key, m, time.Now())
			return &signed, err
		}
	}
	return nil, nil
}
