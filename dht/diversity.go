package dht

import (
	"net"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kbucket/peerdiversity"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// diversity limits how much of the routing table one network can take, as
// kad-dht's own filter does, but leaves private and loopback addresses alone:
// on a LAN every member has the same prefix.
type diversity struct {
	peerdiversity.PeerIPGroupFilter
	local ma.Multiaddr
}

func newDiversity(lp host.Host, n int) *diversity {
	return &diversity{
		// One less for each distance, so that a group never fills a bucket.
		PeerIPGroupFilter: kad.NewRTPeerDiversityFilter(lp, max(n-1, 1), n),
		local:             ma.StringCast("/ip4/127.0.0.1"),
	}
}

// PeerAddresses gives all local addresses one name.
func (v *diversity) PeerAddresses(p peer.ID) []ma.Multiaddr {
	addrs := v.PeerIPGroupFilter.PeerAddresses(p)
	for i, a := range addrs {
		if manet.IsPrivateAddr(a) || manet.IsIPLoopback(a) {
			addrs[i] = v.local
		}
	}
	return addrs
}

// Allow asks the counting filter about public groups only.
func (v *diversity) Allow(g peerdiversity.PeerGroupInfo) bool {
	if ip := net.ParseIP(string(g.IPGroupKey)); ip != nil && ip.IsLoopback() {
		return true
	}
	return v.PeerIPGroupFilter.Allow(g)
}
