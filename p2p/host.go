package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"

	"infernet.tech/infernet/p2p/identity"
)

// AddrBook remembers full addresses (…/p2p/ID) of peers over restarts. Load is
// called once, when the host starts; Save replaces what was remembered.
type AddrBook interface {
	Load() ([]string, error)
	Save(addrs []string) error
}

// Host is one node's presence on the network. Its methods are safe for
// concurrent use.
type Host struct {
	cfg   Config
	key   *identity.Key
	id    identity.PubKey
	book  AddrBook
	log   *slog.Logger
	extra []libp2p.Option

	penalties penalties
	dialbacks dialbacks
	ready     chan struct{}

	mu       sync.Mutex
	lp       host.Host
	running  context.Context
	handlers map[protocol.ID]*handler
	known    map[identity.PubKey]*contact
	finder   Finder
	serving  sync.WaitGroup
}

// openTimeout bounds Open and Connect for callers without a deadline.
const openTimeout = 15 * time.Second

// New checks cfg and returns a host that has opened nothing yet. book may be
// nil: nothing is remembered. The options come after the host's own; they are
// for simulated networks and tests.
func New(cfg Config, key *identity.Key, book AddrBook, log *slog.Logger, opts ...libp2p.Option) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if key == nil {
		return nil, fmt.Errorf("%w: no key", ErrConfig)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Host{
		cfg: cfg, key: key, id: key.PubKey(), book: book, log: log, extra: opts,
		ready:    make(chan struct{}),
		handlers: make(map[protocol.ID]*handler),
		known:    make(map[identity.PubKey]*contact),
	}, nil
}

// Ready is closed when the host listens and accepts calls.
func (h *Host) Ready() <-chan struct{} { return h.ready }

// ID returns the node's public key.
func (h *Host) ID() identity.PubKey { return h.id }

// Key returns the node's key, for documents signed by packages above.
func (h *Host) Key() *identity.Key { return h.key }

// Network returns the network's name.
func (h *Host) Network() string { return h.cfg.Network }

// Libp2p returns the libp2p host, for protocols built on libp2p itself; nil
// before Ready and after Run.
func (h *Host) Libp2p() host.Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lp
}

// Addrs returns the full addresses (…/p2p/ID) this host can be reached at, as
// far as it knows; none before Ready.
func (h *Host) Addrs() []string {
	lp := h.Libp2p()
	if lp == nil {
		return nil
	}
	return fullAddrs(peer.AddrInfo{ID: lp.ID(), Addrs: lp.Addrs()})
}

func fullAddrs(info peer.AddrInfo) []string {
	full, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil {
		return nil
	}
	out := make([]string, len(full))
	for i, a := range full {
		out[i] = a.String()
	}
	return out
}

// AddAddrs remembers, for half an hour, where a peer may be dialled. Addresses
// that cannot be read, or that name another peer, are left out.
func (h *Host) AddAddrs(p identity.PubKey, addrs []string) {
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil {
		return
	}
	const most = 16 // a peer has a handful; the rest is noise
	for _, s := range addrs[:min(len(addrs), most)] {
		info, err := peer.AddrInfoFromString(s)
		if err == nil && info.ID == id {
			lp.Peerstore().AddAddrs(id, info.Addrs, 30*time.Minute)
		}
	}
}

// Connect connects to the peer that a full address names, unless connected.
// Errors: ErrBadAddr, ErrRefused, ErrUnreachable, ErrNotRunning.
func (h *Host) Connect(ctx context.Context, addr string) error {
	info, err := peerAddr(addr)
	if err != nil {
		return err
	}
	lp := h.Libp2p()
	if lp == nil {
		return ErrNotRunning
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return dialError(lp.Connect(ctx, info))
}

// Open opens a stream to a peer, dialling it at known addresses when there is
// no connection; ctx bounds the opening only. A peer that does not speak proto
// may show at Open or at the first read. Errors: ErrUnreachable,
// ErrUnsupported, ErrRefused, ErrNotRunning.
func (h *Host) Open(ctx context.Context, p identity.PubKey, proto protocol.ID) (*Stream, error) {
	lp := h.Libp2p()
	if lp == nil {
		return nil, ErrNotRunning
	}
	id, err := p.PeerID()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if lp.Network().Connectedness(id) == network.NotConnected {
		h.AddAddrs(p, h.addrsOf(p))
	}
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, string(proto)), openTimeout)
	defer cancel()
	raw, err := lp.NewStream(ctx, id, proto)
	if err != nil && h.find(ctx, lp, id) {
		raw, err = lp.NewStream(ctx, id, proto)
	}
	if err != nil {
		return nil, dialError(err)
	}
	return newStream(raw, p, h.limits(proto).Idle), nil
}

// Finder asks others where a peer is; it returns nil when it is connected.
type Finder func(ctx context.Context, id peer.ID) error

// SetFinder gives the host somebody to ask about peers that are not where they
// were: a restarted node may have a new address.
func (h *Host) SetFinder(f Finder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finder = f
}

// find looks for a peer to which there is no connection.
func (h *Host) find(ctx context.Context, lp host.Host, id peer.ID) bool {
	h.mu.Lock()
	f := h.finder
	h.mu.Unlock()
	if f == nil || lp.Network().Connectedness(id) != network.NotConnected || ctx.Err() != nil {
		return false
	}
	// A failed dial is remembered and would be refused again for a while.
	if s, ok := lp.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(id)
	}
	return f(ctx, id) == nil
}

func dialError(err error) error {
	var unsupported multistream.ErrNotSupported[protocol.ID]
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unsupported):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, swarm.ErrGaterDisallowedConnection):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
}

// Penalise adds points to the peer's score, which halves every
// PenaltyHalfLife. At BanThreshold it is disconnected and refused for BanTime.
// A malformed document is worth about 20 points, a broken limit 1 or 2.
func (h *Host) Penalise(p identity.PubKey, points int, reason string) {
	if p == h.id || !h.penalties.add(p, points, time.Now()) {
		return
	}
	h.log.Warn("peer barred", "peer", p.Short(), "for", BanTime, "reason", reason)
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil {
		return
	}
	// Closing waits for handlers of the connection, which may be the caller.
	go func() { _ = lp.Network().ClosePeer(id) }()
}

// Protect keeps the connection to a peer when others must be closed, for as
// long as one tag protects it; Unprotect takes the tag away.
func (h *Host) Protect(p identity.PubKey, tag string) { h.protect(p, tag, true) }

// Unprotect undoes Protect.
func (h *Host) Unprotect(p identity.PubKey, tag string) { h.protect(p, tag, false) }

func (h *Host) protect(p identity.PubKey, tag string, on bool) {
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil {
		return
	}
	if on {
		lp.ConnManager().Protect(id, tag)
	} else {
		lp.ConnManager().Unprotect(id, tag)
	}
}

// Speaks reports whether a peer is known to serve proto. A peer that has not
// been connected yet is not known to.
func (h *Host) Speaks(p identity.PubKey, proto protocol.ID) bool {
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil {
		return false
	}
	got, err := lp.Peerstore().SupportsProtocols(id, proto)
	return err == nil && len(got) > 0
}
