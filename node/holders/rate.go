package holders

import (
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// What is answered: refs a second, and as many at once after a rest.
const (
	peerRate, peerBurst = 50, 512
	allRate, allBurst   = 5000, 20_000
	maxBuckets          = 4096
)

// rates bounds how much is answered to one peer and to all. Time is given by
// the caller.
type rates struct {
	mu    sync.Mutex
	all   bucket
	peers map[identity.PubKey]*bucket
}

type bucket struct {
	used float64 // of the burst
	at   time.Time
}

// rest lets time refill the bucket.
func (b *bucket) rest(rate float64, now time.Time) {
	b.used = max(0, b.used-rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
}

// take tells whether n more refs are answered to a peer, and counts them.
func (r *rates) take(p identity.PubKey, n int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers == nil {
		r.peers = map[identity.PubKey]*bucket{}
	}
	b := r.peers[p]
	if b == nil {
		r.makeRoom(now)
		b = &bucket{at: now}
		r.peers[p] = b
	}
	b.rest(peerRate, now)
	r.all.rest(allRate, now)
	if b.used+float64(n) > peerBurst || r.all.used+float64(n) > allBurst {
		return false
	}
	b.used += float64(n)
	r.all.used += float64(n)
	return true
}

// makeRoom drops those that have rested enough, and where there are none, any:
// the bound on all holds whoever is forgotten.
func (r *rates) makeRoom(now time.Time) {
	if len(r.peers) < maxBuckets {
		return
	}
	for p, b := range r.peers {
		if b.rest(peerRate, now); b.used == 0 {
			delete(r.peers, p)
		}
	}
	for p := range r.peers {
		if len(r.peers) < maxBuckets {
			return
		}
		delete(r.peers, p)
	}
}
