package p2p

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

// newLibp2p makes the libp2p host, which listens on nothing yet.
func (h *Host) newLibp2p() (host.Host, error) {
	limits, err := h.resourceManager()
	if err != nil {
		return nil, fmt.Errorf("resource limits: %w", err)
	}
	conns, err := connmgr.NewConnManager(h.cfg.ConnLow, h.cfg.ConnHigh, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		_ = limits.Close()
		return nil, fmt.Errorf("connection manager: %w", err)
	}
	opts := []libp2p.Option{
		libp2p.Identity(h.key.Libp2p()),
		libp2p.NoListenAddrs,
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.ConnectionGater(&gater{h}),
		libp2p.UserAgent("infernet/" + h.cfg.Version),
		libp2p.ProtocolVersion("infernet/1"),
		libp2p.DisableMetrics(),
		libp2p.EnableRelay(),
	}
	nat, err := h.natOptions()
	if err != nil {
		return nil, err
	}
	opts = append(opts, nat...)
	if len(h.cfg.Announce) > 0 {
		announce, err := multiaddrs(h.cfg.Announce)
		if err != nil {
			return nil, err
		}
		opts = append(opts, libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return announce }))
	}
	return libp2p.New(append(opts, h.extra...)...)
}

// natOptions turn on what finds out whether others can dial this host, and
// what helps when they cannot.
func (h *Host) natOptions() ([]libp2p.Option, error) {
	if !h.cfg.NAT {
		return nil, nil
	}
	opts := []libp2p.Option{libp2p.EnableAutoNATv2(), libp2p.EnableHolePunching()}
	if h.cfg.RelayService {
		// The first version of AutoNAT is what tells libp2p that it needs a
		// relay; the nodes that relay answer for it.
		opts = append(opts, libp2p.EnableNATService())
	}
	if len(h.cfg.Relays) > 0 {
		relays, err := peerAddrs(h.cfg.Relays)
		if err != nil {
			return nil, err
		}
		return append(opts, libp2p.EnableAutoRelayWithStaticRelays(relays)), nil
	}
	return append(opts, libp2p.EnableAutoRelayWithPeerSource(h.findRelays,
		autorelay.WithMinInterval(30*time.Second), autorelay.WithBootDelay(10*time.Second))), nil
}

// findRelays offers connected peers that relay.
func (h *Host) findRelays(_ context.Context, most int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, most)
	defer close(out)
	lp := h.Libp2p()
	if lp == nil {
		return out
	}
	for _, id := range lp.Network().Peers() {
		if len(out) == most {
			break
		}
		got, err := lp.Peerstore().SupportsProtocols(id, circuit.ProtoIDv2Hop)
		if err == nil && len(got) > 0 {
			out <- lp.Peerstore().PeerInfo(id)
		}
	}
	return out
}
