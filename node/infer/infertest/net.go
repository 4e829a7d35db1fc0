package infertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// ErrAway says that a peer cannot be reached.
var ErrAway = errors.New("infertest: no such peer")

// Net connects one client to providers. It is infer.Peers and infer.Market.
type Net struct {
	client identity.PubKey

	mu        sync.Mutex
	providers map[identity.PubKey]*Provider
	order     []*Provider
	Searches  int // how often Search was called
	Quotes    int // how many quotes were asked for
	Dials     int // how many connections of the data plane were opened
}

// NewNet returns the network of a client.
func NewNet(client identity.PubKey) *Net {
	return &Net{client: client, providers: map[identity.PubKey]*Provider{}}
}

// Add makes a provider a part of the network.
func (n *Net) Add(p *Provider) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.providers[p.key.PubKey()] = p
	n.order = append(n.order, p)
}

// Counts returns Searches, Quotes and Dials.
func (n *Net) Counts() (searches, quotes, dials int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Searches, n.Quotes, n.Dials
}

// Search implements infer.Market over the providers' offers.
func (n *Net) Search(ctx context.Context, q dht.Query) ([]dht.Found, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Searches++
	var out []dht.Found
	for _, p := range n.order {
		o := p.offer()
		has := map[dht.Key]bool{}
		for _, k := range dht.OfferKeys(o) {
			has[k] = true
		}
		miss := dht.Key("")
		for _, k := range q.Keys {
			if !has[k] {
				miss = k
			}
		}
		switch {
		case miss == "":
			out = append(out, dht.Found{Peer: p.key.PubKey(), Offer: o, Via: dht.ViaTable})
		case q.OnDrop != nil:
			q.OnDrop(p.key.PubKey(), dht.ViaTable, fmt.Errorf("%w: %s", dht.ErrNoMatch, miss))
		}
	}
	return out, ctx.Err()
}

// Dial implements infer.Peers.
func (n *Net) Dial(ctx context.Context, peer identity.PubKey, proto protocol.ID) (net.Conn, error) {
	n.mu.Lock()
	p := n.providers[peer]
	switch proto {
	case p2p.ProtoQuote:
		n.Quotes++
	case p2p.ProtoHTTP:
		n.Dials++
	}
	n.mu.Unlock()
	if p == nil || p.isAway() {
		return nil, ErrAway
	}
	near, far := net.Pipe()
	if err := p.serve(ctx, far, proto); err != nil {
		return nil, err
	}
	return near, nil
}

// offer is the provider's standing offer.
func (p *Provider) offer() wire.ProviderOffer {
	return wire.ProviderOffer{
		Network: "test", Roles: []string{"provider"},
		Hardware: wire.Hardware{OS: "linux", Arch: "amd64", GPUs: p.GPUs},
		Serves:   []wire.Served{{Name: p.Name, Model: p.Model, Image: p.Image, Unit: "credits", In: p.In, Out: p.Out, Context: p.Context, Parallel: 4}},
	}
}
