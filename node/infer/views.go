package infer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/infer/choose"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// Leases returns the leases that are not forgotten yet, newest first.
func (r *Router) Leases() []LeaseInfo {
	var out []LeaseInfo
	for _, l := range r.leases() {
		out = append(out, l.info())
	}
	slices.SortFunc(out, func(a, b LeaseInfo) int {
		return cmp.Or(b.Since.Compare(a.Since), strings.Compare(a.Lease.String(), b.Lease.String()))
	})
	return out
}

func (l *lease) info() LeaseInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := LeaseInfo{
		Lease: l.ID, Provider: l.Provider, Model: l.Model, State: l.State,
		In: l.Rate.In, Out: l.Rate.Out, Unit: string(l.Rate.Unit), Rail: l.Rail, Budget: l.Budget,
		Requests: l.Requests, InTokens: l.Total.In, OutTokens: l.Total.Out,
		Spent: l.price(l.Total), Paid: l.Paid, Active: l.active, Windows: l.Next,
		Refused: l.Refused.In + l.Refused.Out, Reason: l.Reason, Since: time.Unix(l.Created, 0), Deadline: time.Unix(l.Deadline, 0),
	}
	if l.Open != nil {
		out.Window = l.Open.State
	}
	return out
}

// LastChoice explains the last choice for a model, by name or CID.
func (r *Router) LastChoice(model string) (Choice, bool) {
	r.choices.mu.Lock()
	k := r.choices.last[modelKey(model)]
	r.choices.mu.Unlock()
	if k == nil {
		return Choice{}, false
	}
	c, d := k.explain()
	return Choice{Model: k.view.model, At: k.at, Chosen: k.chosen, Candidates: c, Dropped: d}, true
}

// explain lists who could be chosen, likeliest first, and who not.
func (k *ranking) explain() ([]Candidate, []Dropped) {
	dropped := slices.Clone(k.view.dropped)
	for i, reason := range k.reasons {
		if reason != nil {
			dropped = append(dropped, Dropped{Peer: k.targets[i].peer, Stage: "choice", Reason: reason.Error()})
		}
	}
	out := make([]Candidate, 0, len(k.ranked))
	for _, one := range k.ranked {
		t, c := k.targets[one.Index], k.states[one.Index]
		out = append(out, Candidate{
			Peer: t.peer, Name: t.served.Name, Model: t.served.Model, Image: t.quote.quote.Image,
			In: c.In, Out: c.Out, Unit: t.quote.quote.Unit, TPSMilli: c.TPSMilli, TTFTMS: c.TTFTMS,
			Queue: c.Queue, Slots: c.Slots, Context: c.Context, Warm: c.Warm, Class: t.class, GPUs: t.gpus,
			Reputation: c.Reputation, Failures: c.Failures,
			Score: one.Score, Probability: one.Probability, Via: string(t.via),
		})
	}
	return out, dropped
}

// Candidates asks everyone who serves q.Model for a quote and tells how likely
// each would be chosen, and of everyone else why not.
func (r *Router) Candidates(ctx context.Context, q Query) ([]Candidate, []Dropped, error) {
	v := &view{}
	if err := r.search(ctx, modelKey(q.Model), v); err != nil {
		return nil, nil, err
	}
	v.spots = slices.DeleteFunc(v.spots, func(s spot) bool {
		reason := q.hardware(s)
		if reason != "" {
			v.dropped = append(v.dropped, Dropped{Peer: s.peer, Stage: "search", Reason: reason})
		}
		return reason != ""
	})
	quotes, dropped := r.quotes(ctx, v.spots)
	v.quotes, v.dropped, v.reputation = quotes, append(v.dropped, dropped...), r.reputations(v.spots)
	need, err := r.ceilings(q.MaxIn, q.MaxOut)
	if err != nil {
		return nil, nil, err
	}
	k := r.rank(&query{
		session: sessionKey(q.Model, q.SessionOf), ask: meter.Ask{Choices: 1, Tried: 1},
		need: choose.Need{
			Human: r.human, MaxIn: need.MaxIn, MaxOut: need.MaxOut, MinReputation: q.MinReputation, MinTPSMilli: q.MinTPSMilli,
			MaxTTFTMS: q.MaxTTFTMS, ExpectIn: q.ExpectIn, ExpectOut: q.ExpectOut,
		},
	}, v)
	c, d := k.explain()
	return c, d, nil
}

// hardware holds a provider's cards against the query.
func (q Query) hardware(s spot) string {
	if q.VRAMBytes == 0 && q.GPU == "" {
		return ""
	}
	var most uint64
	named := false
	for _, g := range s.gpus {
		if strings.Contains(strings.ToLower(g.Name), strings.ToLower(q.GPU)) {
			named, most = true, max(most, g.VRAMBytes)
		}
	}
	switch {
	case !named:
		return fmt.Sprintf("has no card called %.40q", q.GPU)
	case most < q.VRAMBytes:
		return fmt.Sprintf("its largest such card has %d bytes, %d are wanted", most, q.VRAMBytes)
	}
	return ""
}

// servedModels keep what everybody serves for a short while.
type servedModels struct {
	mu   sync.Mutex
	at   time.Time
	list []ModelInfo
}

// maxListed bounds the offers that a list of models is made of.
const maxListed = 256

// Models returns what is served, by others and here, in the order of names.
func (r *Router) Models(ctx context.Context) ([]ModelInfo, error) {
	list, err := r.remote(ctx)
	list = slices.Clone(list)
	if r.d.LocalModels != nil {
		for _, m := range r.d.LocalModels() {
			m.Local = true
			i := slices.IndexFunc(list, func(o ModelInfo) bool { return o.CID == m.CID && strings.EqualFold(o.Name, m.Name) })
			if i < 0 {
				m.Providers = 1
				list = append(list, m)
				continue
			}
			list[i].Local = true
			list[i].Providers++
		}
	}
	slices.SortFunc(list, func(a, b ModelInfo) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.CID, b.CID))
	})
	if len(list) > 0 {
		err = nil // what is known is an answer
	}
	return list, err
}

func (r *Router) remote(ctx context.Context) ([]ModelInfo, error) {
	r.served.mu.Lock()
	list, at := r.served.list, r.served.at
	r.served.mu.Unlock()
	now := r.now()
	if now.Sub(at) < r.cfg.QuoteEvery {
		return list, nil
	}
	found, err := r.d.Market.Search(ctx, dht.Query{Keys: []dht.Key{dht.RoleKey("provider")}, Max: maxListed})
	if err != nil {
		return list, err
	}
	list = served(found, r.d.Key.PubKey(), now)
	r.served.mu.Lock()
	defer r.served.mu.Unlock()
	r.served.list, r.served.at = list, now
	return list, nil
}

// served sums up offers by name and CID.
func served(found []dht.Found, self identity.PubKey, now time.Time) []ModelInfo {
	type key struct{ name, cid string }
	at := map[key]int{}
	var list []ModelInfo
	for _, f := range found {
		if f.Peer == self {
			continue
		}
		for _, s := range f.Offer.Serves {
			k := key{strings.ToLower(s.Name), s.Model}
			i, ok := at[k]
			if !ok {
				i = len(list)
				at[k] = i
				list = append(list, ModelInfo{Name: s.Name, CID: s.Model, MinIn: s.In, MinOut: s.Out, Unit: s.Unit, Seen: now})
			}
			m := &list[i]
			m.Providers++
			m.Context = max(m.Context, int(s.Context))
			if m.Unit == s.Unit {
				m.MinIn, m.MinOut = min(m.MinIn, s.In), min(m.MinOut, s.Out)
			}
		}
	}
	return list
}
