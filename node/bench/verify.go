package bench

import (
	"context"
	"fmt"
	"slices"

	"infernet.tech/infernet/gossip/model"
)

// VerifyConfig says how much of verification is measured.
type VerifyConfig struct {
	Documents int // of each kind: made, signed, read and checked
	Shards    int // through the aggregator's code, in each mode and round, with providers that answer at once
	JobShards int // of one job
	Rounds    int
	Modes     []string     // of verification; none means all
	Nodes     int          // of the simulated gossip; 0 leaves it out
	Report    func(string) // told what happens, a line each; may be nil
}

// DefaultVerify is what the verb measures.
func DefaultVerify() VerifyConfig {
	return VerifyConfig{Documents: 500, Shards: 2000, JobShards: 1000, Rounds: 3, Nodes: 10_000}
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
	if c.Nodes != 0 && (c.Nodes < 2 || c.Nodes > 100_000) {
		return fmt.Errorf("%w: %d nodes, 2 to 100000 are possible", ErrConfig, c.Nodes)
	}
	for _, m := range c.Modes {
		if !slices.Contains(verifyModes(), m) {
			return fmt.Errorf("%w: no mode of verification is called %.40q", ErrConfig, m)
		}
	}
	return nil
}

// Verify is what was measured. Parts and Total are processor time, all cores
// together; a path's shards a second are of one core.
type Verify struct {
	Machine Machine      `json:"machine"`
	Parts   []VerifyPart `json:"parts"` // of one shard that one provider computes
	Total   Series       `json:"total_us"`
	Paths   []VerifyPath `json:"paths"`
	// Gossip is what opinions cost in a simulated network: bytes per node and day,
	// and the time until everybody agrees. Nothing of it is of this machine.
	Gossip *model.Report `json:"gossip,omitempty"`
}

// VerifyPart is one part of a shard's processor time, in microseconds.
type VerifyPart struct {
	Name string `json:"name"`
	What string `json:"what"`
	Took Series `json:"us"`
}

// VerifyPath is how many shards go through the aggregator's code in a second of
// one core, with providers that answer at once. What the providers compute
// themselves, their signatures with it, is left out.
type VerifyPath struct {
	Mode      string  `json:"mode"`
	Shards    int     `json:"shards"` // of one job
	PerSecond Series  `json:"shards_per_second"`
	Both      Series  `json:"both_sides_per_second"` // with the providers' documents on the same core
	Machine   Series  `json:"machine_us"`            // of it, by shard: the state machine
	Store     Series  `json:"store_us"`              // writing the job and its documents down
	Documents Series  `json:"documents_us"`
	Scoring   Series  `json:"scoring_us"`     // receipts into the ledger, standings out of it
	Runs      float64 `json:"runs_per_shard"` // executions of one shard
	// SignaturesAlone is what a core would carry if a shard cost nothing but
	// making and checking the signatures of its executions: the bound of any code.
	SignaturesAlone float64 `json:"signatures_alone_per_second"`
}

// RunVerify measures. Errors: ErrConfig, ErrJob and ctx's.
func RunVerify(ctx context.Context, cfg VerifyConfig) (out Verify, err error) {
	if err := cfg.Validate(); err != nil {
		return Verify{}, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	if len(cfg.Modes) == 0 {
		cfg.Modes = verifyModes()
	}
	out.Machine = thisMachine()
	cfg.Report(fmt.Sprintf("documents: %d of each kind, %d rounds", cfg.Documents, cfg.Rounds))
	if out.Parts, out.Total, err = verifyParts(ctx, cfg); err != nil {
		return out, err
	}
	for _, mode := range cfg.Modes {
		cfg.Report(fmt.Sprintf("shards: %d, %s", cfg.Shards, mode))
		path, err := verifyPath(ctx, cfg, mode)
		if err != nil {
			return out, fmt.Errorf("mode %s: %w", mode, err)
		}
		signatures := out.Parts[partSigning].Took.Median + out.Parts[partChecking].Took.Median
		path.SignaturesAlone = round(1e6 / (signatures * path.Runs))
		out.Paths = append(out.Paths, path)
	}
	if cfg.Nodes > 0 {
		cfg.Report(fmt.Sprintf("gossip: %d simulated nodes", cfg.Nodes))
		network := model.Default()
		network.Nodes = cfg.Nodes
		found, err := model.Run(ctx, network)
		if err != nil {
			return out, err
		}
		out.Gossip = &found
	}
	return out, nil
}
