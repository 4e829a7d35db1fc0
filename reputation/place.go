package reputation

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

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
	peer := l.concerns(rec.Receipt)
	if known {
		if e, ok := old.about(peer, l.self); ok {
			c.old = &e
		}
		if err := l.remove(tx, old); err != nil {
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

// ofAttempt returns the receipt that author gave of the attempt of another. Each
// party may give one: the payer's judgement, and the provider's word that it was
// not paid.
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
