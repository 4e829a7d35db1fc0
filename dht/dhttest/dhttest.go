// Package dhttest has a dht.Router and dht.Contents in memory, for tests of
// packages that look for providers or holders, and the suites that both pass. It has no network, no
// expiry and no limits, and is for tests only.
package dhttest

import (
	"context"
	"sync"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p/identity"
)

// Network is the table that the routers of one test share.
type Network struct {
	mu       sync.Mutex
	records  map[dht.Key]map[identity.PubKey]bool
	contents map[string]map[identity.PubKey]bool
}

// NewNetwork returns an empty table.
func NewNetwork() *Network {
	return &Network{
		records:  make(map[dht.Key]map[identity.PubKey]bool),
		contents: make(map[string]map[identity.PubKey]bool),
	}
}

// Router returns the router of the node self.
func (n *Network) Router(self identity.PubKey) *Router { return &Router{n, self} }

// Forget removes every record of a node, as time would.
func (n *Network) Forget(p identity.PubKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, have := range n.records {
		delete(have, p)
	}
	for _, have := range n.contents {
		delete(have, p)
	}
}

// Router is one node's view of a Network.
type Router struct {
	net  *Network
	self identity.PubKey
}

var _ dht.Router = (*Router)(nil)

// Provide announces the node under the keys.
func (r *Router) Provide(ctx context.Context, keys []dht.Key) error {
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	for _, k := range keys {
		if r.net.records[k] == nil {
			r.net.records[k] = make(map[identity.PubKey]bool)
		}
		r.net.records[k][r.self] = true
	}
	return nil
}

// Find returns at most max other nodes that announced k.
func (r *Router) Find(ctx context.Context, k dht.Key, max int) ([]identity.PubKey, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	var out []identity.PubKey
	for p := range r.net.records[k] {
		if p != r.self && len(out) < max {
			out = append(out, p)
		}
	}
	return out, nil
}
