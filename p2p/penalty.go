package p2p

import (
	"math"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Penalties: a score of BanThreshold or more bars the peer for BanTime; scores
// halve every PenaltyHalfLife.
const (
	BanThreshold    = 100
	BanTime         = 15 * time.Minute
	PenaltyHalfLife = 10 * time.Minute
)

// maxPenalised bounds the memory an attacker can take with fresh keys.
const maxPenalised = 4096

// penalties keeps a decaying score for each peer that misbehaved. Time is
// given by the caller.
type penalties struct {
	mu    sync.Mutex
	peers map[identity.PubKey]*offender
}

type offender struct {
	score float64   // as of at
	at    time.Time // last change
	until time.Time // barred until
}

func (o *offender) now(t time.Time) float64 {
	age := t.Sub(o.at)
	if age <= 0 {
		return o.score
	}
	return o.score * math.Exp2(-float64(age)/float64(PenaltyHalfLife))
}

// add counts points and reports whether this call is what barred the peer.
func (b *penalties) add(p identity.PubKey, points int, t time.Time) bool {
	if points <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.peers[p]
	if o == nil {
		b.makeRoom(t)
		o = &offender{at: t}
		b.peers[p] = o
	}
	o.score, o.at = o.now(t)+float64(points), t
	if o.score < BanThreshold || o.until.After(t) {
		return false
	}
	o.until = t.Add(BanTime)
	return true
}

func (b *penalties) barred(p identity.PubKey, t time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.peers[p]
	return o != nil && o.until.After(t)
}

func (b *penalties) score(p identity.PubKey, t time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.peers[p]; o != nil {
		return o.now(t)
	}
	return 0
}

// makeRoom drops what has decayed and, when that is not enough, the mildest
// offender: worse ones must not be able to wash themselves out with new keys.
func (b *penalties) makeRoom(t time.Time) {
	if b.peers == nil {
		b.peers = make(map[identity.PubKey]*offender)
	}
	if len(b.peers) < maxPenalised {
		return
	}
	var mildest identity.PubKey
	least := math.Inf(1)
	for p, o := range b.peers {
		s := o.now(t)
		if s < 1 && !o.until.After(t) {
			delete(b.peers, p)
		} else if s < least {
			mildest, least = p, s
		}
	}
	if len(b.peers) >= maxPenalised {
		delete(b.peers, mildest)
	}
}
