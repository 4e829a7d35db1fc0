package content

import (
	"context"
	"io"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
)

// Holders finds who holds content; *holders.Service does.
type Holders interface {
	// Find asks peers as q says and calls found for each that has something to
	// say, one call at a time. It returns when there is nobody left to ask and
	// q.Once is set or q.Anyone is not, when found returns false, and when ctx
	// ends.
	Find(ctx context.Context, q holders.Query, found func(peer identity.PubKey, a holders.Answer) bool)
}

// Delivery accounts for the bytes that move; *delivery.Service does. What it
// returns takes the stream's place.
type Delivery interface {
	// Serve begins an answer to a peer that may have root. The function it
	// returns ends it. An error refuses.
	Serve(ctx context.Context, peer identity.PubKey, root string, free bool, s io.ReadWriter) (io.ReadWriter, func(), error)
	// Fetch begins a transfer from a peer that asks price credits per GiB.
	Fetch(peer identity.PubKey, root string, price uint64, s io.ReadWriteCloser) io.ReadWriteCloser
}

// Network is what the library needs of the world outside. Every field may be
// left empty.
type Network struct {
	// Key signs the names of what this node gives to everybody.
	Key      *identity.Key
	Holders  Holders
	Delivery Delivery
	// Announce tells the network the things that this node gives to everybody:
	// it replaces what was told before. See holders.FormOf.
	Announce func(refs []string) error
	// Penalise counts what no honest peer does; p2p.Host.Penalise does.
	Penalise func(peer identity.PubKey, points int, reason string)
	// Price is what peers outside a job pay, in credits per GiB.
	Price uint64
	// Private keeps what is added or fetched from being given to everybody,
	// unless Share says so of the thing itself.
	Private bool
}

// SetNetwork tells the library what is around it. Call it before the library
// is used.
func (l *Library) SetNetwork(n Network) { l.net = n }
