package aggregator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	asn "github.com/libp2p/go-libp2p-asn-util"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"infernet.tech/infernet/p2p/identity"
)

// Whoever runs many nodes pays for keys least and for addresses most. Two
// providers that share one of these keys never compute the same shard: their
// subnet, and the autonomous system that their addresses are of. The table at
// hand tells the AS of IPv6 addresses only; for IPv4 the /16 stands in for it,
// which is coarser than most allocations and so never takes one AS for two
// within it. Loopback and private addresses tell nothing of who is behind them
// and make no key; nor does a relayed connection, whose address is the relay's.

// maxApart bounds the keys of one provider, whatever connections it holds.
const maxApart = 16

// Apart returns what tells a peer apart from others as it is connected now,
// sorted: two that share one of these keys are not independent.
func (d *Driver) Apart(p identity.PubKey) []string {
	if d.Around == nil {
		return nil
	}
	var keys []string
	for _, info := range d.Around.Peers() {
		if info.Peer == p && !info.Relayed {
			keys = apartKeys(info.Addrs)
		}
	}
	return keys
}

func apartKeys(addrs []string) []string {
	var keys []string
	for _, a := range addrs {
		m, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			continue
		}
		if _, err := m.ValueForProtocol(multiaddr.P_CIRCUIT); err == nil {
			continue
		}
		ip, err := manet.ToIP(m)
		if err != nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			keys = append(keys, keysOf(addr.Unmap())...)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return keys[:min(len(keys), maxApart)]
}

// networks are the coarsest of a provider's keys: its autonomous systems, and
// where none is known the widest prefixes. Who moves within one has not moved.
func networks(keys []string) []string {
	known := slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "as") })
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
		return strings.HasSuffix(k, "/24") || known && strings.HasSuffix(k, "/48")
	})
}

// shared is the space behind carrier-grade NAT (RFC 6598): many strangers.
var shared = netip.MustParsePrefix("100.64.0.0/10")

func keysOf(a netip.Addr) []string {
	if !a.IsGlobalUnicast() || a.IsPrivate() || shared.Contains(a) {
		return nil
	}
	if a.Is4() {
		return []string{prefix(a, 24), prefix(a, 16)}
	}
	keys := []string{prefix(a, 48)}
	if n := asn.AsnForIPv6(a.AsSlice()); n != 0 {
		keys = append(keys, fmt.Sprintf("as%d", n))
	}
	return keys
}

func prefix(a netip.Addr, bits int) string {
	p, err := a.Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// cutOff reports whether this node has lost the network: whatever fails now
// tells nothing of the other side. A node that knows nothing of its
// surroundings takes itself to be connected.
func (d *Driver) cutOff() bool { return d.Around != nil && len(d.Around.Peers()) == 0 }
