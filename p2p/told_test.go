package p2p

import (
	"fmt"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"infernet.tech/infernet/p2p/identity"
)

// A stranger cannot have this node knock at any door.
func TestWhereMayBeKnocked(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][2]bool{ // from afar, from near
		"/ip4/8.8.8.8/tcp/4001":                      {true, true},
		"/ip6/2606:4700::1111/udp/4001/quic-v1":      {true, true},
		"/ip4/127.0.0.1/tcp/22":                      {false, true},
		"/ip4/192.168.1.1/tcp/80":                    {false, true},
		"/ip4/169.254.169.254/tcp/80":                {false, true},
		"/ip6/fd00::1/tcp/80":                        {false, true},
		"/ip4/0.0.0.0/tcp/80":                        {false, false},
		"/dns4/internal.example.org/tcp/443/tls/ws":  {false, false},
		"/dnsaddr/bootstrap.example.org":             {false, false},
		"/ip6zone/eth0/ip6/fe80::1/udp/4001/quic-v1": {false, false},
		"/ip4/127.0.0.1/tcp/4001/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt/p2p-circuit": {false, true},
	} {
		a, err := ma.NewMultiaddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{mayKnock(a, false), mayKnock(a, true)}; got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// However many addresses are told of a peer, few are kept, and none of one that
// is connected.
func TestHearAddrs(t *testing.T) {
	t.Parallel()
	h, teller := run(t, loopback(), nil), run(t, loopback(), nil)
	connect(t, h, teller)
	stranger, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []identity.PubKey{stranger.PubKey(), teller.ID()} {
		id, err := p.PeerID()
		if err != nil {
			t.Fatal(err)
		}
		before := len(h.Libp2p().Peerstore().Addrs(id))
		for i := range 100 {
			h.HearAddrs(teller.ID(), p, []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", 2000+i, id)})
		}
		got := len(h.Libp2p().Peerstore().Addrs(id))
		if want := map[bool]int{true: before, false: maxTold}[p == teller.ID()]; got != want {
			t.Errorf("%d addresses of %s, want %d", got, p.Short(), want)
		}
	}
}
