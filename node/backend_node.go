package node

import (
	"context"
	"fmt"
	"os"

	"infernet.tech/infernet/node/api"
)

// nodeBackend answers what is asked about the node itself.
type nodeBackend struct{ n *Node }

var _ api.Node = nodeBackend{}

func (b nodeBackend) Status(context.Context) (api.Status, error) {
	n := b.n
	subs, ready := n.board.snapshot()
	s := api.Status{
		NPub: n.key.PubKey().String(), PeerID: n.key.PeerID().String(),
		Network: n.cfg.Network, Ready: ready, Version: n.cfg.Version, Home: n.cfg.Home,
		PID: os.Getpid(), StartedAt: n.started, Addrs: n.host.Addrs(), Peers: len(n.host.Peers()),
		Class: n.fingerprint(), Subsystems: subs,
	}
	for _, r := range n.cfg.Roles {
		s.Roles = append(s.Roles, string(r))
	}
	return s, nil
}

func (b nodeBackend) Peers(context.Context) ([]api.Peer, error) {
	out := []api.Peer{}
	for _, p := range b.n.host.Peers() {
		id, err := p.Peer.PeerID()
		if err != nil {
			return nil, err
		}
		out = append(out, api.Peer{
			NPub: p.Peer.String(), PeerID: id.String(), Addrs: p.Addrs, Direction: direction(p.Inbound),
			Limited: p.Relayed, LatencyMS: p.RTT.Milliseconds(), Agent: p.Agent,
		})
	}
	return out, nil
}

// Stop begins a clean shutdown.
func (b nodeBackend) Stop(context.Context) error {
	b.n.log.Info("told to stop")
	b.n.stop()
	return nil
}

func (n *Node) peersDetail() string { return fmt.Sprintf("%d peers connected", len(n.host.Peers())) }

func direction(inbound bool) string {
	if inbound {
		return "in"
	}
	return "out"
}
