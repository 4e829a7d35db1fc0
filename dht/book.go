package dht

import (
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

const (
	// maxOffers bounds the cached offers, about 2 KiB each.
	maxOffers = 1024
	// cachedFor is how long a cached offer serves Search, unless it wants newer ones.
	cachedFor = 60 * time.Second
	// A peer that failed is left alone for firstRest, then twice as long each
	// time, up to lastRest.
	firstRest = 5 * time.Second
	lastRest  = 5 * time.Minute
)

// offerBook remembers offers and failures. Time is given by the caller.
type offerBook struct {
	mu      sync.Mutex
	entries map[identity.PubKey]*entry
}

type entry struct {
	offer wire.ProviderOffer
	event wire.Event
	at    time.Time // when the offer came; zero: none
	rest  time.Duration
	until time.Time // rests until
}

func newOfferBook() *offerBook { return &offerBook{entries: make(map[identity.PubKey]*entry)} }

func (b *offerBook) store(p identity.PubKey, o wire.ProviderOffer, ev wire.Event, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.at(p, now) = entry{offer: o, event: ev, at: now}
}

func (b *offerBook) failed(p identity.PubKey, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.at(p, now)
	e.rest = min(max(2*e.rest, firstRest), lastRest)
	e.until, e.at = now.Add(e.rest), time.Time{}
}

// get returns an offer that came within the last while, or whether the peer is to be left alone.
func (b *offerBook) get(p identity.PubKey, within time.Duration, now time.Time) (e entry, cached, resting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.entries[p]
	if got == nil {
		return entry{}, false, false
	}
	cached = !got.at.IsZero() && now.Sub(got.at) < within
	return *got, cached, got.until.After(now)
}

// at returns p's entry, making room for it. Any other goes: what is dropped is
// only asked for again.
func (b *offerBook) at(p identity.PubKey, now time.Time) *entry {
	if e := b.entries[p]; e != nil {
		return e
	}
	if len(b.entries) >= maxOffers {
		for q, e := range b.entries {
			if now.Sub(e.at) > cachedFor && !e.until.After(now) {
				delete(b.entries, q)
			}
		}
		for q := range b.entries {
			if len(b.entries) < maxOffers {
				break
			}
			delete(b.entries, q)
		}
	}
	e := &entry{}
	b.entries[p] = e
	return e
}
