package gossip

import (
	"time"

	"infernet.tech/infernet/gossip/negentropy"
)

// viewAge is how long a view of the set is used: documents may come to the set
// and leave it by other ways than gossip.
const viewAge = 2 * time.Second

// mirrored less a date is what stands for the date in reconciliation, so that the
// newest comes first: a session that ends early has told what matters, and much
// of the old is replaced meanwhile.
const mirrored = 1 << 40

// view is the set as of one moment, in order for reconciliation.
type view struct {
	vector  *negentropy.Vector
	entries map[[32]byte]entry
	newest  map[slot]int64 // the date of what fills each slot
	at      time.Time
}

type entry struct {
	slot, author slot
	at           int64
}

// look returns the set as of now, or a moment ago.
func (g *Gossip) look() *view {
	g.mu.Lock()
	v := g.view
	g.mu.Unlock()
	now := time.Now()
	if v != nil && v.at.After(now.Add(-viewAge)) {
		return v
	}
	items := g.set.Items()
	for i := range items {
		items[i].At = mirrored - items[i].At
	}
	fresh := &view{
		vector:  negentropy.NewVector(items),
		newest:  make(map[slot]int64),
		at:      now,
		entries: make(map[[32]byte]entry),
	}
	for _, it := range fresh.vector.Items() {
		e, ok := entry{}, false
		if v != nil {
			e, ok = v.entries[it.ID] // a document never changes
		}
		if !ok {
			e = g.entry(it.ID, mirrored-it.At)
		}
		fresh.entries[it.ID] = e
		if e.slot != (slot{}) {
			fresh.newest[e.slot] = max(fresh.newest[e.slot], e.at)
		}
	}
	g.mu.Lock()
	g.view = fresh
	g.mu.Unlock()
	return fresh
}

func (g *Gossip) entry(id [32]byte, at int64) entry {
	raw, ok := g.set.Get(id)
	if !ok {
		return entry{at: at}
	}
	head, err := peek(raw)
	if err != nil {
		return entry{at: at}
	}
	return entry{slot: head.slot(), author: head.authorSlot(), at: at}
}

// changed makes the next look a new one.
func (g *Gossip) changed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.view != nil {
		g.view.at = time.Time{}
	}
}

// learnAuthors tells the limits whose documents the set holds: after a restart
// they are no newcomers.
func (g *Gossip) learnAuthors() {
	for _, e := range g.look().entries {
		g.limits.passed(e.author, time.Unix(e.at, 0))
	}
}
