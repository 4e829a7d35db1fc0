package provider

import (
	"errors"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Bundle is what this provider holds of the attempt that a receipt is for, as
// reputation.VerifyBundle reads it: with the offer as it was made before any
// work, and what its aggregator disclosed since. Of an attempt that it does not
// know it is the receipt alone.
func (p *Provider) Bundle(of reputation.Record) (reputation.Bundle, error) {
	r := of.Receipt
	rec, err := loadRecord(p.Store, attemptID{r.Payer, r.Job, r.Shard, r.Attempt})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return reputation.Bundle{}, err
	}
	b := of.Bundle(rec.Commit, rec.Asked, rec.Reveal)
	agreed, err := readAgreement(p.Store, r.Payer, r.Job)
	switch {
	case err == nil:
		b.Offer = &agreed.Offer
	case !errors.Is(err, store.ErrNotFound):
		return b, err
	}
	shown, err := loadDisclosed(p.Store, r.Payer, r.Job)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return b, err
	}
	for _, ev := range shown.Docs {
		m, err := wire.Decode[wire.Disclosure](ev)
		if err != nil {
			return b, err
		}
		if _, ok := m.Row(r.Shard, r.Attempt); ok {
			b.Disclosure = &ev
		}
	}
	return b, nil
}
