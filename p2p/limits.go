package p2p

import (
	"errors"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"infernet.tech/infernet/p2p/identity"
)

// resourceManager builds the hard limits of the host.
func (h *Host) resourceManager() (network.ResourceManager, error) {
	// libp2p's own services (identify, ping, relay, …) keep the limits they
	// come with; everything else is set.
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	limits := partialLimits(h.cfg).Build(scaling.Scale(h.cfg.MaxMemory, 4096))
	m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits), rcmgr.WithMetricsDisabled())
	if err != nil {
		return nil, err
	}
	return &watchedManager{ResourceManager: m, h: h}, nil
}

func partialLimits(c Config) rcmgr.PartialLimitConfig {
	n := func(v int) rcmgr.LimitVal { return rcmgr.LimitVal(max(v, 1)) }
	all := rcmgr.ResourceLimits{
		Conns: n(c.MaxConns), ConnsInbound: n(c.MaxConns * 2 / 3), ConnsOutbound: n(c.MaxConns * 2 / 3),
		Streams: n(c.MaxStreams), StreamsInbound: n(c.MaxStreams * 3 / 4), StreamsOutbound: n(c.MaxStreams * 3 / 4),
		Memory: rcmgr.LimitVal64(c.MaxMemory), FD: n(c.MaxConns),
	}
	one := rcmgr.ResourceLimits{
		Conns: n(c.PeerConns), ConnsInbound: n(c.PeerConns), ConnsOutbound: n(c.PeerConns),
		Streams: n(c.PeerStreams), StreamsInbound: n(c.PeerStreams * 3 / 4), StreamsOutbound: n(c.PeerStreams * 3 / 4),
		Memory: rcmgr.LimitVal64(c.PeerMemory), FD: n(c.PeerConns),
	}
	// Connections in their handshake and streams without a protocol yet.
	transient := rcmgr.ResourceLimits{
		Conns: n(c.MaxConns / 4), ConnsInbound: n(c.MaxConns / 8), ConnsOutbound: n(c.MaxConns / 4),
		Streams: n(c.MaxStreams / 8), StreamsInbound: n(c.MaxStreams / 8), StreamsOutbound: n(c.MaxStreams / 8),
		Memory: rcmgr.LimitVal64(c.MaxMemory / 4), FD: n(c.MaxConns / 4),
	}
	return rcmgr.PartialLimitConfig{
		System: all, Transient: transient, PeerDefault: one,
		ProtocolDefault: all, ProtocolPeerDefault: one,
	}
}

// watchedManager tells the host what the limits refused to strangers, and when
// an address test was asked for.
type watchedManager struct {
	network.ResourceManager
	h *Host
}

// OpenStream counts refused inbound streams against the peer.
func (w *watchedManager) OpenStream(id peer.ID, dir network.Direction) (network.StreamManagementScope, error) {
	s, err := w.ResourceManager.OpenStream(id, dir)
	if err != nil {
		if dir == network.DirInbound && errors.Is(err, network.ErrResourceLimitExceeded) {
			w.refused(id)
		}
		return nil, err
	}
	return &watchedStream{StreamManagementScope: s, w: w, id: id, dir: dir}, nil
}

func (w *watchedManager) refused(id peer.ID) {
	if p, err := identity.FromPeerID(id); err == nil {
		w.h.Penalise(p, 1, "too many streams")
	}
}

type watchedStream struct {
	network.StreamManagementScope
	w   *watchedManager
	id  peer.ID
	dir network.Direction
}

// SetProtocol is where a stream leaves the transient scope.
func (s *watchedStream) SetProtocol(proto protocol.ID) error {
	err := s.StreamManagementScope.SetProtocol(proto)
	switch {
	case s.dir == network.DirOutbound:
		s.w.h.dialbacks.asked(proto, time.Now())
	case err != nil && errors.Is(err, network.ErrResourceLimitExceeded):
		s.w.refused(s.id)
	}
	return err
}
