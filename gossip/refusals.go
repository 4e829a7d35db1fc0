package gossip

import (
	"sync"
	"time"
)

const (
	maxRefusals = 32 << 10
	// refusalAge is how long they are remembered: the set may think better of it.
	refusalAge = 6 * time.Hour
)

// shortID is enough of a document's id to know it again.
type shortID [8]byte

// refusals are documents that the set did not want: others hold them, and would
// send them with every session.
type refusals struct {
	mu    sync.Mutex
	ids   map[shortID]struct{}
	since time.Time
}

func (r *refusals) add(id [32]byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= maxRefusals || now.Sub(r.since) > refusalAge {
		r.ids, r.since = make(map[shortID]struct{}), now
	}
	r.ids[shortID(id[:8])] = struct{}{}
}

func (r *refusals) has(id shortID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.ids[id]
	return ok
}

// without returns the ids that were not refused.
func (r *refusals) without(ids [][32]byte) (out [][32]byte) {
	for _, id := range ids {
		if !r.has(shortID(id[:8])) {
			out = append(out, id)
		}
	}
	return out
}
