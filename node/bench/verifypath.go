package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// verifyModes are the modes that a path is measured for.
func verifyModes() []string {
	return []string{job.VerifyNone, job.VerifyAdaptive, job.VerifySample, job.VerifyReplay, job.VerifyQuorum}
}

// instant carries the effects of a job out for providers that answer at once:
// what a Driver does beside the network.
type instant struct {
	key       *identity.Key
	providers []*identity.Key
	byKey     map[identity.PubKey]*identity.Key
	book      *reputation.Book
	journal   *aggregator.Journal
	j         job.Job
	now       time.Time
	events    []job.Event
	spent     [4]time.Duration // by what
	theirs    time.Duration    // of the providers, not counted
	runs      int
}

// What the time of the aggregator is spent on.
const (
	onMachine = iota
	onStore
	onDocuments
	onScoring
)

// verifyPath measures one mode.
func verifyPath(ctx context.Context, cfg VerifyConfig, mode string) (VerifyPath, error) {
	out := VerifyPath{Mode: mode, Shards: min(cfg.JobShards, cfg.Shards)}
	var rate, both []float64
	var parts [4][]float64
	for range cfg.Rounds {
		var all, theirs time.Duration
		var spent [4]time.Duration
		shards, runs := 0, 0
		for shards < cfg.Shards {
			n := min(cfg.JobShards, cfg.Shards-shards)
			since := cpuTime()
			in, err := runInstant(ctx, mode, n)
			if err != nil {
				return out, err
			}
			all, theirs = all+cpuTime()-since, theirs+in.theirs
			for i := range spent {
				spent[i] += in.spent[i]
			}
			shards, runs = shards+n, runs+in.runs
		}
		rate, both = append(rate, float64(shards)/(all-theirs).Seconds()), append(both, float64(shards)/all.Seconds())
		for i := range parts {
			parts[i] = append(parts[i], float64(spent[i].Microseconds())/float64(shards))
		}
		out.Runs = round(float64(runs) / float64(shards))
	}
	out.PerSecond, out.Both = summarise(rate), summarise(both)
	out.Machine, out.Store = summarise(parts[onMachine]), summarise(parts[onStore])
	out.Documents, out.Scoring = summarise(parts[onDocuments]), summarise(parts[onScoring])
	return out, nil
}

// runInstant does one job in a store of its own on the disk.
func runInstant(ctx context.Context, mode string, shards int) (in *instant, err error) {
	dir, err := os.MkdirTemp("", "infernet-bench-verify-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(filepath.Join(dir, "store"), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if in, err = newInstant(db); err != nil {
		return nil, err
	}
	if err := in.submit(mode, shards); err != nil {
		return nil, err
	}
	for !in.j.State.Terminal() || len(in.events) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(in.events) == 0 {
			return nil, fmt.Errorf("%w: it stands still, %s: %s", ErrJob, in.j.State, in.j.Reason.Text)
		}
		if err := in.turn(); err != nil {
			return nil, err
		}
	}
	if in.j.State != job.StateDone {
		return nil, fmt.Errorf("%w: %s: %s", ErrJob, in.j.State, in.j.Reason.Text)
	}
	return in, nil
}

func newInstant(db store.Store) (*instant, error) {
	in := &instant{byKey: map[identity.PubKey]*identity.Key{}, journal: aggregator.NewJournal(store.Prefix(db, "job/")), now: time.Now()}
	var err error
	if in.key, err = identity.Generate(); err != nil {
		return nil, err
	}
	for range 24 {
		k, err := identity.Generate()
		if err != nil {
			return nil, err
		}
		in.providers, in.byKey[k.PubKey()] = append(in.providers, k), k
	}
	in.book, err = reputation.NewBook(in.key.PubKey(), store.Prefix(db, "book/"), reputation.Default())
	return in, err
}

// timed adds what do costs to one of the sums.
func (in *instant) timed(what int, do func() error) error {
	since := cpuTime()
	err := do()
	in.spent[what] += cpuTime() - since
	return err
}

func (in *instant) submit(mode string, shards int) error {
	s := job.Spec{Name: "bench", Task: job.Task{Image: "bench"}, Inputs: []job.SpecInput{{Path: "in"}}}
	s.Verify.Mode = mode
	s.Payment.Max = payments.Amount{Value: uint64(shards) * 1000, Unit: payments.Credits}
	s.Timeouts.Job = time.Hour
	s.ApplyDefaults()
	s.MaxInFlight = 64
	ev := job.Submit{ID: wire.RandomID(), Secret: wire.RandomID(), Spec: s, Image: job.Image{Digest: benchDigest}, Now: in.now}
	for range shards {
		ev.Inputs = append(ev.Inputs, job.Input{CID: benchCID, Units: 25, Bytes: 1000})
	}
	in.events = append(in.events, ev)
	return nil
}

// turn takes all events that wait, as a Driver does: they are written together.
func (in *instant) turn() error {
	events := in.events
	in.events = nil
	var effects []job.Effect
	for _, ev := range events {
		err := in.timed(onMachine, func() error {
			next, out, err := job.Step(in.j, ev)
			if err == nil {
				in.j, effects = next, append(effects, out...)
			}
			return err
		})
		var refused *job.TransitionError
		if err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	if err := in.timed(onStore, func() error { _, err := in.journal.Write(in.j); return err }); err != nil {
		return err
	}
	return in.perform(effects)
}
