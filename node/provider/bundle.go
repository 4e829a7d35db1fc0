package provider

import (
	"encoding/json"
	"errors"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Bundle is what this provider holds of one of its attempts, as
// reputation.VerifyBundle reads it: with the offer as it was made before any
// work, and what its aggregator disclosed since. Errors are store.ErrNotFound
// when there is no receipt of such an attempt.
func (p *Provider) Bundle(aggregator identity.PubKey, job wire.ID, shard, attempt uint32) (json.RawMessage, error) {
	rec, err := loadRecord(p.Store, attemptID{aggregator, job, shard, attempt})
	if err != nil {
		return nil, err
	}
	if rec.Doc == nil {
		return nil, store.ErrNotFound
	}
	b := reputation.Bundle{Doc: *rec.Doc, Countersignature: rec.Receipt, Commit: rec.Commit, Reveal: rec.Reveal}
	agreed, err := readAgreement(p.Store, aggregator, job)
	switch {
	case err == nil:
		b.Offer = &agreed.Offer
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	shown, err := loadDisclosed(p.Store, aggregator, job)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for _, ev := range shown.Docs {
		m, err := wire.Decode[wire.Disclosure](ev)
		if err != nil {
			return nil, err
		}
		if _, ok := m.Row(shard, attempt); ok {
			b.Disclosure = &ev
		}
	}
	return b.JSON()
}
