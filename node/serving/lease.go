package serving

import (
	"context"
	"sync"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// tenant is one client: its leases, and what it has under way.
type tenant struct {
	peer  identity.PubKey
	name  string        // its npub: what the pool is fair between
	salt  string        // see cacheSalt
	known chan struct{} // closed when the leases were read, or err says why not
	err   error

	mu     sync.Mutex
	leases map[wire.ID]*lease
	active int                    // requests answered or waiting
	rooms  map[payments.Unit]room // what the rails gave; none: ask
	gone   float64                // requests left before their first byte, halved every minute
	goneAt time.Time

	users int // who holds it now; guarded by the server's mutex
}

// lease is one lease in memory. Its tenant's mutex guards it but for what is
// said to be otherwise.
type lease struct {
	terms  wire.Lease // never changes
	answer wire.Event // to terms; never changes
	sum    record     // what is stored of it
	saved  uint64     // price of the meter as it was last stored

	inflight uint64     // reserved for requests under way, in the unit
	requests int        // how many they are
	answers  answers    // whole ones, by number
	recent   []finished // requests that a window may still leave out
	touched  time.Time  // last request's beginning or end
	dirty    bool       // the meter is ahead of the store

	settling sync.Mutex // held while a window or a receipt of it is dealt with
}

// finished is the use of one request.
type finished struct {
	at      time.Time
	in, out uint64
}

// count is a meter's or a client's count.
type count struct {
	Requests uint64 `json:"requests"`
	In       uint64 `json:"in"`
	Out      uint64 `json:"out"`
}

// room is how much more a payer may come to owe, as the rail said at a time.
type room struct {
	value uint64
	at    time.Time
}

func (l *lease) unit() payments.Unit { return payments.Unit(l.terms.Unit) }

func (l *lease) rate() payments.TokenRate {
	return payments.TokenRate{In: l.terms.In, Out: l.terms.Out, Unit: payments.Unit(l.terms.Unit)}
}

// price is what so many tokens cost by the lease; what cannot be priced costs
// more than anything that can.
func (l *lease) price(in, out uint64) uint64 {
	a, err := payments.PriceTokens(l.rate(), in, out)
	if err != nil {
		return payments.MaxValue
	}
	return a.Value
}

// due is what was used and not stated by a window yet.
func (l *lease) due() uint64 {
	m, w := l.sum.Meter, l.sum.Stated
	return l.price(max(m.In, w.In), max(m.Out, w.Out)) - l.price(w.In, w.Out)
}

// ServeLease answers a Lease with Progress accepted, once it is stored.
func (s *Server) ServeLease(_ context.Context, st *p2p.Stream, ev wire.Event) error {
	return s.reply(st, ev, func() (wire.Event, error) { return s.agree(st.Peer(), ev) })
}

func (s *Server) agree(from identity.PubKey, ev wire.Event) (wire.Event, error) {
	terms, err := wire.Decode[wire.Lease](ev)
	if err != nil {
		return wire.Event{}, refuse(CodeMalformed, "%v", err)
	}
	t, err := s.hold(from)
	if err != nil {
		return wire.Event{}, err
	}
	defer s.release(t)
	if l, ok := t.lease(terms.Job); ok {
		return l.again(terms)
	}
	image, err := s.covers(from, terms)
	if err != nil {
		return wire.Event{}, err
	}
	accepted := wire.Progress{Job: terms.Job, State: wire.StateAccepted}
	signed, err := wire.Seal(s.Key, accepted, s.Now())
	if err != nil {
		return wire.Event{}, err
	}
	l := &lease{terms: terms, answer: signed, sum: record{Terms: ev, Answer: signed, Image: image}, touched: s.Now()}
	return s.open(t, l)
}

// again answers a Lease that is already agreed to.
func (l *lease) again(terms wire.Lease) (wire.Event, error) {
	terms.Quote = l.terms.Quote // it may be asked again on a newer quote of the same price
	if terms != l.terms {
		return wire.Event{}, refuse(CodeMismatch, "this lease is already known with other terms")
	}
	return l.answer, nil
}

// covers checks a Lease against the quote it names and returns the engine that
// was quoted.
func (s *Server) covers(from identity.PubKey, l wire.Lease) (image string, err error) {
	q, ok := s.quoted(l.Quote, from)
	switch {
	case !ok:
		return "", refuse(CodeNoQuote, "no valid quote %s", l.Quote)
	case l.Job != q.quote.Job || l.Model != q.quote.Model:
		return "", refuse(CodeMismatch, "the quote is for another job or model")
	case l.In != q.quote.In || l.Out != q.quote.Out || l.Unit != q.quote.Unit || l.Rail != q.quote.Rail:
		return "", refuse(CodeMismatch, "price: %d and %d %s quoted", q.quote.In, q.quote.Out, q.quote.Unit)
	case l.Window > s.cfg.window(payments.Unit(l.Unit)):
		return "", refuse(CodeRefused, "window: at most %d %s may be unpaid here", s.cfg.window(payments.Unit(l.Unit)), l.Unit)
	case l.Budget > q.most.Budget || l.Deadline > q.most.Deadline:
		return "", refuse(CodeMismatch, "budget or deadline exceed the offer's")
	case l.Deadline <= s.Now().Unix():
		return "", refuse(CodeStale, "deadline: already past")
	}
	return q.quote.Image, nil
}

// open stores a lease and makes it known. Another stream may have been quicker:
// then its answer is given.
func (s *Server) open(t *tenant, l *lease) (wire.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.leases[l.terms.Job]; ok {
		return known.again(l.terms)
	}
	now, alive := s.Now(), 0
	for _, other := range t.leases {
		if !other.over(now) {
			alive++
		}
	}
	if alive >= s.cfg.LeasesPeer {
		return wire.Event{}, retry(60_000, CodeBusy, "too many leases of one client")
	}
	if err := s.create(t.peer, l); err != nil {
		return wire.Event{}, err
	}
	t.leases[l.terms.Job] = l
	return l.answer, nil
}

// over reports whether no more requests may name the lease.
func (l *lease) over(now time.Time) bool {
	return l.sum.Ended || now.Unix() >= l.terms.Deadline
}

// lease returns a lease of the tenant.
func (t *tenant) lease(job wire.ID) (*lease, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.leases[job]
	return l, ok
}
