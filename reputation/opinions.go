package reputation

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Bounds of what is kept of strangers' words. In memory an author or a proof
// takes about 300 bytes; documents are in the store.
const (
	MaxAuthors   = 20_000
	MaxProofs    = 4_096
	opinionTime  = 90 * 24 * time.Hour
	opinionAhead = 10 * time.Minute
)

// Opinions is the replicated set of what nodes say of each other: each author's
// newest Digest, and one FraudProof of each fault of a subject. Two sets that
// took in the same documents, in any order, are equal while neither is full.
// It is safe for use by many goroutines.
type Opinions struct {
	self   identity.PubKey
	s      store.Store
	params Params
	ledger *Ledger // of which Own tells

	mu      sync.Mutex
	authors map[identity.PubKey]held
	proofs  map[proofKey]heldProof
	ids     map[wire.ID]struct{}
	near    map[identity.PubKey]bool // authors whose word weighs; see Book
	version uint64                   // changes when what weighs changes
	floor   int64                    // strangers' digests dated up to here were turned out
}

// held is a document of the set.
type held struct {
	id wire.ID
	at int64 // when it was signed, unix seconds
}

// newer is the order of documents of which one holds: the later, then the one
// with the lower id.
func (h held) newer(o held) bool {
	if h.at != o.at {
		return h.at > o.at
	}
	return bytes.Compare(h.id[:], o.id[:]) < 0
}

// Entry is one document of the set, by which two sets are reconciled.
type Entry struct {
	At int64 // when it was signed, unix seconds
	ID wire.ID
}

// Add takes a Digest or a FraudProof in, which is one from wire.Parse: its
// signature is not checked again. fresh is false for one that is there
// already. ErrStale, ErrFuture and ErrFull mean that it is not wanted, through
// nobody's fault; ErrFalse that whoever passes it on is at fault.
func (o *Opinions) Add(e wire.Event, now time.Time) (fresh bool, err error) {
	switch {
	case e.Kind != wire.KindDigest && e.Kind != wire.KindFraudProof:
		return false, fmt.Errorf("%w: %s is no opinion", ErrFalse, e.Kind)
	case e.CreatedAt > now.Add(opinionAhead).Unix():
		return false, ErrFuture
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.ids[e.ID]; ok {
		return false, nil
	}
	if e.Kind == wire.KindFraudProof {
		return o.addProof(e, now)
	}
	return o.addDigest(e, now)
}

// addDigest takes what is newer than what is held of its author, and makes room
// when a stranger is newer than the oldest strangers.
func (o *Opinions) addDigest(e wire.Event, now time.Time) (bool, error) {
	next := held{e.ID, e.CreatedAt}
	old, known := o.authors[e.PubKey]
	switch {
	case e.CreatedAt < now.Add(-opinionTime).Unix(), known && old.newer(next):
		return false, ErrStale
	case !known && !o.weighs(e.PubKey) && e.CreatedAt <= o.floor:
		return false, ErrFull
	}
	d, err := wire.Decode[wire.Digest](e)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	if o.params.Network != "" && d.Network != o.params.Network {
		return false, fmt.Errorf("%w: it is of the network %.40q", ErrFalse, d.Network)
	}
	if !known && len(o.authors) >= MaxAuthors {
		if err := o.turnOut(); err != nil {
			return false, err
		}
		if !o.weighs(e.PubKey) && e.CreatedAt <= o.floor {
			return false, ErrFull
		}
	}
	if err := o.keepDigest(e, old.id); err != nil {
		return false, fmt.Errorf("%w: %w", ErrFull, err)
	}
	delete(o.ids, old.id)
	o.authors[e.PubKey], o.ids[e.ID] = next, struct{}{}
	if o.weighs(e.PubKey) {
		o.version++
	}
	return true, nil
}

// weighs reports whether the author is this node or one whose word counts.
func (o *Opinions) weighs(author identity.PubKey) bool { return author == o.self || o.near[author] }

// turnOut makes room for about a hundredth more: those whose word does not
// weigh go first, and of them the oldest.
func (o *Opinions) turnOut() error {
	type candidate struct {
		author identity.PubKey
		held
	}
	list := make([]candidate, 0, len(o.authors))
	for a, h := range o.authors {
		list = append(list, candidate{a, h})
	}
	slices.SortFunc(list, func(a, b candidate) int {
		if near := o.weighs(a.author); near != o.weighs(b.author) {
			if near {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.at, b.at), bytes.Compare(a.id[:], b.id[:]))
	})
	for _, c := range list[:MaxAuthors/100] {
		if err := o.forget(digestKey(c.author), c.id); err != nil {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		delete(o.authors, c.author)
		if o.weighs(c.author) {
			o.version++
		} else {
			o.floor = max(o.floor, c.at)
		}
	}
	return nil
}

// Items returns what the set holds, by date and id.
func (o *Opinions) Items() []Entry {
	o.mu.Lock()
	out := make([]Entry, 0, len(o.ids))
	for _, h := range o.authors {
		out = append(out, Entry{h.at, h.id})
	}
	for _, p := range o.proofs {
		out = append(out, Entry{p.at, p.id})
	}
	o.mu.Unlock()
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.At, b.At), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// Len returns how many documents the set holds.
func (o *Opinions) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ids)
}

// Prune forgets what has expired and returns how many documents it was.
func (o *Opinions) Prune(now time.Time) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for author, h := range o.authors {
		if h.at >= now.Add(-opinionTime).Unix() {
			continue
		}
		if err := o.forget(digestKey(author), h.id); err != nil {
			return n, err
		}
		delete(o.authors, author)
		n++
	}
	for k, p := range o.proofs {
		if p.when >= now.Add(-o.params.FraudTime).Unix() {
			continue
		}
		if err := o.forget(fraudKey(k), p.id); err != nil {
			return n, err
		}
		delete(o.proofs, k)
		n++
	}
	if n > 0 {
		o.version++
	}
	if len(o.authors) < MaxAuthors-MaxAuthors/100 {
		o.floor = 0
	}
	return n, nil
}
