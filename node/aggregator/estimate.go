package aggregator

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
)

// Estimate is what a job would cost and how sure its result would be, by quotes
// that hold now. Nothing is reserved and nobody is bound by it.
type Estimate struct {
	Shards     int
	Candidates int // providers that match and quoted
	Cost       EstimatedCost
	Time       EstimatedTime
	Overhead   float64 // expected executions beyond one for each shard, as a share of the shards
	Slip       EstimatedSlip
	Verify     job.Verify
	Dropped    []job.Dropped
	Notes      []string // what the numbers rest on, for people
}

// EstimatedCost is of the whole job: Low at the cheapest with nothing verified
// twice beyond what the mode always does, High at the dearest with every shard
// audited.
type EstimatedCost struct{ Low, Expected, High payments.Amount }

// EstimatedTime is from the first dispatch to the result.
type EstimatedTime struct{ Expected, High time.Duration }

// EstimatedSlip is the chance that a wrong shard is accepted when a share of
// the providers cheats in a share of their work.
type EstimatedSlip struct {
	Cheaters float64 // assumed share of providers that cheat
	Cheat    float64 // assumed share of its shards that one of them gets wrong
	Shard    float64 // chance that one shard of the job is wrong and accepted
	Job      float64 // chance that any is
}

// Estimate asks for quotes as a job would and works out what it would come to.
func (d *Driver) Estimate(_ context.Context, _ Request) (Estimate, error) {
	return Estimate{}, errors.ErrUnsupported
}
