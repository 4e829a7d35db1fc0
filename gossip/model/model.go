package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// ErrConfig: the network cannot be modelled.
var ErrConfig = errors.New("gossip model: bad configuration")

// Config describes the network.
type Config struct {
	Seed     uint64
	Nodes    int           // 16 to 100,000
	Peers    int           // to which a node is connected
	Latency  time.Duration // one way, along one side of the square that is the world
	Online   float64       // share of its time that a node is on, above 0, to 1
	PerDay   float64       // digests a node publishes a day
	Document int           // bytes of a digest
	Proofs   int           // fraud proofs a day in the whole network
	Changed  float64       // share of the digests that are new after a partition of a day
	Every    time.Duration // between rounds of sync
	Samples  int           // documents whose way is followed link by link
}

// Default returns the network of the measurements: 10,000 nodes, each with a
// digest of 20 opinions a day.
func Default() Config {
	return Config{
		Seed: 1, Nodes: 10_000, Peers: 160, Latency: 100 * time.Millisecond, Online: 0.9, PerDay: 1, Document: 1350, Proofs: 10, Changed: 1,
		Every: 10 * time.Minute, Samples: 60,
	}
}

// Validate returns the first thing wrong with c, wrapping ErrConfig.
func (c Config) Validate() error {
	switch {
	case c.Nodes < 16 || c.Nodes > 100_000:
		return fmt.Errorf("%w: %d nodes, want 16 to 100,000", ErrConfig, c.Nodes)
	case c.Peers < degree || c.Latency < 0 || c.Latency > 10*time.Second:
		return fmt.Errorf("%w: %d peers, a latency of %s", ErrConfig, c.Peers, c.Latency)
	case !(c.Online > 0 && c.Online <= 1) || float64(c.Nodes)*c.Online < 16:
		return fmt.Errorf("%w: a share of %v is on", ErrConfig, c.Online)
	case !(c.PerDay >= 0 && c.PerDay <= 24) || c.Proofs < 0 || c.Proofs > 1_000_000:
		return fmt.Errorf("%w: %v digests and %d proofs a day", ErrConfig, c.PerDay, c.Proofs)
	case c.Document < 256 || c.Document > 16<<10:
		return fmt.Errorf("%w: documents of %d bytes", ErrConfig, c.Document)
	case !(c.Changed >= 0 && c.Changed <= 1) || c.Every < time.Second || c.Samples < 1 || c.Samples > 10_000:
		return fmt.Errorf("%w: a share of %v changed, sync every %s, %d samples", ErrConfig, c.Changed, c.Every, c.Samples)
	}
	return nil
}

// Report is what a run found. Bytes are of one node that is on, sent and
// received together, above QUIC; durations are virtual.
type Report struct {
	Nodes          int     `json:"nodes"`
	Documents      float64 `json:"documents_per_day"`
	BytesPerDay    float64 `json:"bytes_per_day"` // the sum of the next three
	GossipBytes    float64 `json:"gossip_bytes"`  // documents over the mesh
	ControlBytes   float64 `json:"control_bytes"` // what the mesh says of documents
	SyncBytes      float64 `json:"sync_bytes"`    // sessions, and the documents missed while off
	GossipBytesP99 float64 `json:"gossip_bytes_p99"`
	Copies         float64 `json:"copies"` // of a document that a node receives

	Reach50  time.Duration `json:"reach_50_ns"` // until half of the nodes have a document
	Reach99  time.Duration `json:"reach_99_ns"`
	ReachAll time.Duration `json:"reach_all_ns"` // the slowest sample
	Reached  float64       `json:"reached"`      // share of the nodes that the mesh reaches

	IdleSession int  `json:"idle_session_bytes"` // of a session between equal sets
	Partition   Heal `json:"partition"`
}

// Run models the network. Errors: ErrConfig, ctx's.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 0x676f73736970))
	docs := float64(cfg.Nodes)*cfg.PerDay + float64(cfg.Proofs)
	r := Report{Nodes: cfg.Nodes, Documents: docs}
	if err := r.spread(ctx, cfg, rng); err != nil {
		return Report{}, err
	}
	r.sync(cfg)
	r.BytesPerDay = r.GossipBytes + r.ControlBytes + r.SyncBytes
	var err error
	r.Partition, err = heal(ctx, cfg, rng)
	return r, err
}

// spread follows some documents over the mesh of the nodes that are on.
func (r *Report) spread(ctx context.Context, cfg Config, rng *rand.Rand) error {
	on := int(float64(cfg.Nodes) * cfg.Online)
	m := newMesh(on, cfg.Peers, cfg.Latency, rng)
	total := make([]int, on) // bytes of documents, by node
	var control, copies, reached int
	var half, most, all []time.Duration
	for range cfg.Samples {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := m.send(rng.IntN(on), cfg.Document, rng)
		for i, b := range w.bytes {
			total[i] += b
		}
		control += w.control
		copies += w.copies
		reached += len(w.arrived)
		half = append(half, w.after(0.5))
		most = append(most, w.after(0.99))
		all = append(all, w.after(1))
	}
	perDay := r.Documents * cfg.Online / float64(cfg.Samples) // while it is on
	slices.Sort(total)
	sum := 0
	for _, b := range total {
		sum += b
	}
	r.GossipBytes = float64(sum) / float64(on) * perDay
	r.GossipBytesP99 = float64(total[on*99/100]) * perDay
	r.ControlBytes = float64(control) / float64(on) * perDay
	r.Copies = float64(copies) / float64(on*cfg.Samples)
	r.Reached = float64(reached) / float64(on*cfg.Samples)
	r.Reach50, r.Reach99, r.ReachAll = mean(half), mean(most), slices.Max(all)
	return nil
}

func mean(ds []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(len(ds))
}

// sync counts a day's sessions: those of equal sets, and one that brings what
// was missed while the node was off.
func (r *Report) sync(cfg Config) {
	idle := compare(cfg.Nodes, 0, 0, room)
	r.IdleSession = idle.bytes
	// Each round asks two peers, and as many ask this node.
	rounds := cfg.Online * float64(24*time.Hour) / float64(cfg.Every)
	r.SyncBytes = rounds * 4 * float64(idle.bytes)
	missed := int(r.Documents * (1 - cfg.Online))
	for missed > 0 {
		n := min(missed, (maxSession-maxSession/8)/cfg.Document)
		d := compare(max(cfg.Nodes-missed, 0), 0, missed, room)
		// What one node misses another gives: it counts twice.
		r.SyncBytes += 2 * float64(d.bytes+transfer(n, n, n, cfg.Document))
		missed -= n
	}
}
