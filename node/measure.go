package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Names and units of what a provider measures of itself.
const (
	benchMemory   = "memory-copy"
	benchOne      = "tokens/"    // and the model's name: one stream
	benchMany     = "tokens-8x/" // and the model's name: eight streams together
	unitBytes     = "bytes/s"
	unitTokens    = "tokens/s"
	manyStreams   = 8
	memoryBlock   = 64 << 20 // bytes; larger than processors' caches
	memoryTime    = time.Second
	maxMeasured   = 6 // rows that an offer has room for
	benchStoreKey = "benches"
)

// ErrNothingServed says that there is no engine to measure.
var ErrNothingServed = errors.New("this node serves no model")

// measurements are what this node found of itself, kept over restarts and told
// in its offer.
type measurements struct {
	s store.Store

	mu   sync.Mutex
	rows []wire.Bench
}

// openMeasurements reads those of an earlier run.
func openMeasurements(s store.Store) (*measurements, error) {
	m := &measurements{s: s}
	err := s.View(func(r store.Reader) error {
		raw, err := r.Get([]byte(benchStoreKey))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &m.rows)
	})
	return m, err
}

func (m *measurements) list() []wire.Bench {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]wire.Bench(nil), m.rows...)
}

func (m *measurements) set(rows []wire.Bench) error {
	rows = rows[:min(len(rows), maxMeasured)]
	raw, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	if err := m.s.Update(func(tx store.Txn) error { return tx.Set([]byte(benchStoreKey), raw) }); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = rows
	return nil
}

// measure finds out how fast this machine copies memory and how fast each
// served model answers, alone and eight at a time, and puts it into the signed
// offer. Requests of others meanwhile make the numbers smaller, never larger.
func (n *Node) measure(ctx context.Context) ([]wire.Bench, error) {
	models := n.serves.Serves()
	if len(models) == 0 || n.warm == nil {
		return nil, ErrNothingServed
	}
	now := time.Now().Unix()
	rows := []wire.Bench{{Name: benchMemory, Value: memorySpeed(ctx) * 1000, Unit: unitBytes, At: now}}
	for _, m := range models {
		one, _, err := n.warm.measure(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("model %q: %w", m.Name, err)
		}
		many, err := n.warm.measureMany(ctx, m, manyStreams)
		if err != nil {
			return nil, fmt.Errorf("model %q: %w", m.Name, err)
		}
		name := strings.ToLower(m.Name)
		rows = append(rows,
			wire.Bench{Name: benchOne + name, Value: one, Unit: unitTokens, At: now},
			wire.Bench{Name: benchMany + name, Value: many, Unit: unitTokens, At: now})
	}
	if err := n.measured.set(rows); err != nil {
		return nil, err
	}
	return rows, n.announce()
}

// memorySpeed is how many bytes a second all cores together copy from memory to
// memory, each byte counted once.
func memorySpeed(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, memoryTime)
	defer cancel()
	var mu sync.Mutex
	var copied uint64
	since := time.Now()
	var g errgroup.Group
	for range runtime.NumCPU() {
		g.Go(func() error {
			from, to := make([]byte, memoryBlock), make([]byte, memoryBlock)
			var own uint64
			for ctx.Err() == nil {
				own += uint64(copy(to, from))
			}
			mu.Lock()
			defer mu.Unlock()
			copied += own
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	return uint64(float64(copied) / time.Since(since).Seconds())
}

// benchBackend lets the owner measure.
type benchBackend struct{ n *Node }

var _ api.Bench = benchBackend{}

// Measure implements api.Bench.
func (b benchBackend) Measure(ctx context.Context) ([]api.Measurement, error) {
	rows, err := b.n.measure(ctx)
	if errors.Is(err, ErrNothingServed) {
		return nil, api.Errorf(api.CodeNotReady, "start it with --serve MODEL", "%v", err)
	}
	if err != nil {
		return nil, err
	}
	out := make([]api.Measurement, 0, len(rows))
	for _, r := range rows {
		out = append(out, api.Measurement{Name: r.Name, Value: float64(r.Value) / 1000, Unit: r.Unit, At: time.Unix(r.At, 0).UTC()})
	}
	return out, nil
}
