package reputation

import (
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Issue signs a receipt of this node's, whose key k is, as the next of its
// chain towards the other party, and keeps it one-sided before anyone sees it;
// Prev and Seq are set here. There is one of an attempt: asked for the same
// again, at whatever time, it returns the one that stands, and ErrConflict for
// another. Nothing else signs receipts, or the chain would fork.
func (l *Ledger) Issue(k *identity.Key, r wire.Receipt, now time.Time) (wire.Event, error) {
	peer, err := l.otherParty(r)
	if err != nil || k.PubKey() != l.self {
		return wire.Event{}, ErrNotOurs
	}
	rec, err := l.admit(peer, func(tx store.Txn) (change, error) {
		old, err := ofAttempt(tx, r, l.self)
		switch {
		case err == nil && sameTale(old.Receipt, r):
			return change{kept: old}, nil
		case err == nil:
			return change{}, fmt.Errorf("%s: %w", old.ID.Short(), ErrConflict)
		case !errors.Is(err, ErrNotFound):
			return change{}, err
		}
		h, err := l.head(tx, peer)
		if err != nil {
			return change{}, err
		}
		next := r
		next.Prev, next.Seq = h.ID, h.Seq+1
		doc, err := wire.Seal(k, next, now)
		if err != nil {
			return change{}, err
		}
		v, err := read(doc)
		if err != nil {
			return change{}, err
		}
		return l.place(tx, record(v, doc))
	})
	return rec.Doc, err
}

// MadeGood takes back what this node said of an attempt when it was not paid for
// it: the money has come after all, and its payer gives no receipt of it. The
// receipt stays where it is in its chain and counts for nothing. Of an attempt that
// nothing was said of it does nothing.
func (l *Ledger) MadeGood(r wire.Receipt) error {
	_, err := l.admit(r.Payer, func(tx store.Txn) (change, error) {
		old, err := ofAttempt(tx, r, l.self)
		switch {
		case errors.Is(err, ErrNotFound):
			return change{}, nil
		case err != nil:
			return change{}, err
		case old.Receipt.Verdict != wire.VerdictUnpaid || r.Provider != l.self:
			return change{kept: old}, nil
		}
		return change{kept: old, stale: true}, tx.Set(peerKey(r.Payer, old), nil)
	})
	return err
}
