package reputation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

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
	// turns let one update after the other of a peer in: all of them read the end of
	// one chain, so that the store would have those that meet done again, a signature
	// with each. Peers share them by chance.
	turns [64]sync.Mutex

	mu       sync.Mutex
	accounts map[identity.PubKey]*account // of peers that were asked about
	writing  map[identity.PubKey]int      // updates under way
	making   map[identity.PubKey]*bool    // accounts being added up; true: overtaken by an update
}

// NewLedger returns the ledger of the node self in s, a store of its own (see
// store.Prefix), scoring with params.
func NewLedger(self identity.PubKey, s store.Store, params Params) *Ledger {
	return &Ledger{
		self: self, s: s, params: params,
		accounts: map[identity.PubKey]*account{}, writing: map[identity.PubKey]int{}, making: map[identity.PubKey]*bool{},
	}
}

// AddReceipt admits a receipt that both parties signed. Adding the same again,
// or another document of the same attempt that says the same, changes nothing;
// the record returned is the one that is kept. Errors are ErrReceipt,
// ErrNotOurs and ErrConflict; with ErrFork beside the last the author has
// signed a contradiction, which is kept against it.
func (l *Ledger) AddReceipt(c wire.Countersigned) (Record, error) {
	held, err := l.holds(c.Doc)
	if err != nil {
		return Record{}, err
	}
	verify := verifyPair
	if held { // it was signed here, or verified when it came
		verify = verifyBy
	}
	v, err := verify(c)
	if err != nil {
		return Record{}, err
	}
	rec := record(v, c.Doc)
	rec.Countersigned, rec.By = true, c.By
	return l.add(rec)
}

// AddRead is AddReceipt of two documents that are known to be whole and signed, as
// wire.Seal, Parse and ReadEvent make sure of: their signatures are not checked
// again.
func (l *Ledger) AddRead(c wire.Countersigned) (Record, error) {
	v, err := fit(c)
	if err != nil {
		return Record{}, err
	}
	rec := record(v, c.Doc)
	rec.Countersigned, rec.By = true, c.By
	return l.add(rec)
}

// holds reports whether a receipt is kept, byte for byte.
func (l *Ledger) holds(doc wire.Event) (held bool, err error) {
	err = l.s.View(func(r store.Reader) error {
		raw, err := r.Get(recordKey(doc.ID))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		var s stored
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		held = bytes.Equal(s.Doc, doc.Bytes())
		return nil
	})
	return held, err
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

// AddDelegated admits a receipt of a job of this node's that aggregator drove for
// it, signed by both or by aggregator alone. It is the word of one whom this node
// chose, about whom it chose: it weighs as a one-sided receipt does, makes no row
// of right results, is not told to others, and says nothing of the aggregator.
// Errors are those of AddReceipt.
func (l *Ledger) AddDelegated(c wire.Countersigned, aggregator identity.PubKey) (Record, error) {
	v, err := verifyAlone(c.Doc)
	if err == nil && !c.By.ID.IsZero() {
		v, err = verifyPair(c)
	}
	if err != nil {
		return Record{}, err
	}
	m := v.Receipt
	if v.Author != aggregator || m.Payer != aggregator || m.Payer == l.self || m.Provider == l.self {
		return Record{}, ErrNotOurs
	}
	rec := record(v, c.Doc)
	rec.Countersigned, rec.By = v.Countersigned, c.By
	return l.admit(m.Provider, func(tx store.Txn) (change, error) { return l.place(tx, rec) })
}

// concerns returns whom a kept receipt is about in this node's eyes.
func (l *Ledger) concerns(r wire.Receipt) identity.PubKey {
	if peer, err := l.otherParty(r); err == nil {
		return peer
	}
	return r.Provider
}

func (l *Ledger) add(rec Record) (Record, error) {
	peer, err := l.otherParty(rec.Receipt)
	if err != nil {
		return Record{}, err
	}
	return l.admit(peer, func(tx store.Txn) (change, error) { return l.place(tx, rec) })
}

// otherParty returns with whom a receipt is shared; one of others is refused.
func (l *Ledger) otherParty(r wire.Receipt) (identity.PubKey, error) {
	switch l.self {
	case r.Payer:
		return r.Provider, nil
	case r.Provider:
		return r.Payer, nil
	}
	return identity.PubKey{}, ErrNotOurs
}

// change is what an update did to the evidence about a peer.
type change struct {
	kept  Record
	old   *Evidence // taken out, of the same attempt as is put in
	put   *Evidence
	stale bool  // its account must be made anew
	why   error // what the caller is told although the update stands
}

// admit runs an update that concerns peer, and lets its account follow.
func (l *Ledger) admit(peer identity.PubKey, fn func(store.Txn) (change, error)) (Record, error) {
	var c change
	turn := &l.turns[peer[len(peer)-1]%64]
	turn.Lock()
	defer turn.Unlock()
	l.begin(peer)
	err := l.s.Update(func(tx store.Txn) (err error) {
		c, err = fn(tx)
		return err
	})
	if err != nil {
		c = change{}
	} else {
		err = c.why
	}
	l.end(peer, c)
	return c.kept, err
}

// insert writes a receipt and all that points to it. What it says of each party
// is worked out once, here, so that scores need not decode documents.
func (l *Ledger) insert(tx store.Txn, rec Record) error {
	raw, err := rec.encode()
	if err != nil {
		return err
	}
	err = errors.Join(
		tx.Set(recordKey(rec.ID), raw),
		tx.Set(attemptKey(rec.Receipt, rec.Author), []byte(rec.ID.String())),
		l.link(tx, rec),
	)
	if err != nil {
		return err
	}
	for _, peer := range l.listed(rec) {
		var value []byte
		if e, ok := rec.about(peer, l.self); ok {
			if value, err = json.Marshal(indexed{e, indexVersion}); err != nil {
				return err
			}
		}
		if err := tx.Set(peerKey(peer, rec), value); err != nil {
			return err
		}
	}
	return nil
}

// listed are the keys under which a receipt is found: those of its parties, and
// this node's own, by which it is forgotten.
func (l *Ledger) listed(rec Record) []identity.PubKey {
	both := []identity.PubKey{rec.Receipt.Provider, rec.Receipt.Payer}
	if slices.Contains(both, l.self) {
		return both
	}
	return append(both, l.self)
}

// indexVersion is that of stored Evidence; of one before, the receipt is read
// again.
const indexVersion = 1

type indexed struct {
	Evidence
	Version int `json:"v"`
}

// remove takes out what insert wrote. The end of this node's own chain stays:
// the next receipt goes on from it.
func (l *Ledger) remove(tx store.Txn, rec Record) error {
	err := errors.Join(tx.Delete(recordKey(rec.ID)), tx.Delete(attemptKey(rec.Receipt, rec.Author)))
	for _, peer := range l.listed(rec) {
		err = errors.Join(err, tx.Delete(peerKey(peer, rec)))
	}
	if rec.Receipt.Seq > 0 && err == nil {
		err = tx.Delete(chainKey(rec.Author, rec.other(), rec.Receipt.Seq))
	}
	return err
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
