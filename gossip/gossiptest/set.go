// Package gossiptest has what tests of gossip need: a set of documents in
// memory, documents of any size, and the conformance suite of gossip.Set.
//
// Called by tests alone.
package gossiptest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// The kinds that Set keeps: the newest of each author, and all.
const (
	Replaced = wire.KindDigest
	Kept     = wire.KindFraudProof
)

// Set keeps documents in memory and checks their signatures. The zero value is
// empty and ready.
type Set struct {
	// Refuse, when set, tells which documents the set does not want.
	Refuse func(wire.Event) bool

	mu     sync.Mutex
	docs   map[[32]byte]doc
	newest map[identity.PubKey]wire.Event
}

type doc struct {
	at  int64
	raw []byte
}

// Items lists what is held.
func (s *Set) Items() []gossip.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]gossip.Item, 0, len(s.docs))
	for id, d := range s.docs {
		out = append(out, gossip.Item{At: d.at, ID: id})
	}
	return out
}

// Get returns a document.
func (s *Set) Get(id [32]byte) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.docs[id]
	return d.raw, ok
}

// Has tells whether a document is held.
func (s *Set) Has(e wire.Event) bool {
	_, ok := s.Get(e.ID)
	return ok
}

// Len is how many documents are held.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.docs)
}

// Size is how many bytes the documents have together.
func (s *Set) Size() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.docs {
		n += len(d.raw)
	}
	return n
}

// Take makes the set, which is empty, hold what another does.
func (s *Set) Take(from *Set) {
	from.mu.Lock()
	defer from.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs, s.newest = maps.Clone(from.docs), maps.Clone(from.newest)
}

// Add keeps a document: the newest of its author, or any of kind Kept.
func (s *Set) Add(raw []byte, _ identity.PubKey) (bool, error) {
	e, err := wire.Parse(raw)
	if err != nil {
		return false, err
	}
	if e.CreatedAt > time.Now().Add(gossip.MaxAhead).Unix() {
		return false, fmt.Errorf("%w: from the future", gossip.ErrIgnore)
	}
	if s.Refuse != nil && s.Refuse(e) {
		return false, fmt.Errorf("%w: refused", gossip.ErrIgnore)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs == nil {
		s.docs, s.newest = make(map[[32]byte]doc), make(map[identity.PubKey]wire.Event)
	}
	if _, held := s.docs[e.ID]; held {
		return false, nil
	}
	switch e.Kind {
	case Kept:
	case Replaced:
		old, held := s.newest[e.PubKey]
		if held && (old.CreatedAt > e.CreatedAt || old.CreatedAt == e.CreatedAt && old.ID.String() < e.ID.String()) {
			return false, fmt.Errorf("%w: old", gossip.ErrIgnore)
		}
		delete(s.docs, old.ID)
		s.newest[e.PubKey] = e
	default:
		return false, fmt.Errorf("kind %d is not kept", e.Kind)
	}
	s.docs[e.ID] = doc{at: e.CreatedAt, raw: raw}
	return true, nil
}

// Key makes a key; always the same one for a number.
func Key(t testing.TB, n int) *identity.Key {
	t.Helper()
	seed := sha256.Sum256(fmt.Appendf(nil, "gossiptest %d", n))
	k, err := identity.FromSecret(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Document makes a signed event of about size bytes.
func Document(t testing.TB, k *identity.Key, kind wire.Kind, at time.Time, size int) wire.Event {
	t.Helper()
	const frame = 350 // of an event without content
	content := strings.Repeat("opinion ", max(size-frame, 0)/8)
	pub := k.PubKey()
	canonical := fmt.Sprintf(`[0,"%x",%d,%d,[["d","test"]],"%s"]`, pub[:], at.Unix(), kind, content)
	e := wire.Event{
		ID: sha256.Sum256([]byte(canonical)), PubKey: pub, CreatedAt: at.Unix(), Kind: kind,
		Tags: [][]string{{"d", "test"}}, Content: content,
	}
	var err error
	if e.Sig, err = k.Sign(e.ID); err != nil {
		t.Fatal(err)
	}
	return e
}
