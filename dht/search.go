package dht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// fetchAtOnce is how many offers are asked for side by side.
const fetchAtOnce = 24

// defaultMax is Query.Max when it is 0.
const defaultMax = 64

// Via tells where a candidate came from.
type Via string

const (
	ViaTable Via = "dht"   // a record in the table
	ViaKnown Via = "known" // connected, or remembered from before
)

// Query asks for providers that satisfy every key; none is Any.
type Query struct {
	// Keys with the most selective first: the table is asked for that one.
	Keys []Key
	// Max bounds the candidates; 0 is 64.
	Max int
	// Newer, above 0, has offers asked for again that came longer ago: for who
	// found nothing in those that are remembered.
	Newer time.Duration
	// OnDrop, when set, is told why a candidate is not in the result. It is
	// called from several goroutines.
	OnDrop func(p identity.PubKey, via Via, reason error)
}

// Found is a provider that satisfied a query.
type Found struct {
	Peer  identity.PubKey
	Offer wire.ProviderOffer
	Event wire.Event // the signed offer
	Via   Via
}

// Search returns providers whose offers satisfy q, in the order of their keys.
// Nobody found is no error: q.OnDrop has the reasons. On a node that has just
// started it waits up to Config.JoinWait for a first member of the table; an
// empty table is no error either, as known peers are asked too. Errors:
// ErrBadKey, ErrNotRunning, or that of ctx.
func (d *DHT) Search(ctx context.Context, q Query) ([]Found, error) {
	if len(q.Keys) == 0 {
		q.Keys = []Key{Any}
	}
	if q.Max <= 0 {
		q.Max = defaultMax
	}
	for _, k := range q.Keys {
		if err := k.Validate(); err != nil {
			return nil, err
		}
	}
	d.waitJoined(ctx)
	recorded, err := d.Find(ctx, q.Keys[0], q.Max)
	if err != nil && !errors.Is(err, ErrAlone) {
		return nil, err
	}
	list := candidates(recorded, d.knownProviders(q.Max), q.Max)
	found := d.fetchAll(ctx, q, list)
	if err := ctx.Err(); err != nil && len(found) == 0 {
		return nil, err
	}
	slices.SortFunc(found, func(a, b Found) int { return slices.Compare(a.Peer[:], b.Peer[:]) })
	return found, nil
}

// waitJoined gives a node that has just started the time to meet its first
// peer.
func (d *DHT) waitJoined(ctx context.Context) {
	if d.Size() > 0 || d.getTable() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.JoinWait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for d.Size() == 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// knownProviders are connected peers that serve offers, and peers remembered.
func (d *DHT) knownProviders(max int) []identity.PubKey {
	connected := make(set)
	for _, p := range d.host.Peers() {
		connected[p.Peer] = true
	}
	return slices.DeleteFunc(d.host.Known(4*max), func(p identity.PubKey) bool {
		return connected[p] && !d.host.Speaks(p, p2p.ProtoOffer)
	})
}

type candidate struct {
	peer identity.PubKey
	via  Via
}

// candidates joins both lists into at most max: a quarter is kept for peers
// that are known without the table, so that nobody who holds a key's places
// decides alone whom we meet.
func candidates(recorded, known []identity.PubKey, max int) []candidate {
	inTable := make(set)
	for _, p := range recorded {
		inTable[p] = true
	}
	known = slices.DeleteFunc(slices.Clone(known), func(p identity.PubKey) bool { return inTable[p] })
	reserved := min(len(known), (max+3)/4)
	recorded = recorded[:min(len(recorded), max-reserved)]
	known = known[:min(len(known), max-len(recorded))]
	out := make([]candidate, 0, len(recorded)+len(known))
	for _, p := range recorded {
		out = append(out, candidate{p, ViaTable})
	}
	for _, p := range known {
		out = append(out, candidate{p, ViaKnown})
	}
	return out
}

func (d *DHT) fetchAll(ctx context.Context, q Query, list []candidate) []Found {
	var (
		mu    sync.Mutex
		found []Found
		wg    sync.WaitGroup
	)
	slots := make(chan struct{}, fetchAtOnce)
	for _, c := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f, err := d.check(ctx, q, c)
			if err != nil {
				if q.OnDrop != nil {
					q.OnDrop(c.peer, c.via, err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, f)
		})
	}
	wg.Wait()
	return found
}

// check gets a candidate's offer, from the cache or from the peer, and holds it
// against the query.
func (d *DHT) check(ctx context.Context, q Query, c candidate) (Found, error) {
	within := cachedFor
	if q.Newer > 0 {
		within = min(within, q.Newer)
	}
	e, cached, resting := d.offers.get(c.peer, within, time.Now())
	if !cached {
		if resting {
			return Found{}, ErrResting
		}
		var err error
		if e.offer, e.event, err = d.FetchOffer(ctx, c.peer); err != nil {
			// Our own haste says nothing about the peer.
			if ctx.Err() == nil {
				d.offers.failed(c.peer, time.Now())
			}
			return Found{}, err
		}
	}
	has := OfferKeys(e.offer)
	for _, k := range q.Keys {
		if !slices.Contains(has, k) {
			return Found{}, fmt.Errorf("%w: %s", ErrNoMatch, k)
		}
	}
	return Found{Peer: c.peer, Offer: e.offer, Event: e.event, Via: c.via}, nil
}
