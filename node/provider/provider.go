package provider

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Config is what the operator of a provider decides.
type Config struct {
	Network string
	Version string

	// Rates are the prices, one for each unit that is taken. A validator's has a
	// base alone, so that it depends neither on how much there is to check nor on
	// what is found.
	Rates map[payments.Unit]payments.Rate
	Slots int // attempts run at once

	// What one attempt may ask for at most.
	MaxCPUMillis   uint64
	MaxMemoryBytes uint64
	MaxDiskBytes   uint64
	MaxPIDs        uint32
	MaxWallClock   time.Duration
	MaxBlobBytes   uint64 // image, model and input, each

	// UnpaidGrace is how long after a job's deadline its payments may still
	// come before the client is taken to owe; 0 is 15 minutes.
	UnpaidGrace time.Duration

	Dir   string // scratch space of running attempts
	Cheat Cheat  // only ever set on devnets
}

// Validate tells the first thing that is wrong.
func (c Config) Validate() error {
	switch {
	case c.Slots < 1 || c.Slots > 1024:
		return fmt.Errorf("provider: slots must be 1 to 1024, not %d", c.Slots)
	case c.Dir == "":
		return fmt.Errorf("provider: no scratch folder")
	case c.MaxWallClock <= 0:
		return fmt.Errorf("provider: no longest wall clock")
	}
	return c.Cheat.Validate()
}

// Rail is what a provider needs of its payment rails: to announce what it
// expects before it works, and to see that it came.
type Rail interface {
	// Takes tells whether there is a rail of that name that carries that unit.
	Takes(rail string, unit payments.Unit) bool
	// Funds tells whether money in unit may be locked before work is done.
	Funds(unit payments.Unit) bool
	Expect(ctx context.Context, p payments.Payment) error
	// Waive and Received are of what p.Peer pays under p.Ref and nobody else.
	Waive(ctx context.Context, p payments.Payment, reason string) error
	Received(ctx context.Context, p payments.Payment) (payments.Entry, error)
	RoomFor(ctx context.Context, peer identity.PubKey, unit payments.Unit) (payments.Amount, error)
}

// Deps are the parts a provider is composed of.
type Deps struct {
	Key     *identity.Key
	Store   store.Store // keys of this role alone
	Runner  exec.Runner
	GPUs    *gpu.Book // cards that tasks alone are given; nil: none
	Content *content.Library
	Rail    Rail
	Ledger  *reputation.Ledger
	Trust   Trust                 // nil: nobody is known to owe anything
	Fraud   func(wire.FraudProof) // told what documents prove of a client; may be nil
	Log     *slog.Logger
}

// Provider is the provider role of one node.
type Provider struct {
	cfg Config
	Deps
	print exec.Fingerprint

	queue chan *live // accepted attempts waiting for a slot

	mu       sync.Mutex
	attempts map[attemptID]*live
	quotes   map[wire.ID]issued // by quote event id
	working  int                // attempts accepted and not finished
}

// issued is a quote that we gave and the offer it answers.
type issued struct {
	offer   wire.Event
	quote   wire.Event
	expires int64
}

// New makes a provider; Run starts it.
func New(cfg Config, deps Deps) (*Provider, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Provider{
		cfg: cfg, Deps: deps,
		// As many may wait as may run: enough to keep the slots busy while
		// the aggregator's next Accept travels, little enough to be honest
		// about when work starts.
		queue:    make(chan *live, 2*cfg.Slots),
		attempts: map[attemptID]*live{},
		quotes:   map[wire.ID]issued{},
	}, nil
}

// Run takes work until ctx ends. Interrupted attempts stay in the store and
// start over with the next Run.
func (p *Provider) Run(ctx context.Context) error {
	print, err := p.Runner.Fingerprint(ctx)
	if err != nil {
		return fmt.Errorf("fingerprint of the runner: %w", err)
	}
	p.mu.Lock()
	p.print = print
	p.mu.Unlock()

	gone, err := p.Runner.Recover(ctx)
	if err != nil {
		return fmt.Errorf("recover containers: %w", err)
	}
	if len(gone) > 0 {
		p.Log.Info("removed containers of an earlier run", "count", len(gone))
	}
	unfinished, err := p.restore()
	if err != nil {
		return fmt.Errorf("restore attempts: %w", err)
	}

	g, ctx := errgroup.WithContext(ctx)
	for range p.cfg.Slots {
		g.Go(func() error { return p.worker(ctx) })
	}
	g.Go(func() error { return p.requeue(ctx, unfinished) })
	g.Go(func() error { return p.sweep(ctx) })
	err = g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// worker is one slot: it runs one attempt after the other.
func (p *Provider) worker(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-p.queue:
			p.execute(ctx, l)
		}
	}
}

func (p *Provider) requeue(ctx context.Context, unfinished []*live) error {
	for _, l := range unfinished {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p.queue <- l:
		}
	}
	return nil
}

// keepRecords is how long, in seconds, an attempt is remembered after its
// job's deadline: as long as somebody may ask about it.
const keepRecords = 30 * 24 * 3600

// restore loads the attempts that can still matter and returns those whose
// work has to start over. Results of committed ones are granted again.
func (p *Provider) restore() ([]*live, error) {
	records, err := loadRecords(p.Store)
	if err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	var unfinished []*live
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rec := range records {
		acc, err := rec.accept()
		if err != nil || acc.Deadline < now-keepRecords {
			if err := forgetRecord(p.Store, rec.ID); err != nil {
				return nil, err
			}
			continue
		}
		if rec.State.Terminal() || acc.Deadline < now {
			continue
		}
		if rec.State.unfinished() {
			rec.State = Accepted // it waits for a slot again
		}
		l := newLive(rec)
		p.attempts[rec.ID] = l
		switch {
		case rec.State.unfinished():
			p.working++
			unfinished = append(unfinished, l)
			continue
		case rec.Reveal != nil:
			p.Content.Grant(rec.Root, rec.ID.Aggregator)
		}
		l.logs.close() // its output went with the node that ran it
	}
	return unfinished, nil
}

// Load is how many attempts are accepted and not finished, and how many run at
// once.
func (p *Provider) Load() (working, slots int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.working, p.cfg.Slots
}

// Class is the hardware class of this provider for an image: results of two
// providers may be compared bit by bit only when their classes are equal,
// because floating point differs between instruction sets and engines.
func (p *Provider) Class(imageDigest string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	digest := imageDigest
	if len(digest) > 19 {
		digest = digest[7:19] // twelve hex digits tell engines apart for people
	}
	return fmt.Sprintf("%s/%s/%s", p.print.Arch, p.print.SIMD, digest)
}

// InUse lists the blobs that unsettled attempts need, or may be asked for.
func (p *Provider) InUse() []string {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.attempts))
	p.mu.Unlock()
	var cids []string
	for _, l := range all {
		rec, _ := l.snapshot()
		acc, err := rec.accept()
		if err != nil || rec.State.Terminal() {
			continue
		}
		cids = append(cids, rec.Root, acc.ImageCID, acc.ModelCID, acc.InputCID)
	}
	return cids
}
