package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Keys of the opinions: "doc/ID" the document; "digest/AUTHOR" and
// "fraud/SUBJECT/FAULT" what is in memory of it, so that a start reads little
// and checks no signature again.
func docKey(id wire.ID) []byte { return []byte("doc/" + id.String()) }

func digestKey(author identity.PubKey) []byte { return []byte("digest/" + author.Hex()) }

func fraudKey(k proofKey) []byte { return []byte("fraud/" + k.subject.Hex() + "/" + k.fault) }

// heldJSON is the stored form of held and heldProof.
type heldJSON struct {
	ID     wire.ID         `json:"id"`
	At     int64           `json:"at"`
	Author identity.PubKey `json:"author,omitzero"`
	When   int64           `json:"when,omitempty"`
}

// openOpinions reads what an earlier run kept in s.
func openOpinions(l *Ledger, s store.Store) (*Opinions, error) {
	o := &Opinions{
		self: l.self, s: s, params: l.params, ledger: l,
		authors: map[identity.PubKey]held{}, proofs: map[proofKey]heldProof{}, ids: map[wire.ID]struct{}{},
	}
	err := s.View(func(r store.Reader) error {
		err := scanHeld(r, "digest/", func(key string, h heldJSON) error {
			author, err := wire.ParseID(key)
			o.authors[identity.PubKey(author)], o.ids[h.ID] = held{h.ID, h.At}, struct{}{}
			return err
		})
		if err != nil {
			return err
		}
		return scanHeld(r, "fraud/", func(key string, h heldJSON) error {
			hex, fault, _ := strings.Cut(key, "/")
			subject, err := wire.ParseID(hex)
			o.proofs[proofKey{identity.PubKey(subject), fault}] = heldProof{held{h.ID, h.At}, h.Author, h.When}
			o.ids[h.ID] = struct{}{}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("opinions: %w", err)
	}
	return o, nil
}

// scanHeld reads what lies under a prefix, each with the rest of its key.
func scanHeld(r store.Reader, prefix string, fn func(key string, h heldJSON) error) error {
	return r.Scan([]byte(prefix), func(k, raw []byte) error {
		var h heldJSON
		err := json.Unmarshal(raw, &h)
		if err == nil {
			err = fn(string(k[len(prefix):]), h)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	})
}

// keepDigest and keepProof replace the document with the id old, if there is
// one, in the same transaction: after a crash there is one or the other.
func (o *Opinions) keepDigest(e wire.Event, old wire.ID) error {
	return o.keep(e, digestKey(e.PubKey), heldJSON{ID: e.ID, At: e.CreatedAt}, old)
}

func (o *Opinions) keepProof(e wire.Event, p heldProof, k proofKey, old wire.ID) error {
	return o.keep(e, fraudKey(k), heldJSON{ID: e.ID, At: e.CreatedAt, Author: p.author, When: p.when}, old)
}

func (o *Opinions) keep(e wire.Event, key []byte, h heldJSON, old wire.ID) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return o.s.Update(func(tx store.Txn) error {
		err := errors.Join(tx.Set(docKey(e.ID), e.Bytes()), tx.Set(key, raw))
		if err == nil && !old.IsZero() {
			err = tx.Delete(docKey(old))
		}
		return err
	})
}

// forget takes a document out of the store and its id out of the set.
func (o *Opinions) forget(key []byte, id wire.ID) error {
	err := o.s.Update(func(tx store.Txn) error {
		return errors.Join(tx.Delete(key), tx.Delete(docKey(id)))
	})
	if err == nil {
		delete(o.ids, id)
	}
	return err
}

// Get returns a document of the set.
func (o *Opinions) Get(id wire.ID) (e wire.Event, ok bool) {
	err := o.s.View(func(r store.Reader) error {
		raw, err := r.Get(docKey(id))
		if err == nil {
			e, err = wire.Parse(raw)
		}
		return err
	})
	return e, err == nil
}

// Digest returns the newest digest of an author, and its date in unix seconds.
func (o *Opinions) Digest(author identity.PubKey) (d wire.Digest, at int64, ok bool) {
	o.mu.Lock()
	h, ok := o.authors[author]
	o.mu.Unlock()
	if !ok {
		return wire.Digest{}, 0, false
	}
	err := o.s.View(func(r store.Reader) error {
		raw, err := r.Get(docKey(h.id))
		if err != nil {
			return err
		}
		// Its signature was checked when it came; this happens often.
		var e wire.Event
		if e, err = trusted(raw); err == nil {
			d, err = wire.Decode[wire.Digest](e)
		}
		return err
	})
	return d, h.at, err == nil
}

// trusted reads a document of this node's own store without verifying it.
func trusted(raw []byte) (wire.Event, error) {
	var e struct {
		PubKey  identity.PubKey `json:"pubkey"`
		At      int64           `json:"created_at"`
		Kind    wire.Kind       `json:"kind"`
		Tags    [][]string      `json:"tags"`
		Content string          `json:"content"`
	}
	err := json.Unmarshal(raw, &e)
	return wire.Event{PubKey: e.PubKey, CreatedAt: e.At, Kind: e.Kind, Tags: e.Tags, Content: e.Content}, err
}
