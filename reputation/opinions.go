package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Opinions is the replicated set of what nodes say of each other: each author's
// newest Digest, and FraudProofs. It is safe for use by many goroutines.
type Opinions struct{}

// Entry is one document of the set, by which two sets are reconciled.
type Entry struct {
	At int64 // when it was signed, unix seconds
	ID wire.ID
}

// Add takes a verified Digest or FraudProof in. fresh is false for one that is
// there already. ErrStale, ErrFuture and ErrFull mean that it is not wanted,
// through nobody's fault; ErrFalse that whoever passes it on is at fault.
func (o *Opinions) Add(e wire.Event, now time.Time) (fresh bool, err error) { return false, ErrFull }

// Items returns what the set holds, by date and id.
func (o *Opinions) Items() []Entry { return nil }

// Get returns a document of the set.
func (o *Opinions) Get(id wire.ID) (wire.Event, bool) { return wire.Event{}, false }

// Own makes this node's digest of today from its receipts and takes it in.
func (o *Opinions) Own(k *identity.Key, network string, now time.Time) (wire.Event, error) {
	return wire.Event{}, ErrFull
}

// Prune forgets what has expired and returns how many documents it was.
func (o *Opinions) Prune(now time.Time) (n int, err error) { return 0, nil }
