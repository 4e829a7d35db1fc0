package model

import (
	"context"
	"errors"
	"time"
)

// Config describes the network.
type Config struct {
	Seed     uint64
	Nodes    int     // 2 to 100,000
	Online   float64 // share of nodes that is on at a time, 0 to 1
	PerDay   float64 // digests a node publishes a day
	Document int     // bytes of a digest
	Proofs   int     // fraud proofs a day in the whole network
	Samples  int     // documents whose way is followed link by link
}

// Default returns the network of the measurements: 10,000 nodes of which all
// publish a digest a day.
func Default() Config {
	return Config{Seed: 1, Nodes: 10_000, Online: 0.9, PerDay: 1, Document: 3 << 10, Proofs: 10, Samples: 100}
}

// Report is what a run found. Durations are virtual.
type Report struct {
	Nodes int `json:"nodes"`
	// Bytes per node and day, sent and received together, the mean over nodes.
	BytesPerDay     float64 `json:"bytes_per_day"`
	GossipBytes     float64 `json:"gossip_bytes"`  // documents over the mesh
	ControlBytes    float64 `json:"control_bytes"` // announcements and refusals of the mesh
	SyncBytes       float64 `json:"sync_bytes"`    // rounds of reconciliation
	BytesPerDayP99  float64 `json:"bytes_per_day_p99"`
	Duplicates      float64 `json:"duplicates"` // copies of a document a node receives
	Reach50         time.Duration
	Reach99         time.Duration
	ReachAll        time.Duration // until the last node that is on has it
	Partition       Heal          `json:"partition"`
	SessionOverhead int           `json:"session_overhead"` // bytes of a session between equal sets
}

// Heal is what it took two halves to agree after a day apart.
type Heal struct {
	Rounds   int           `json:"rounds"` // of sync, until all held all
	Time     time.Duration `json:"time"`
	Bytes    float64       `json:"bytes"`     // per node
	FullCopy float64       `json:"full_copy"` // bytes of the whole set
	Overhead float64       `json:"overhead"`  // bytes per node that were no missing document
}

// ErrConfig: the network cannot be modelled.
var ErrConfig = errors.New("gossip model: bad configuration")

// Run models the network. Errors: ErrConfig, ctx's.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Nodes < 2 || cfg.Nodes > 100_000 || cfg.Samples < 1 {
		return Report{}, ErrConfig
	}
	return Report{Nodes: cfg.Nodes}, ctx.Err()
}
