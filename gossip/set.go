package gossip

import (
	"infernet.tech/infernet/gossip/negentropy"
	"infernet.tech/infernet/p2p/identity"
)

// Item names one document of a set: its date in unix seconds and its event id.
type Item = negentropy.Item

// Set is the replicated set. Its methods are safe for concurrent use.
type Set interface {
	// Items lists every document held, in any order; the caller owns the slice.
	Items() []Item
	// Get returns the document's bytes as they came, which the caller does not
	// change.
	Get(id [32]byte) (raw []byte, ok bool)
	// Add checks a document, its signature included, and keeps it if it belongs
	// to the set; fresh tells whether it was kept and not held before. from is
	// who sent it, not who wrote it. An error that wraps ErrIgnore blames nobody;
	// any other blames the sender. raw is not changed afterwards: Add may keep it.
	Add(raw []byte, from identity.PubKey) (fresh bool, err error)
}
