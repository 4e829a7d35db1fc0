package infer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/choose"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// ranking is one choice, as it was made.
type ranking struct {
	at      time.Time
	view    *view
	targets []target // those with a quote
	states  []choose.Candidate
	ranked  []choose.Ranked
	reasons []error
	order   []target // as drawn
	chosen  identity.PubKey
}

// choices keep the last ranking of each model.
type choices struct {
	mu   sync.Mutex
	last map[string]*ranking
}

func (c *choices) set(model string, k *ranking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) >= maxModels {
		clear(c.last)
	}
	c.last[model] = k
}

// rank weighs everyone of a view who quoted.
func (r *Router) rank(q *query, v *view) *ranking {
	now := r.now()
	k := &ranking{at: now, view: v}
	holder, held := r.sessions.get(q.session)
	for _, s := range v.spots {
		qu, ok := v.quotes[s.peer]
		if !ok {
			continue
		}
		failures, active := r.health.see(s.peer, now)
		m, t := qu.quote, target{s, qu}
		if _, funds := r.funder(); funds && m.Credit == 0 {
			m.Credit = q.cost(t.rate()) // there may be some once money is locked
		}
		k.targets = append(k.targets, t)
		k.states = append(k.states, choose.Candidate{
			In: m.In, Out: m.Out, TPSMilli: m.TPSMilli, TTFTMS: m.TTFTMS, Queue: m.Queue, Slots: m.Slots,
			Active: uint32(max(active, 0)), Context: m.Context, Credit: m.Credit, Owing: q.cost(t.rate()),
			Reputation: v.reputation[s.peer], Failures: failures, Warm: m.Warm,
			Session: held && holder == s.peer, Resting: failures >= restAt,
		})
	}
	// A peer that failed lately is not left out: it may be the only one.
	k.ranked, k.reasons = r.cfg.Choice.Rank(k.states, q.need)
	return k
}

// pick draws the order in which providers are asked. The error says why nobody
// can be.
func (r *Router) pick(q *query, v *view, without map[identity.PubKey]bool) (*ranking, error) {
	k := r.rank(q, v)
	for _, one := range choose.Draw(k.ranked, r.rand) {
		t := k.targets[one.Index]
		if !without[t.peer] {
			k.order = append(k.order, t)
		}
	}
	if len(k.order) > 0 {
		k.chosen = k.order[0].peer
	}
	r.choices.set(modelKey(q.Model), k)
	if len(k.order) == 0 {
		return k, r.nobody(q, k)
	}
	return k, nil
}

// nobody explains why no provider can be asked, and what would help.
func (r *Router) nobody(q *query, k *ranking) error {
	var dear, credit, budget, long int
	var in, out uint64 // of the cheapest that is too dear
	var context uint32 // the largest
	for i, reason := range k.reasons {
		c := k.states[i]
		switch {
		case errors.Is(reason, choose.ErrTooDear):
			if dear++; in+out == 0 || c.In+c.Out < in+out {
				in, out = c.In, c.Out
			}
		case errors.Is(reason, choose.ErrNoCredit):
			credit++
		case errors.Is(reason, choose.ErrBudget):
			budget++
		case errors.Is(reason, choose.ErrContext):
			long, context = long+1, max(context, c.Context)
		}
	}
	switch n := len(k.reasons); {
	case long > 0 && long == n:
		return openai.ContextLength(int(context), int(q.need.Context))
	case dear > 0 && dear == n:
		return payment(CodeTooDear, "all %d providers of %.100q ask more than the limit of %s and %s per million tokens; the cheapest asks %s and %s",
			dear, q.Model, r.human(q.need.MaxIn), r.human(q.need.MaxOut), r.human(in), r.human(out))
	case budget > 0 && budget == n:
		return payment(CodeBudget, "this request may cost more than the %s that a lease of this node may; ask for fewer tokens, or raise the budget", r.human(r.cfg.Budget))
	case credit > 0 && credit == n && r.d.Rail.Unit() != payments.Credits:
		return payment(CodeCredit, "all %d providers of %.100q let this node owe less than this request may cost: ask for fewer tokens (max_tokens), or wait until what is open is paid; what is paid makes them let it owe more", credit, q.Model)
	case credit > 0 && credit == n:
		return payment(CodeCredit, "the credit of this node with %d providers of %.100q is used up: earn from them, or ask for a higher limit", credit, q.Model)
	case len(k.view.spots) == 0 && k.view.unseen == 0:
		e := openai.NotFound(q.Model)
		e.Message += "; " + helpNoOffer
		return e
	case len(k.view.spots) == 0:
		return noProvider(q.Model, fmt.Sprintf("nobody who could be asked serves it, and %d providers could not be asked; try again, or see `infernet provider search`", k.view.unseen))
	case len(k.targets) == 0 && len(k.view.dropped) > 0:
		last := k.view.dropped[len(k.view.dropped)-1]
		return noProvider(q.Model, fmt.Sprintf("none of %d providers answered with a quote; the last: %.200s", len(k.view.spots), last.Reason))
	}
	for i, reason := range k.reasons {
		if reason != nil {
			return noProvider(q.Model, fmt.Sprintf("%s %s; `infernet provider search` tells of all %d", k.targets[i].peer.Short(), reason, len(k.targets)))
		}
	}
	return noProvider(q.Model, "all who serve it failed this request already")
}
