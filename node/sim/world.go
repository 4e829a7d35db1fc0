package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// epoch is when every world begins.
var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// world is one set of people in virtual time.
type world struct {
	clock
	cfg      Config
	strategy Strategy
	rng      *rand.Rand
	start    time.Time
	alike    bool // all providers have one price, one pace and as many slots
	keys     uint64

	players   []*player
	providers []*provider
	byKey     map[identity.PubKey]*provider
	clients   []*client
	tally     tally
	fatal     error // of a part that cannot fail here
}

func newWorld(cfg Config, s Strategy) *world {
	h := fnv.New64a()
	h.Write([]byte(s))
	return &world{
		cfg: cfg, strategy: s, start: epoch, clock: clock{now: epoch},
		rng:   rand.New(rand.NewPCG(cfg.Seed, h.Sum64())),
		byKey: map[identity.PubKey]*provider{},
	}
}

// span is how long jobs are given out.
func (w *world) span() time.Duration {
	return time.Duration(w.cfg.Days * 24 * float64(time.Hour))
}

// day counts from the beginning of the world.
func (w *world) day() int { return int(w.now.Sub(w.start) / (24 * time.Hour)) }

// id draws a nonce, a secret or a name.
func (w *world) id() job.ID {
	var id wire.ID
	for i := 0; i < len(id); i += 8 {
		binary.BigEndian.PutUint64(id[i:], w.rng.Uint64())
	}
	return id
}

// usualPrice is the middle of what providers ask for a shard.
func (w *world) usualPrice() uint64 { return unitPrice * w.cfg.Units }

// play lets one world run to its end.
func play(ctx context.Context, cfg Config, s Strategy) (Row, error) {
	w := newWorld(cfg, s)
	if err := w.run(ctx); err != nil {
		return Row{}, err
	}
	return w.row(), nil
}

// run makes the people, plans what they will want, and lets it all happen.
func (w *world) run(ctx context.Context) error {
	if err := w.people(); err != nil {
		return err
	}
	w.planJobs()
	w.gossip()
	for {
		more, err := w.next()
		if err := errors.Join(err, w.fatal, ctx.Err()); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

// planJobs spreads the jobs evenly over the time, to clients in turn.
func (w *world) planJobs() {
	jobs := (w.cfg.Shards + w.cfg.JobShards - 1) / w.cfg.JobShards
	for i := range jobs {
		shards := min(w.cfg.JobShards, w.cfg.Shards-i*w.cfg.JobShards)
		c := w.clients[i%len(w.clients)]
		at := time.Duration(float64(w.span()) * float64(i) / float64(jobs))
		w.after(at, func() error { return w.submit(c, shards) })
	}
}
