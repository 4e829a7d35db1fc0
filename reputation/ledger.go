package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

func (l *Ledger) add(rec Record) (Record, error) {
	peer, err := l.otherParty(rec.Receipt)
	if err != nil {
		return Record{}, err
	}
	return l.admit(peer, func(tx store.Txn) (change, error) { return l.place(tx, rec) })
}

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

// place puts a receipt where it belongs, or finds what is there already.
func (l *Ledger) place(tx store.Txn, rec Record) (change, error) {
	old, err := standsAs(tx, rec)
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return change{}, err
	case known && !sameTale(old.Receipt, rec.Receipt):
		return l.contradicted(tx, old, rec)
	case known && (old.Countersigned || !rec.Countersigned):
		return change{kept: old}, nil
	}
	rival, err := l.rival(tx, rec, old.ID)
	if err != nil {
		return change{}, err
	}
	if !rival.ID.IsZero() {
		return l.contradicted(tx, rival, rec)
	}
	c := change{kept: rec}
	if c.stale, err = l.settleDebt(tx, rec); err != nil {
		return change{}, err
	}
	peer, _ := l.otherParty(rec.Receipt)
	if known {
		if e, ok := old.about(peer, l.self); ok {
			c.old = &e
		}
		if err := remove(tx, old); err != nil {
			return change{}, err
		}
	}
	if e, ok := rec.about(peer, l.self); ok {
		c.put = &e
	}
	return c, l.insert(tx, rec)
}

// settleDebt keeps a receipt of payment and one of its absence apart: what was
// paid after all is no debt any more, and what was paid is none.
func (l *Ledger) settleDebt(tx store.Txn, rec Record) (stale bool, err error) {
	paid := rec.Receipt.Verdict == wire.VerdictOK && rec.Receipt.Amount > 0 && rec.Author == rec.Receipt.Payer
	unpaid := rec.Receipt.Verdict == wire.VerdictUnpaid
	if !paid && !unpaid {
		return false, nil
	}
	twin, err := ofAttempt(tx, rec.Receipt, rec.other())
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case unpaid && twin.Receipt.Verdict == wire.VerdictOK && twin.Receipt.Amount > 0:
		return false, fmt.Errorf("%w: it was paid", ErrConflict)
	case paid && twin.Receipt.Verdict == wire.VerdictUnpaid:
		return true, tx.Set(peerKey(rec.Receipt.Payer, twin), nil)
	}
	return false, nil
}

// standsAs returns the author's receipt of the attempt of rec. Nearly always it
// is the same document, better signed now: its id says that nothing differs, so
// that it need not be read and verified again.
func standsAs(r store.Reader, rec Record) (Record, error) {
	id, err := getID(r, attemptKey(rec.Receipt, rec.Author))
	switch {
	case err != nil:
		return Record{}, err
	case id.IsZero():
		return Record{}, ErrNotFound
	case id != rec.ID:
		return get(r, id)
	}
	raw, err := r.Get(recordKey(id))
	if err != nil {
		return Record{}, err
	}
	return rec.alike(raw)
}

func ofAttempt(r store.Reader, of wire.Receipt, author identity.PubKey) (Record, error) {
	id, err := getID(r, attemptKey(of, author))
	if err != nil {
		return Record{}, err
	}
	if id.IsZero() {
		return Record{}, ErrNotFound
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
		tx.Set(attemptKey(rec.Receipt, rec.Author), []byte(rec.ID.String())),
		l.link(tx, rec),
	)
	if err != nil {
		return err
	}
	for _, peer := range []identity.PubKey{rec.Receipt.Provider, rec.Receipt.Payer} {
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

// indexVersion is that of stored Evidence; of one before, the receipt is read
// again.
const indexVersion = 1

type indexed struct {
	Evidence
	Version int `json:"v"`
}

func remove(tx store.Txn, rec Record) error {
	err := errors.Join(
		tx.Delete(recordKey(rec.ID)),
		tx.Delete(attemptKey(rec.Receipt, rec.Author)),
		tx.Delete(peerKey(rec.Receipt.Provider, rec)),
		tx.Delete(peerKey(rec.Receipt.Payer, rec)),
	)
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

// Prune forgets receipts signed before that time and returns how many. They no
// longer weigh anything after six half-lives.
func (l *Ledger) Prune(before time.Time) (n int, err error) {
	var old []wire.ID
	err = l.s.View(func(r store.Reader) error {
		old = nil
		// Each receipt has a key under this node itself, with its date in it.
		prefix := "peer/" + l.self.Hex() + "/"
		return r.Scan([]byte(prefix), func(k, _ []byte) error {
			date, _, _ := strings.Cut(string(k[len(prefix):]), "/")
			id, err := wire.ParseID(string(k[max(0, len(k)-64):]))
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if at, err := strconv.ParseInt(date, 16, 64); err == nil && at < before.Unix() {
				old = append(old, id)
			}
			return nil
		})
	})
	for _, id := range old {
		if err == nil {
			err = l.drop(id)
			n++
		}
	}
	if err != nil {
		return n, err
	}
	return n, l.pruneForks(before)
}

// drop forgets one receipt, in a transaction of its own: together they may be
// too big for one.
func (l *Ledger) drop(id wire.ID) error {
	rec, err := l.Get(id)
	if err != nil {
		return err
	}
	peer, _ := l.otherParty(rec.Receipt)
	_, err = l.admit(peer, func(tx store.Txn) (change, error) { return change{stale: true}, remove(tx, rec) })
	return err
}
