package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Ledger keeps the receipts this node is a party to. It is safe for use by many
// goroutines.
type Ledger struct {
	self   identity.PubKey
	s      store.Store
	params Params
}

// NewLedger returns the ledger of the node self in s, a store of its own (see
// store.Prefix), scoring with params.
func NewLedger(self identity.PubKey, s store.Store, params Params) *Ledger {
	return &Ledger{self: self, s: s, params: params}
}

// Keys: "receipt/ID" the record; "attempt/JOB/SHARD/ATTEMPT/PROVIDER/PAYER" the
// id of the one receipt of that attempt; "peer/KEY/TIME/ID", for both parties
// and in order of time, the Evidence about that party or nothing, so that a
// score is computed without checking every signature again.
func recordKey(id wire.ID) []byte { return []byte("receipt/" + id.String()) }

func attemptKey(r wire.Receipt) []byte {
	return fmt.Appendf(nil, "attempt/%s/%08x/%08x/%s/%s", r.Job, r.Shard, r.Attempt, r.Provider.Hex(), r.Payer.Hex())
}

func peerKey(peer identity.PubKey, rec Record) []byte {
	return fmt.Appendf(nil, "peer/%s/%016x/%s", peer.Hex(), rec.Signed.Unix(), rec.ID)
}

// AddReceipt admits a receipt that both parties signed. Adding the same again,
// or another document of the same attempt that says the same, changes nothing;
// the record returned is the one that is kept. Errors are ErrReceipt,
// ErrNotOurs and ErrConflict.
func (l *Ledger) AddReceipt(c wire.Countersigned) (Record, error) {
	v, err := verifyPair(c)
	if err != nil {
		return Record{}, err
	}
	rec := record(v, c.Doc)
	rec.Countersigned, rec.By = true, c.By
	return l.add(rec)
}

// AddOneSided admits a receipt with its author's signature only. It gives way
// to the countersigned one when that comes.
func (l *Ledger) AddOneSided(e wire.Event) (Record, error) {
	v, err := verifyAlone(e)
	if err != nil {
		return Record{}, err
	}
	return l.add(record(v, e))
}

func (l *Ledger) add(rec Record) (kept Record, err error) {
	if l.self != rec.Receipt.Payer && l.self != rec.Receipt.Provider {
		return Record{}, ErrNotOurs
	}
	err = l.s.Update(func(tx store.Txn) error {
		old, err := l.ofAttempt(tx, rec.Receipt)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		case old.Receipt != rec.Receipt:
			return fmt.Errorf("%s and %s: %w", old.ID.Short(), rec.ID.Short(), ErrConflict)
		case old.Countersigned || !rec.Countersigned:
			kept = old
			return nil
		default:
			if err := remove(tx, old); err != nil {
				return err
			}
		}
		kept = rec
		return l.insert(tx, rec)
	})
	return kept, err
}

func (l *Ledger) ofAttempt(r store.Reader, of wire.Receipt) (Record, error) {
	raw, err := r.Get(attemptKey(of))
	if errors.Is(err, store.ErrNotFound) {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	id, err := wire.ParseID(string(raw))
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return get(r, id)
}

func (l *Ledger) insert(tx store.Txn, rec Record) error {
	raw, err := rec.encode()
	if err != nil {
		return err
	}
	err = errors.Join(
		tx.Set(recordKey(rec.ID), raw),
		tx.Set(attemptKey(rec.Receipt), []byte(rec.ID.String())),
	)
	if err != nil {
		return err
	}
	for _, peer := range []identity.PubKey{rec.Receipt.Provider, rec.Receipt.Payer} {
		var value []byte
		if e, ok := rec.about(peer, l.self); ok {
			if value, err = json.Marshal(e); err != nil {
				return err
			}
		}
		if err := tx.Set(peerKey(peer, rec), value); err != nil {
			return err
		}
	}
	return nil
}

func remove(tx store.Txn, rec Record) error {
	return errors.Join(
		tx.Delete(recordKey(rec.ID)),
		tx.Delete(attemptKey(rec.Receipt)),
		tx.Delete(peerKey(rec.Receipt.Provider, rec)),
		tx.Delete(peerKey(rec.Receipt.Payer, rec)),
	)
}

func get(r store.Reader, id wire.ID) (Record, error) {
	raw, err := r.Get(recordKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return Record{}, fmt.Errorf("%s: %w", id.Short(), ErrNotFound)
	}
	if err != nil {
		return Record{}, err
	}
	return decodeRecord(raw)
}

// Prune forgets receipts signed before that time and returns how many. They no
// longer weigh anything after six half-lives.
func (l *Ledger) Prune(before time.Time) (n int, err error) {
	var old []Record
	err = l.s.View(func(r store.Reader) error {
		old = nil
		return r.Scan([]byte("receipt/"), func(_, raw []byte) error {
			rec, err := decodeRecord(raw)
			if err == nil && rec.Signed.Before(before) {
				old = append(old, rec)
			}
			return err
		})
	})
	for _, rec := range old {
		if err != nil {
			break
		}
		// One transaction each: together they may be too big for one.
		if err = l.s.Update(func(tx store.Txn) error { return remove(tx, rec) }); err == nil {
			n++
		}
	}
	return n, err
}
