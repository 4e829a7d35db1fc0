package provider

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Unpaid keeps a receipt that says that client signed for ref and did not make
// it good: the rail tells of it. What was not a task of this provider is none
// of its business.
func (p *Provider) Unpaid(client identity.PubKey, ref payments.Ref, now time.Time) error {
	id, ok := attemptOf(client, ref)
	if !ok {
		return nil
	}
	rec, err := loadRecord(p.Store, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.issueUnpaid(rec, now)
}

// attemptOf reads what NewRef wrote.
func attemptOf(client identity.PubKey, ref payments.Ref) (id attemptID, ok bool) {
	parts := strings.Split(string(ref), "/")
	if len(parts) != 3 {
		return id, false
	}
	job, err := wire.ParseID(parts[0])
	shard, serr := strconv.ParseUint(parts[1], 10, 32)
	attempt, aerr := strconv.ParseUint(parts[2], 10, 32)
	if errors.Join(err, serr, aerr) != nil {
		return id, false
	}
	return attemptID{Aggregator: client, Job: job, Shard: uint32(shard), Attempt: uint32(attempt)}, true
}
