package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Chain says how whole the chain of a peer's receipts towards this node is.
type Chain struct {
	Held  int    `json:"held"`            // how many are here
	Head  uint64 `json:"head"`            // number of the last that is here
	Gaps  uint64 `json:"gaps,omitempty"`  // how many are missing between the first and the last
	Forks int    `json:"forks,omitempty"` // contradictions that it signed
}

// head is the end of this node's own chain towards a peer.
type head struct {
	ID  wire.ID `json:"id"`
	Seq uint64  `json:"seq"`
}

// head returns the end of the chain that this node itself writes; a new one
// begins at the zero value.
func (l *Ledger) head(r store.Reader, other identity.PubKey) (h head, err error) {
	raw, err := r.Get(headKey(other))
	if errors.Is(err, store.ErrNotFound) {
		return head{}, nil
	}
	if err == nil && json.Unmarshal(raw, &h) != nil {
		err = fmt.Errorf("%w: end of a chain", ErrCorrupt)
	}
	return h, err
}

// link enters a receipt into its chain.
func (l *Ledger) link(tx store.Txn, rec Record) error {
	seq := rec.Receipt.Seq
	if seq == 0 {
		return nil
	}
	if err := tx.Set(chainKey(rec.Author, rec.other(), seq), []byte(rec.ID.String())); err != nil {
		return err
	}
	if rec.Author != l.self {
		return nil
	}
	h, err := l.head(tx, rec.other())
	if err != nil || h.Seq > seq {
		return err
	}
	raw, err := json.Marshal(head{rec.ID, seq})
	if err != nil {
		return err
	}
	return tx.Set(headKey(rec.other()), raw)
}

// rival returns a receipt of the same chain beside which rec cannot stand: one
// in its place, one before it that is not the one it names, one after it that
// names another. The record replaced is none. The zero Record is good news.
func (l *Ledger) rival(r store.Reader, rec Record, replaced wire.ID) (Record, error) {
	seq := rec.Receipt.Seq
	if seq == 0 {
		return Record{}, nil
	}
	at := func(seq uint64) (wire.ID, error) { return getID(r, chainKey(rec.Author, rec.other(), seq)) }
	here, err := at(seq)
	if err != nil {
		return Record{}, err
	}
	if !here.IsZero() && here != rec.ID && here != replaced {
		return get(r, here)
	}
	if !replaced.IsZero() { // what follows names the one replaced
		return Record{}, nil
	}
	if seq > 1 {
		before, err := at(seq - 1)
		if err != nil {
			return Record{}, err
		}
		if !before.IsZero() && before != rec.Receipt.Prev {
			return get(r, before)
		}
	}
	after, err := at(seq + 1)
	if err != nil || after.IsZero() {
		return Record{}, err
	}
	next, err := get(r, after)
	if err == nil && next.Receipt.Prev == rec.ID {
		return Record{}, nil
	}
	return next, err
}

// Fork is a contradiction that an author signed, and when.
type Fork struct {
	Author identity.PubKey `json:"author"`
	When   time.Time       `json:"when"`
	Docs   [2]wire.Event   `json:"docs"`
	Told   bool            `json:"told"` // it was made a FraudProof
}

// contradicted keeps two receipts of which one is false, when they prove it,
// and tells that the second is not taken.
func (l *Ledger) contradicted(tx store.Txn, old, rec Record) (change, error) {
	conflict := fmt.Errorf("%s and %s: %w", old.ID.Short(), rec.ID.Short(), ErrConflict)
	f := Fork{Author: rec.Author, Docs: [2]wire.Event{old.Doc, rec.Doc}, When: rec.Signed}
	if old.Signed.After(f.When) {
		f.When = old.Signed
	}
	if rec.Author == l.self || wire.Contradiction(rec.Author, wire.FaultTwoReceipts, f.Docs[:]) != nil {
		return change{}, conflict
	}
	known := 0
	err := tx.Scan([]byte(forkPrefix(rec.Author)), func(_, _ []byte) error { known++; return nil })
	if err == nil && known < maxForks {
		err = putFork(tx, rec.ID, f)
	}
	return change{kept: old, stale: true, why: fmt.Errorf("%w: %w", ErrFork, conflict)}, err
}

// maxForks bounds what is kept of one author: one is enough.
const maxForks = 4

func forkKey(author identity.PubKey, id wire.ID) []byte {
	return []byte(forkPrefix(author) + id.String())
}

// putFork stores a fork under the receipt that was not taken.
func putFork(tx store.Txn, id wire.ID, f Fork) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return tx.Set(forkKey(f.Author, id), raw)
}

// Forks returns the contradictions signed by author; the zero key is everyone.
func (l *Ledger) Forks(author identity.PubKey) (out []Fork, err error) {
	prefix := "fork/"
	if !author.IsZero() {
		prefix = forkPrefix(author)
	}
	err = l.s.View(func(r store.Reader) error {
		out = nil
		return r.Scan([]byte(prefix), func(_, raw []byte) error {
			var f Fork
			if err := json.Unmarshal(raw, &f); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			out = append(out, f)
			return nil
		})
	})
	return out, err
}

// evidence is what a fork says of its author.
func (f Fork) evidence() Evidence {
	return Evidence{
		Receipt: f.Docs[1].ID, Peer: f.Author, When: f.When, Verdict: Bad, Label: wire.LabelAudited, Blame: wire.BlameProvider,
		Fraud: true,
	}
}

// pruneForks forgets the contradictions signed before that time.
func (l *Ledger) pruneForks(before time.Time) error {
	forks, err := l.Forks(identity.PubKey{})
	for _, f := range forks {
		if err == nil && f.When.Before(before) {
			_, err = l.admit(f.Author, func(tx store.Txn) (change, error) {
				return change{stale: true}, tx.Delete(forkKey(f.Author, f.Docs[1].ID))
			})
		}
	}
	return err
}

// told notes that a fork was made a FraudProof.
func (l *Ledger) told(f Fork) error {
	f.Told = true
	return l.s.Update(func(tx store.Txn) error { return putFork(tx, f.Docs[1].ID, f) })
}

// chain tells how whole the chain of peer's receipts is.
func (l *Ledger) chain(peer identity.PubKey) (c Chain, err error) {
	err = l.s.View(func(r store.Reader) error {
		c = Chain{}
		var first uint64
		prefix := chainPrefix(peer, l.self)
		err := r.Scan([]byte(prefix), func(k, _ []byte) error {
			seq, err := strconv.ParseUint(string(k[len(prefix):]), 16, 64)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if c.Held == 0 {
				first = seq
			}
			c.Held++
			c.Head = seq
			return nil
		})
		if c.Held > 0 {
			c.Gaps = c.Head - first + 1 - uint64(c.Held)
		}
		if err != nil {
			return err
		}
		return r.Scan([]byte(forkPrefix(peer)), func(_, _ []byte) error { c.Forks++; return nil })
	})
	return c, err
}
