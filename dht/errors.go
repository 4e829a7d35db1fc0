package dht

import "errors"

var (
	// ErrConfig marks a configuration that cannot work.
	ErrConfig = errors.New("bad dht configuration")
	// ErrBadKey marks a key that no provider can announce.
	ErrBadKey = errors.New("bad key")
	// ErrAlone is returned while no other member of the table is known: nothing
	// was announced, or looked up, beyond this node.
	ErrAlone = errors.New("no other node of the network is known yet")
	// ErrNotRunning answers calls before Ready or after Run has returned.
	ErrNotRunning = errors.New("the dht is not running")
	// ErrBadOffer is wrapped when a peer's offer is not its own, not fresh, or
	// of another network; the wire package's errors come with it where it
	// cannot be read.
	ErrBadOffer = errors.New("bad offer")
	// ErrNoMatch is wrapped with the first key of a query that a peer's offer
	// does not satisfy.
	ErrNoMatch = errors.New("offer does not match")
	// ErrResting says that a peer failed lately and is not asked for a while.
	ErrResting = errors.New("peer failed a moment ago")
)
