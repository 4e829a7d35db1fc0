package serving

import (
	"context"
	"math"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// roomFor is how long the rail's answer about a peer's credit is believed. The
// room shrinks meanwhile only by what others expect of the same peer, and what
// this server expects asks anew.
const roomFor = 250 * time.Millisecond

// bound is the most that a request may use.
type bound struct{ in, out uint64 }

// ticket is a request under way and what is reserved for it.
type ticket struct {
	l      *lease
	most   bound
	amount uint64 // reserved, in the unit
}

// begin counts a request of the tenant; the 429 says that it has too many
// already. end must follow.
func (s *Server) begin(t *tenant) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.decay(s.Now()); {
	case t.active >= s.cfg.PerPeer:
		return openai.RateLimit("too many requests of one client at once")
	case t.gone >= maxGone:
		return openai.RateLimit("too many requests were given up before they were answered")
	}
	t.active++
	return nil
}

// maxGone is how many requests a client may lately have left before their first
// byte. Nothing is metered of such a request, though its prompt was worked on:
// a client that asks two providers at once leaves one of them.
const maxGone = 128

func (t *tenant) decay(now time.Time) {
	if age := now.Sub(t.goneAt); age > 0 {
		t.gone *= math.Exp2(-age.Minutes())
	}
	t.goneAt = now
}

// left counts a request that the client gave up before its first byte.
func (t *tenant) left(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.decay(now)
	t.gone++
}

func (t *tenant) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
}

// admit reserves what a request may cost, or tells with a 402 why it may not.
// finish must follow.
func (s *Server) admit(ctx context.Context, t *tenant, job wire.ID, most bound) (*ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.leases[job]
	if !ok {
		return nil, unpaid(CodeLeaseUnknown, "no such lease of this client")
	}
	now := s.Now()
	if l.over(now) {
		return nil, unpaid(CodeLeaseEnded, "the lease is over")
	}
	if err := s.seePaid(ctx, t, l); err != nil {
		return nil, err
	}
	if err := l.windowOpen(now, s.cfg); err != nil {
		return nil, err
	}
	k := &ticket{l: l, most: most, amount: l.price(most.in, most.out)}
	if err := s.affords(ctx, t, l, k.amount); err != nil {
		return nil, err
	}
	l.inflight += k.amount
	l.requests++
	l.touched = now
	return k, nil
}

// windowOpen refuses while what is unpaid fills the window, or has waited for
// too long. A request that is let in may pass the window: one of them.
func (l *lease) windowOpen(now time.Time, c Config) error {
	owed := l.due() + l.sum.Owed
	switch {
	case owed+l.inflight >= l.terms.Window:
		return unpaid(CodeWindowDue, "%d %s are unpaid or under way: a window is due", owed+l.inflight, l.terms.Unit)
	case owed > 0 && l.requests == 0 && now.Sub(l.touched) > c.Overdue:
		return unpaid(CodeWindowDue, "%d %s are unpaid for too long: a window is due", owed, l.terms.Unit)
	}
	return nil
}

// affords checks a further amount against the lease's budget and the peer's
// credit on the rail. The tenant's mutex is held.
func (s *Server) affords(ctx context.Context, t *tenant, l *lease, amount uint64) error {
	if amount == 0 {
		return nil
	}
	// The budget first: it needs no rail, and the client can renew it itself.
	used := l.price(l.sum.Meter.In, l.sum.Meter.Out)
	if left := l.terms.Budget - min(l.terms.Budget, used+l.inflight); amount > left {
		return unpaid(CodeBudget, "the request could cost %d %s, the lease has %d left", amount, l.terms.Unit, left)
	}
	var open uint64 // of all leases in this unit, not yet expected on the rail
	unit := l.unit()
	for _, other := range t.leases {
		if other.unit() != unit {
			continue
		}
		open = min(open+other.due()+other.inflight, payments.MaxValue) // three of them fit 64 bits
	}
	for fresh := false; ; fresh = true {
		if err := s.askRoom(ctx, t, unit, fresh); err != nil {
			return err
		}
		room := t.rooms[unit].value
		if open+amount <= room {
			return nil
		}
		if fresh {
			return unpaid(CodeNoCredit, "the request could cost %d %s, this payer has credit for %d", amount, l.terms.Unit, room-min(room, open))
		}
	}
}

func (s *Server) askRoom(ctx context.Context, t *tenant, unit payments.Unit, fresh bool) error {
	now := s.Now()
	if age := now.Sub(t.rooms[unit].at); !fresh && age >= 0 && age < roomFor {
		return nil
	}
	given, err := s.Rail.RoomFor(ctx, t.peer, unit)
	if err != nil {
		s.Log.Error("credit of a payer", "peer", t.peer.Short(), "err", err)
		return openai.Unavailable("the provider cannot tell the payer's credit")
	}
	t.rooms[unit] = room{given.Value, now}
	return nil
}

// seePaid finds out whether the last window was paid, if that is open.
func (s *Server) seePaid(ctx context.Context, t *tenant, l *lease) error {
	if l.sum.Owed == 0 {
		return nil
	}
	e, err := s.Rail.Received(ctx, windowPayment(t, l, l.sum.Next-1, l.sum.Owed))
	if err != nil {
		s.Log.Error("state of a window's payment", "peer", t.peer.Short(), "err", err)
		return nil
	}
	if e.State == payments.StateCaptured {
		l.sum.Owed, l.dirty = 0, true
		delete(t.rooms, l.unit())
	}
	return nil
}

// extend reserves for a stream that passes what was reserved for it.
func (s *Server) extend(ctx context.Context, t *tenant, k *ticket, out uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	amount := k.l.price(k.most.in, out)
	if amount > k.amount {
		// One request may pass the window. Were each of many that began small
		// let grow, all of them would.
		if beside := k.l.due() + k.l.sum.Owed + k.l.inflight - k.amount; beside >= k.l.terms.Window {
			return unpaid(CodeWindowDue, "%d %s are unpaid or under way beside this answer: a window is due", beside, k.l.terms.Unit)
		}
		if err := s.affords(ctx, t, k.l, amount-k.amount); err != nil {
			return err
		}
		k.l.inflight += amount - k.amount
		k.amount = amount
	}
	k.most.out = out
	return nil
}

// finish gives the reservation back and meters what was used; a request that
// came to nothing is not counted. It returns the trailer.
func (s *Server) finish(t *tenant, k *ticket, in, out uint64) Usage {
	t.mu.Lock()
	l := k.l
	l.inflight -= k.amount
	l.requests--
	l.touched = s.Now()
	m := &l.sum.Meter
	urgent := false
	if in+out > 0 {
		m.Requests, m.In, m.Out = m.Requests+1, m.In+in, m.Out+out
		l.dirty = true
		l.leave(finished{l.touched, in, out}, s.cfg.Grace)
		urgent = l.price(m.In, m.Out)-l.saved > l.terms.Window/4
	}
	u := Usage{Requests: m.Requests, In: in, Out: out, TotalIn: m.In, TotalOut: m.Out}
	t.mu.Unlock()
	if urgent {
		select {
		case s.kick <- struct{}{}:
		default: // it was asked for already
		}
	}
	return u
}

// maxRecent bounds the requests that a window may leave out.
const maxRecent = 256

// leave remembers a request that a window on its way may not know of.
func (l *lease) leave(f finished, grace time.Duration) {
	i := 0
	for i < len(l.recent) && (f.at.Sub(l.recent[i].at) > grace || len(l.recent)-i >= maxRecent) {
		i++
	}
	l.recent = append(l.recent[i:], f)
}

// late is what a window stated now may leave out.
func (l *lease) late(now time.Time, grace time.Duration) (c count) {
	for _, f := range l.recent {
		if now.Sub(f.at) <= grace {
			c.In, c.Out, c.Requests = c.In+f.in, c.Out+f.out, c.Requests+1
		}
	}
	return c
}
