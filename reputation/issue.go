package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Issue signs a receipt of this node's as the next of its chain towards the
// other party, and keeps it one-sided. There is one of an attempt: asked for
// the same again, it returns the one that stands, and ErrConflict for another.
func (l *Ledger) Issue(k *identity.Key, r wire.Receipt, now time.Time) (wire.Event, error) {
	e, err := wire.Seal(k, r, now)
	if err != nil {
		return wire.Event{}, err
	}
	rec, err := l.AddOneSided(e)
	return rec.Doc, err
}
