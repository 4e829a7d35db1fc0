package p2p

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"infernet.tech/infernet/p2p/identity"
)

// startMDNS announces the host on the local network, under a name of its own
// for each Infernet network, and connects to what it hears of.
func (h *Host) startMDNS(ctx context.Context, lp host.Host) (stop func(), err error) {
	found := make(chan peer.AddrInfo, 16)
	s := mdns.NewMdnsService(lp, "_infernet-"+h.cfg.Network+"._udp", neighbours(found))
	if err := s.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case info := <-found:
				h.meet(ctx, lp, info)
			}
		}
	}()
	return func() { _ = s.Close(); <-done }, nil
}

func (h *Host) meet(ctx context.Context, lp host.Host, info peer.AddrInfo) {
	p, err := identity.FromPeerID(info.ID)
	if err != nil || p == h.id {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := lp.Connect(ctx, info); err != nil {
		h.log.Debug("neighbour not reached", "peer", p.Short(), "err", err)
	}
}

// neighbours drops what comes faster than it can be dialled; mDNS repeats
// itself.
type neighbours chan<- peer.AddrInfo

// HandlePeerFound is called by mDNS for each answer.
func (n neighbours) HandlePeerFound(info peer.AddrInfo) {
	select {
	case n <- info:
	default:
	}
}
