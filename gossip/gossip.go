package gossip

import (
	"context"
	"fmt"
	"log/slog"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
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
}

// SyncStats tells what one session did.
type SyncStats struct {
	Rounds         int    // questions asked until the difference was known
	Sent, Received uint64 // bytes on the stream
	New            int    // documents that were fresh here
	Given          int    // documents sent to the peer
	Limited        bool   // the session ended at its limit: more to tell
}

// Stats counts since the start.
type Stats struct {
	Peers                      int    // in the mesh of either topic
	Accepted, Ignored, Refused uint64 // documents that came by gossip
	Published                  uint64 // documents this node sent first
	Sessions, Failed           uint64 // sync sessions asked for and served; those of them that broke
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
	return &Gossip{cfg: cfg, host: host, set: set, log: log, ready: make(chan struct{})}, nil
}

// Run takes part until ctx ends; then it returns nil, having left the topics
// and ended its sessions. It waits for the host to be ready. A Gossip runs
// once, and ends before its host.
func (g *Gossip) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Ready is closed when documents can be published.
func (g *Gossip) Ready() <-chan struct{} { return g.ready }

// Publish adds a document to the set and sends it to the peers of its topic; it
// returns when it is handed to them. Errors: ErrDocument, ErrNotRunning and
// those of the set; a document already held is sent all the same.
func (g *Gossip) Publish(ctx context.Context, ev wire.Event) error {
	return ErrNotRunning
}

// SyncWith makes the set and a peer's equal, as far as one session's limits
// allow. Errors: ErrNotRunning, ErrProtocol, ErrBusy and those of p2p.Host.Open.
func (g *Gossip) SyncWith(ctx context.Context, peer identity.PubKey) (SyncStats, error) {
	return SyncStats{}, ErrNotRunning
}

// ServeSync answers a session that a peer opened; it is the handler of
// p2p.ProtoSync, registered by Run.
func (g *Gossip) ServeSync(ctx context.Context, s *p2p.Stream) { _ = s.Reset() }

// Stats returns the counts so far.
func (g *Gossip) Stats() Stats { return Stats{} }
