package infer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// spot is one provider of a model, by its signed offer.
type spot struct {
	peer   identity.PubKey
	served wire.Served
	class  string
	gpus   []wire.GPU
	via    dht.Via
}

// view is what is known of a model's providers. It does not change.
type view struct {
	model      string // CID; empty when nobody serves the name
	spots      []spot
	quotes     map[identity.PubKey]quoted
	reputation map[identity.PubKey]float64
	unseen     int // providers that could not be asked what they serve
	dropped    []Dropped
	searched   time.Time
	quoted     time.Time
}

// market keeps a view for each model asked for.
type market struct {
	mu     sync.Mutex
	models map[string]*entry
}

// entry is a view and whether it is being renewed.
type entry struct {
	view    *view
	loading chan struct{} // closed when the load under way ends; nil for none
	err     error         // of the last load
	used    time.Time
}

const (
	maxModels   = 1024             // names remembered; anyone may ask the API for many
	emptyFor    = time.Second      // how long nobody found stays true
	searchTime  = 20 * time.Second // one search and its quotes
	helpNoOffer = "nobody announces it; `infernet provider search` lists what is served"
)

// modelKey is the form in which names are compared.
func modelKey(model string) string {
	if _, err := cid.Decode(model); err == nil {
		return model
	}
	return strings.ToLower(model)
}

// see returns a model's view. One that is old is renewed in the background;
// only the first request for a model waits.
func (r *Router) see(ctx context.Context, model string) (*view, error) {
	key := modelKey(model)
	now := r.now()
	r.market.mu.Lock()
	e := r.market.entry(key)
	e.used = now
	v, loading := e.view, e.loading
	stale := v == nil || now.Sub(v.quoted) >= r.cfg.QuoteEvery || len(v.quotes) == 0 && now.Sub(v.quoted) >= emptyFor
	if stale && loading == nil {
		loading = make(chan struct{})
		e.loading = loading
		if !r.background(searchTime, func(ctx context.Context) { r.load(ctx, key, e) }) {
			e.loading = nil
			close(loading)
		}
	}
	r.market.mu.Unlock()
	if v != nil && len(v.quotes) > 0 && now.Sub(v.quoted) < r.cfg.MaxStale || loading == nil && v != nil {
		return v, nil
	}
	select {
	case <-loading:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.market.mu.Lock()
	defer r.market.mu.Unlock()
	if e.view == nil {
		return &view{}, e.err
	}
	return e.view, e.err
}

// entry finds or makes one; the longest unused gives way. The mutex is held.
func (m *market) entry(key string) *entry {
	if m.models == nil {
		m.models = map[string]*entry{}
	}
	e := m.models[key]
	if e != nil {
		return e
	}
	if len(m.models) >= maxModels {
		oldest := ""
		for k, o := range m.models {
			if o.loading == nil && (oldest == "" || o.used.Before(m.models[oldest].used)) {
				oldest = k
			}
		}
		delete(m.models, oldest)
	}
	e = &entry{}
	m.models[key] = e
	return e
}

// load renews a view: the search when it is old, the quotes always.
func (r *Router) load(ctx context.Context, key string, e *entry) {
	r.market.mu.Lock()
	old := e.view
	r.market.mu.Unlock()
	v, err := r.look(ctx, key, old)
	r.market.mu.Lock()
	defer r.market.mu.Unlock()
	// A search that failed does not take away what was found before.
	if err == nil || old == nil {
		e.view = v
	}
	e.err = err
	if old != nil && len(old.spots) > 0 {
		e.err = nil
	}
	close(e.loading)
	e.loading = nil
}

func (r *Router) look(ctx context.Context, key string, old *view) (*view, error) {
	now := r.now()
	v := &view{searched: now}
	if old != nil && len(old.spots) > 0 && now.Sub(old.searched) < r.cfg.SearchEvery {
		v.model, v.spots, v.searched, v.unseen = old.model, old.spots, old.searched, old.unseen
		v.dropped = slices.DeleteFunc(slices.Clone(old.dropped), func(d Dropped) bool { return d.Stage != "search" })
	} else if err := r.search(ctx, key, v); err != nil {
		return v, err
	}
	v.reputation = r.reputations(v.spots)
	ask := r.quotes
	if old == nil || len(old.quotes) == 0 {
		ask = r.someQuotes
	}
	quotes, dropped := ask(ctx, v.spots)
	v.quotes, v.quoted = quotes, r.now()
	for _, d := range dropped {
		if !r.carry(old, v, d) {
			v.dropped = append(v.dropped, d)
		}
	}
	return v, nil
}

// carry keeps the last quote of a provider that was too busy to give another in
// time: requests to it may work. It counts as a failure, so that others come
// first, and not for long.
func (r *Router) carry(old, v *view, d Dropped) bool {
	if old == nil || d.refused {
		return false
	}
	q, ok := old.quotes[d.Peer]
	if !ok || v.quoted.Sub(q.at) > 6*r.cfg.QuoteEvery {
		return false
	}
	r.health.failed(d.Peer, 1, v.quoted)
	v.quotes[d.Peer] = q
	return true
}

// search fills in who serves what key names.
func (r *Router) search(ctx context.Context, key string, v *view) error {
	q := dht.Query{Keys: []dht.Key{dht.NameKey(key)}, Max: 2 * r.cfg.Candidates}
	_, err := cid.Decode(key)
	named := err != nil
	if !named {
		v.model = key
	} else if r.d.Alias != nil {
		if c, ok := r.d.Alias(key); ok {
			v.model = c
		}
	}
	if v.model != "" {
		q.Keys = []dht.Key{dht.ModelKey(v.model)}
	}
	if err := q.Keys[0].Validate(); err != nil {
		return nil // no such model can be announced
	}
	var mu sync.Mutex
	q.OnDrop = func(p identity.PubKey, _ dht.Via, reason error) {
		mu.Lock()
		defer mu.Unlock()
		why := "it does not serve the model"
		if !errors.Is(reason, dht.ErrNoMatch) {
			v.unseen++
			why = reason.Error()
		}
		v.dropped = append(v.dropped, Dropped{Peer: p, Stage: "search", Reason: why})
	}
	found, err := r.d.Market.Search(ctx, q)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, f := range found {
		if f.Peer == r.d.Key.PubKey() {
			continue // what this node serves itself is asked without the network
		}
		for _, s := range f.Offer.Serves {
			if s.Model == v.model || v.model == "" && strings.EqualFold(s.Name, key) {
				v.spots = append(v.spots, spot{f.Peer, s, f.Offer.Class, f.Offer.Hardware.GPUs, f.Via})
			}
		}
	}
	v.settle()
	return nil
}

// settle keeps the spots of one model: of several that go by one name, the most
// served. A provider is asked once, at the first row that it offers.
func (v *view) settle() {
	if v.model == "" {
		served := map[string]int{}
		for _, s := range v.spots {
			served[s.served.Model]++
		}
		for c, n := range served {
			if v.model == "" || n > served[v.model] || n == served[v.model] && c < v.model {
				v.model = c
			}
		}
	}
	seen := map[identity.PubKey]bool{}
	v.spots = slices.DeleteFunc(v.spots, func(s spot) bool {
		if s.served.Model != v.model {
			v.dropped = append(v.dropped, Dropped{Peer: s.peer, Stage: "search", Reason: "serves another model of that name: " + s.served.Model})
			return true
		}
		again := seen[s.peer]
		seen[s.peer] = true
		return again
	})
}
