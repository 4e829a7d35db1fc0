package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// Gossip is one node's part in the gossip. Its methods are safe for concurrent
// use.
type Gossip struct {
	cfg   Config
	host  *p2p.Host
	set   Set
	log   *slog.Logger
	ready chan struct{}

	limits    *limits
	refusals  refusals
	standings atomic.Pointer[map[peer.ID]float64]
	scores    atomic.Pointer[map[peer.ID]float64]
	stats     counters

	work sync.WaitGroup // begun by enter

	mu       sync.Mutex
	mesh     *mesh // nil: not running
	sessions map[*p2p.Stream]struct{}
	view     *view // of the set; nil when it has changed
}

type counters struct {
	accepted, ignored, refused, published atomic.Uint64
	sessions, failed, synced              atomic.Uint64
	sent, received                        atomic.Uint64
}

// Stats counts since the start.
type Stats struct {
	Peers                      int    // that take part in either topic
	Graylisted                 int    // peers that are not listened to
	Accepted, Ignored, Refused uint64 // documents that came by gossip
	Published                  uint64 // documents sent out from here first
	Sessions, Failed           uint64 // sync sessions, asked for and served; those of them that broke
	Synced                     uint64 // documents that were fresh by sync
	Sent, Received             uint64 // bytes of sync sessions
}

// New checks cfg and returns a node's part that has started nothing.
func New(cfg Config, host *p2p.Host, set Set, log *slog.Logger) (*Gossip, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if host == nil || set == nil {
		return nil, fmt.Errorf("%w: no host or no set", ErrConfig)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Gossip{
		cfg: cfg, host: host, set: set, log: log, ready: make(chan struct{}),
		limits: newLimits(), sessions: make(map[*p2p.Stream]struct{}),
	}, nil
}

// Run takes part until ctx ends; then it returns nil, having left the topics
// and ended its sessions. It waits for the host to be ready. A Gossip runs
// once, and ends before its host.
func (g *Gossip) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-g.host.Ready():
	}
	lp := g.host.Libp2p()
	if lp == nil {
		return nil // the host has ended meanwhile
	}
	g.learnAuthors()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m, err := g.join(ctx, lp)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.mesh = m
	g.mu.Unlock()
	g.host.Handle(p2p.ProtoSync, p2p.SyncStreamLimits(), g.ServeSync)
	close(g.ready)

	group, loops := errgroup.WithContext(ctx)
	group.Go(func() error { return g.judge(loops) })
	group.Go(func() error { return g.keepSynced(loops) })
	err = group.Wait()
	g.close()
	m.quit(lp, cancel)
	g.work.Wait()
	return err
}

// close lets no work begin, and ends the sessions.
func (g *Gossip) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mesh = nil
	for s := range g.sessions {
		_ = s.Reset()
	}
}

// enter joins the running work; g.work must be told when it is done.
func (g *Gossip) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mesh == nil {
		return false
	}
	g.work.Add(1)
	return true
}

// Ready is closed when documents can be published.
func (g *Gossip) Ready() <-chan struct{} { return g.ready }

// Publish adds a document to the set and sends it to the peers of its topic; it
// returns when it is handed to them. Errors: ErrDocument, ErrNotRunning and
// those of the set; a document already held is sent all the same.
func (g *Gossip) Publish(ctx context.Context, ev wire.Event) error {
	raw := ev.Bytes()
	e, err := peek(raw)
	if err != nil {
		return err
	}
	if _, ok := topicOf(e.kind); !ok {
		return fmt.Errorf("%w: %s has no topic", ErrDocument, e.kind)
	}
	if !g.enter() {
		return ErrNotRunning
	}
	defer g.work.Done()
	if _, err := g.add(raw, g.host.ID()); err != nil {
		return err
	}
	return g.send(ctx, e, raw)
}

// send gives a document to the peers of its topic.
func (g *Gossip) send(ctx context.Context, e envelope, raw []byte) error {
	g.mu.Lock()
	m := g.mesh
	g.mu.Unlock()
	if m == nil {
		return ErrNotRunning
	}
	if err := m.topics[e.kind].Publish(ctx, raw); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.Canceled) {
			return ErrNotRunning
		}
		return fmt.Errorf("publishing: %w", err)
	}
	g.limits.passed(e.authorSlot(), time.Now())
	g.stats.published.Add(1)
	return nil
}

// Stats returns the counts so far.
func (g *Gossip) Stats() Stats {
	c := &g.stats
	s := Stats{
		Accepted: c.accepted.Load(), Ignored: c.ignored.Load(), Refused: c.refused.Load(), Published: c.published.Load(),
		Sessions: c.sessions.Load(), Failed: c.failed.Load(), Synced: c.synced.Load(),
		Sent: c.sent.Load(), Received: c.received.Load(),
	}
	if scores := g.scores.Load(); scores != nil {
		for _, v := range *scores {
			if v < graylistThreshold {
				s.Graylisted++
			}
		}
	}
	g.mu.Lock()
	m := g.mesh
	g.mu.Unlock()
	if m != nil {
		seen := make(map[peer.ID]struct{})
		for _, t := range m.topics {
			for _, p := range t.ListPeers() {
				seen[p] = struct{}{}
			}
		}
		s.Peers = len(seen)
	}
	return s
}
