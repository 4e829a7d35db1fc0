package p2p

import (
	"fmt"
	"regexp"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"infernet.tech/infernet/p2p/identity"
)

// Config says how a host reaches and is reached. Default fills it.
type Config struct {
	// Network is the name of the network: 1 to 32 of a-z, 0-9 and '-'. It parts
	// mDNS and, through dht, the routing tables of different networks.
	Network string
	// Listen are the multiaddrs to listen on; empty means dial only.
	Listen []string
	// Announce are multiaddrs told to peers instead of those found, for hosts
	// whose public address the machine cannot see.
	Announce []string
	// Bootstrap are full peer addresses (…/p2p/ID) kept connected.
	Bootstrap []string
	// MDNS finds and announces peers on the local network.
	MDNS bool
	// RelayService relays connections of peers that cannot be dialled.
	RelayService bool
	// Relays are full peer addresses of relays to be reached through, when this
	// host cannot be dialled. Empty: relays found among the connected peers.
	Relays []string
	// NAT turns on AutoNAT, hole punching and the use of relays.
	NAT bool
	// ConnLow and ConnHigh are the connection manager's marks: above ConnHigh
	// the least useful connections are closed until ConnLow are left.
	ConnLow, ConnHigh int
	// MaxConns is the hard limit of connections, MaxStreams of streams.
	MaxConns, MaxStreams int
	// MaxMemory bounds the buffers of all connections and streams, in bytes.
	MaxMemory int64
	// PeerConns, PeerStreams and PeerMemory (bytes) bound one peer.
	PeerConns, PeerStreams int
	PeerMemory             int64
	// Version is this software's, told to peers as infernet/VERSION.
	Version string
}

// Port is the UDP and TCP port of Default's listen addresses.
const Port = 4580

// Default returns the configuration of a node on the open internet.
func Default(network string) Config {
	return Config{
		Network: network,
		Listen: []string{
			fmt.Sprintf("/ip4/0.0.0.0/udp/%d/quic-v1", Port),
			fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", Port),
			fmt.Sprintf("/ip6/::/udp/%d/quic-v1", Port),
			fmt.Sprintf("/ip6/::/tcp/%d", Port),
		},
		MDNS: true, NAT: true,
		ConnLow: 160, ConnHigh: 320,
		MaxConns: 900, MaxStreams: 4096, MaxMemory: 512 << 20,
		PeerConns: 8, PeerStreams: 256, PeerMemory: 64 << 20,
		Version: "dev",
	}
}

var networkName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Validate returns the first thing wrong with c, wrapping ErrConfig.
func (c Config) Validate() error {
	if !networkName.MatchString(c.Network) {
		return fmt.Errorf("%w: network %.40q is not 1 to 32 of a-z, 0-9 and '-'", ErrConfig, c.Network)
	}
	for field, list := range map[string][]string{"listen": c.Listen, "announce": c.Announce} {
		if _, err := multiaddrs(list); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
		}
	}
	for field, list := range map[string][]string{"bootstrap": c.Bootstrap, "relays": c.Relays} {
		if _, err := peerAddrs(list); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
		}
	}
	if c.ConnLow < 1 || c.ConnHigh < c.ConnLow || c.MaxConns < c.ConnHigh {
		return fmt.Errorf("%w: want 1 <= conn low %d <= conn high %d <= max conns %d",
			ErrConfig, c.ConnLow, c.ConnHigh, c.MaxConns)
	}
	if c.PeerConns < 2 || c.PeerStreams < 8 || c.MaxStreams < c.PeerStreams {
		return fmt.Errorf("%w: want peer conns >= 2 and 8 <= peer streams <= max streams", ErrConfig)
	}
	if c.PeerMemory < 8<<20 || c.MaxMemory < c.PeerMemory {
		return fmt.Errorf("%w: want 8 MiB <= peer memory <= max memory", ErrConfig)
	}
	return nil
}

func multiaddrs(list []string) ([]ma.Multiaddr, error) {
	out := make([]ma.Multiaddr, 0, len(list))
	for _, s := range list {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%.120q: %w", s, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// peerAddrs reads full addresses; several of one peer become one entry, in the
// order of first sight.
func peerAddrs(list []string) ([]peer.AddrInfo, error) {
	var out []peer.AddrInfo
	at := make(map[peer.ID]int)
	for _, s := range list {
		info, err := peerAddr(s)
		if err != nil {
			return nil, err
		}
		if i, ok := at[info.ID]; ok {
			out[i].Addrs = append(out[i].Addrs, info.Addrs...)
			continue
		}
		at[info.ID] = len(out)
		out = append(out, info)
	}
	return out, nil
}

func peerAddr(s string) (peer.AddrInfo, error) {
	info, err := peer.AddrInfoFromString(s)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w %.120q: %w", ErrBadAddr, s, err)
	}
	if _, err := identity.FromPeerID(info.ID); err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w %.120q: %w", ErrBadAddr, s, err)
	}
	return *info, nil
}
