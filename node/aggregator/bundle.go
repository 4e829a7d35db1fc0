package aggregator

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Bundle is all that is known of one attempt's receipt, as
// reputation.VerifyBundle reads it: the receipt and its countersignature, the
// job's offer, commit and reveal, and once the job has ended the disclosure of
// the audit lottery. Attempt is the number in the documents.
func (d *Driver) Bundle(id job.ID, shard, attempt uint32) (json.RawMessage, error) {
	records, err := d.Ledger.ByJob(id)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(records, func(r reputation.Record) bool {
		return r.Receipt.Shard == shard && r.Receipt.Attempt == attempt
	})
	if i < 0 {
		return nil, ErrNoEvidence
	}
	rec := records[i]
	b := reputation.Bundle{Doc: rec.Doc}
	if rec.Countersigned {
		b.Countersignature = &rec.By
	}
	for _, want := range []struct {
		key []byte
		to  **wire.Event
	}{
		{offerKey(id, rec.Receipt.Provider), &b.Offer},
		{docKey(id, shard, attempt, docCommit), &b.Commit},
		{docKey(id, shard, attempt, docReveal), &b.Reveal},
	} {
		if *want.to, err = d.kept(want.key); err != nil {
			return nil, err
		}
	}
	if b.Disclosure, err = d.disclosureOf(id, rec); err != nil {
		return nil, err
	}
	return b.JSON()
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
