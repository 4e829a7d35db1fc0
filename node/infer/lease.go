package infer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// lease is an agreement with one provider about one model, in memory.
type lease struct {
	settling sync.Mutex // held while a window is dealt with

	mu       sync.Mutex
	record               // guarded by mu, but for what never changes
	reserved uint64      // for requests under way
	active   int         // how many they are
	slack    meter.Count // what requests under way may have used
	last     time.Time   // end of the last request
	dirty    bool        // ahead of the store
	numbers  uint32      // requests that were numbered
	rate     uint32      // how often answers are audited, parts per million
	audits   int         // answers that are being audited
	again    time.Time   // not to be settled before
	wait     time.Duration
}

type leaseKey struct {
	peer  identity.PubKey
	model string
}

// book holds the leases.
type book struct {
	mu      sync.Mutex
	open    map[leaseKey]*lease   // that take requests
	all     map[wire.ID]*lease    // not forgotten
	pending map[leaseKey]*opening // being agreed
}

// opening is a lease on its way; others who want the same wait for it.
type opening struct {
	done chan struct{}
	l    *lease
	err  error
}

// renewBefore is how long before its deadline a lease takes no more requests.
const renewBefore = time.Minute

// take returns a lease with room for cost and reserves it. The lease that is
// kept is used as long as it has room; a new one is agreed else.
func (r *Router) take(ctx context.Context, t target, cost uint64) (*lease, error) {
	if cost > r.cfg.Budget {
		return nil, payment(CodeBudget, "this request may cost %s and a lease of this node at most %s", r.human(cost), r.human(r.cfg.Budget))
	}
	key := leaseKey{t.peer, t.served.Model}
	for {
		r.book.mu.Lock()
		l, p := r.book.open[key], r.book.pending[key]
		if l != nil && !l.dearer(t.rate()) && l.reserve(cost, r.now()) {
			r.book.mu.Unlock()
			return l, nil
		}
		if l != nil { // full, at its end, or made when the price was higher
			delete(r.book.open, key)
			l.drain("")
			r.kick()
		}
		if p == nil {
			p = &opening{done: make(chan struct{})}
			r.book.pending[key] = p
			if !r.background(2*r.cfg.QuoteTime+fundTime+leaseTime, func(ctx context.Context) { r.open(ctx, key, t, p) }) {
				delete(r.book.pending, key)
				p.err = errNoLease
				close(p.done)
			}
		}
		r.book.mu.Unlock()
		select {
		case <-p.done:
			if p.err != nil {
				return nil, p.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// dearer says that the lease costs more than the price by which its provider was
// chosen: the request's own limit was held against that one.
func (l *lease) dearer(than payments.TokenRate) bool {
	return l.Rate.In > than.In || l.Rate.Out > than.Out
}

// leaseTime bounds the agreement about a lease.
const leaseTime = 15 * time.Second

// open agrees a lease and makes it known.
func (r *Router) open(ctx context.Context, key leaseKey, t target, p *opening) {
	l, err := r.agree(ctx, t)
	r.book.mu.Lock()
	defer r.book.mu.Unlock()
	if err == nil {
		r.book.open[key] = l
		r.book.all[l.ID] = l
	}
	delete(r.book.pending, key)
	p.l, p.err = l, err
	close(p.done)
}

// agree signs a lease on a valid quote and stores it before it is used.
func (r *Router) agree(ctx context.Context, t target) (*lease, error) {
	q, err := r.valid(ctx, t, t.quote)
	if err != nil {
		return nil, err
	}
	locked, err := r.fund(ctx, t.peer, q.quote)
	if err != nil {
		return nil, err
	}
	l, err := r.sign(ctx, t, q, locked)
	if err != nil {
		r.unfund(context.WithoutCancel(ctx), locked, "no lease was agreed")
	}
	return l, err
}

// valid is q, or another quote of that price at most where q does not hold any
// more.
func (r *Router) valid(ctx context.Context, t target, q quoted) (quoted, error) {
	if r.fresh(q, r.now()) {
		return q, nil
	}
	q, err := r.quote(ctx, t.spot)
	if err != nil {
		return q, err
	}
	// The choice, and the caller's limit, were made by the older price.
	if q.quote.In > t.quote.quote.In || q.quote.Out > t.quote.quote.Out {
		return q, fmt.Errorf("the price rose to %d and %d", q.quote.In, q.quote.Out)
	}
	return q, nil
}

// sign agrees the lease for which that is locked.
func (r *Router) sign(ctx context.Context, t target, q quoted, locked payments.Ref) (*lease, error) {
	q, err := r.valid(ctx, t, q) // locking money may have taken longer than it holds
	if err != nil {
		return nil, err
	}
	now := r.now()
	r.spend(q)
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	s, err := r.talkTo(ctx, t.peer, p2p.ProtoJob)
	if err != nil {
		return nil, err
	}
	defer s.end()
	terms := wire.Lease{
		Quote: q.id, Job: q.quote.Job, Model: q.quote.Model, In: q.quote.In, Out: q.quote.Out,
		Unit: q.quote.Unit, Rail: q.quote.Rail, Budget: r.cfg.Budget, Window: r.window(q.quote), Deadline: q.deadline,
	}
	var secret wire.ID
	if r.auditor != nil {
		secret = newSecret()
		terms.AuditCommit, terms.AuditMin = wire.SecretHash(secret), r.cfg.Audits.Least
	}
	_, ans, err := r.ask(s, terms)
	if err != nil {
		return nil, err
	}
	if m, err := wire.Decode[wire.Progress](ans); err != nil || m.Job != terms.Job || m.State != wire.StateAccepted {
		return nil, fmt.Errorf("%w: it neither accepts nor refuses the lease", errProtocol)
	}
	c := record{
		ID: terms.Job, Provider: t.peer, Model: terms.Model, Image: q.quote.Image,
		Rate: payments.TokenRate{In: terms.In, Out: terms.Out, Unit: payments.Unit(terms.Unit)}, Rail: terms.Rail,
		Budget: terms.Budget, Limit: terms.Window, Created: now.Unix(), Deadline: terms.Deadline,
		State: stateOpen, Updated: now.Unix(), Secret: secret, Least: terms.AuditMin, Class: t.class, Locked: locked,
	}
	// A crash before this line leaves the provider with a lease that nobody
	// uses, one after it a lease that Run ends: nothing is owed by either.
	if err := r.save(c); err != nil {
		return nil, err
	}
	l := &lease{record: c, last: now}
	if r.auditor != nil {
		l.rate = r.rateOf(l)
	}
	return l, nil
}

// fresh says whether a lease can still be agreed on q.
func (r *Router) fresh(q quoted, now time.Time) bool {
	r.usedMu.Lock()
	defer r.usedMu.Unlock()
	return !r.used[q.id] && q.quote.Expires > now.Unix()+1
}

// spend remembers that a quote was agreed to: it names one lease.
func (r *Router) spend(q quoted) {
	r.usedMu.Lock()
	defer r.usedMu.Unlock()
	if len(r.used) > 4096 { // all of them expired but for the last few
		clear(r.used)
	}
	r.used[q.id] = true
}

// reserve takes cost of what the lease may still spend.
func (l *lease) reserve(cost uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.State != stateOpen || now.Add(renewBefore).Unix() >= l.Deadline || l.Rows.len() >= maxDrawn {
		return false
	}
	if l.price(l.Total.Add(l.Slack))+l.reserved+cost > l.Budget {
		return false
	}
	l.reserved += cost
	l.active++
	return true
}

// drain ends a lease for requests; what is open is still paid.
func (l *lease) drain(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.State == stateOpen {
		l.State, l.dirty = stateDraining, true
		l.Reason = reason
	}
}

// retire takes a lease out of use, so that the next request agrees a new one.
func (r *Router) retire(l *lease, reason string) {
	key := leaseKey{l.Provider, l.Model}
	r.book.mu.Lock()
	if r.book.open[key] == l {
		delete(r.book.open, key)
	}
	r.book.mu.Unlock()
	l.drain(reason)
	r.kick()
}

// abandon is a lease that its provider does not know (any more): nothing can be
// stated by it.
func (r *Router) abandon(l *lease, reason string) {
	r.retire(l, reason)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.State != stateClosed && l.Open == nil {
		l.State, l.Reason, l.dirty = stateDisputed, reason, true
		if l.owed() == 0 {
			l.State = stateClosed
		}
	}
}

// settled enters what a request used and gives back what was reserved for it.
func (r *Router) settled(l *lease, cost uint64, held meter.Count, res meter.Result) {
	now := r.now()
	l.mu.Lock()
	l.reserved -= cost
	l.active--
	l.slack = sub(l.slack, held)
	l.last, l.dirty = now, true
	l.Requests++
	before := l.price(l.Total)
	l.Total, l.Slack, l.Lost = l.Total.Add(res.Count), l.Slack.Add(res.Slack), l.Lost.Add(res.Lost)
	spent := l.price(l.Total) - before
	if res.Reason != "" {
		l.Refused = l.Refused.Add(res.Refused)
		if len(l.Evidence) < maxEvidence {
			l.Evidence = append(l.Evidence, wire.Printable(res.Reason))
		}
	}
	due := l.price(l.Total)-min(l.price(l.Total), l.price(l.Stated)) >= r.cfg.payAt(l.Limit) || l.State != stateOpen
	l.mu.Unlock()
	r.purse.give(cost)
	r.purse.add(spent, now)
	if res.Reason != "" {
		r.log.Warn("over-claim refused", "provider", l.Provider.Short(), "lease", l.ID.Short(), "reason", res.Reason)
		r.penalise(l.Provider, penaltyOverclaim, "claims more tokens than there are")
		r.health.failed(l.Provider, restAt+1, now)
		r.retire(l, "over-claim: "+res.Reason)
	}
	if due {
		r.kick()
	}
}

// sub is c less d, not below zero.
func sub(c, d meter.Count) meter.Count {
	return meter.Count{In: c.In - min(c.In, d.In), Out: c.Out - min(c.Out, d.Out)}
}

// hold counts, for the case that this node is killed, what a request under way
// may use.
func (l *lease) hold(most meter.Count) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slack = l.slack.Add(most)
	l.dirty = true
}

// isRefused says whether err is a provider's refusal with one of the codes.
func isRefused(err error, codes ...string) bool {
	var ref *refused
	if !errors.As(err, &ref) {
		return false
	}
	for _, c := range codes {
		if ref.code == c {
			return true
		}
	}
	return false
}
