package aggregator

import (
	"encoding/json"

	"infernet.tech/infernet/node/job"
)

// Bundle is all that is known of one attempt's receipt, as
// reputation.VerifyBundle reads it: the receipt and its countersignature, the
// job's offer, the commit, the disclosure of the audit lottery and the payment.
// Attempt is the number on the wire.
func (d *Driver) Bundle(id job.ID, shard, attempt uint32) (json.RawMessage, error) {
	return nil, ErrNoEvidence
}

// Evidence is the bundle of a disputed shard: every signed document of its
// attempts and the CIDs of their results. It is kept as content under its CID.
func (d *Driver) Evidence(id job.ID, shard uint32) (cid string, raw []byte, err error) {
	return "", nil, ErrNoEvidence
}
