package p2p

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"infernet.tech/infernet/p2p/identity"
)

// HearAddrs is AddAddrs for what a peer says of where another one is. A
// stranger's word must not have this node knock at any door: names are not
// looked up, addresses of private networks are taken only from who is connected
// from one, and of a peer that is connected, or known at some addresses, no more
// are learnt in this way.
func (h *Host) HearAddrs(teller, p identity.PubKey, addrs []string) {
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil || len(lp.Network().ConnsToPeer(id)) > 0 {
		return
	}
	near := isNear(lp, teller)
	room := max(0, maxTold-len(lp.Peerstore().Addrs(id)))
	var worth []string
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err == nil && len(worth) < room && mayKnock(a, near) {
			worth = append(worth, s)
		}
	}
	h.AddAddrs(p, worth)
}

// isNear tells whether a peer is connected from a private network, or from this
// machine.
func isNear(lp host.Host, p identity.PubKey) bool {
	id, err := p.PeerID()
	if err != nil {
		return false
	}
	for _, c := range lp.Network().ConnsToPeer(id) {
		if a := c.RemoteMultiaddr(); !c.Stat().Limited && !manet.IsPublicAddr(a) {
			return true
		}
	}
	return false
}

// mayKnock tells whether an address that somebody told may be dialled.
func mayKnock(a ma.Multiaddr, near bool) bool {
	if len(a) == 0 || !slices.Contains([]int{ma.P_IP4, ma.P_IP6}, a[0].Protocol().Code) || manet.IsIPUnspecified(a) {
		return false
	}
	return near || manet.IsPublicAddr(a)
}
