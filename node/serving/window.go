package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// maxWindows bounds the windows of one lease.
const maxWindows = 1 << 14

// receiptWithin is how long a client may take to pay before it sends the
// receipt on the window's stream; it may come on a later one.
const receiptWithin = 2 * time.Minute

// maxFollowing is how many documents may follow a window on its stream: its
// receipt, and after the last window how the audits were drawn.
const maxFollowing = 1 + maxDisclosures

// windowRef is the reference that a window is paid under.
func windowRef(l *lease, seq uint32) payments.Ref {
	return payments.NewRef(l.terms.Job.String(), seq, 0)
}

// windowPayment is what the tenant is to pay for a window.
func windowPayment(t *tenant, l *lease, seq uint32, amount uint64) payments.Payment {
	return payments.Payment{
		Ref: windowRef(l, seq), Peer: t.peer, Amount: payments.Amount{Value: amount, Unit: l.unit()},
		Memo: fmt.Sprintf("window %d of a lease", seq),
	}
}

// ServeWindow answers a Window with Progress accepted, a Receipt that follows on
// the same stream with a Countersign, and a Disclosure with Progress accepted.
func (s *Server) ServeWindow(ctx context.Context, st *p2p.Stream, ev wire.Event) error {
	if err := st.SetReadDeadline(time.Now().Add(receiptWithin)); err != nil {
		return err
	}
	return s.serveWindow(ctx, st, st.Peer(), ev)
}

func (s *Server) serveWindow(ctx context.Context, st stream, from identity.PubKey, ev wire.Event) error {
	t, err := s.hold(from)
	if err != nil {
		return s.reply(st, ev, func() (wire.Event, error) { return wire.Event{}, err })
	}
	defer s.release(t)
	var w wire.Window
	err = s.reply(st, ev, func() (_ wire.Event, err error) {
		if w, err = wire.Decode[wire.Window](ev); err != nil {
			return wire.Event{}, refuse(CodeMalformed, "%v", err)
		}
		return s.window(ctx, t, w, ev)
	})
	if err != nil {
		return err
	}
	for range maxFollowing {
		rev, err := wire.ReadEvent(st)
		if err != nil {
			return nil // what is missing comes on another stream, or never
		}
		err = s.reply(st, rev, func() (wire.Event, error) {
			if rev.Kind == wire.KindDisclosure {
				return s.disclosed(t, w, rev)
			}
			return s.receipt(ctx, t, w, rev)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// window takes a window in: checked against the meter, stored, expected on the
// rail, and only then accepted.
func (s *Server) window(ctx context.Context, t *tenant, w wire.Window, ev wire.Event) (wire.Event, error) {
	l, ok := t.lease(w.Job)
	if !ok {
		return wire.Event{}, refuse(CodeUnknown, "no such lease here")
	}
	l.settling.Lock()
	defer l.settling.Unlock()
	old, known, err := s.loadWindow(t.peer, w.Job, w.Seq)
	if err != nil {
		return wire.Event{}, err
	}
	if known && old.Answer != nil {
		return sameWindow(old, w)
	}
	if err := s.follows(ctx, t, l, w); err != nil {
		return wire.Event{}, err
	}
	// Written down before the rail hears of it: after a crash the same numbers
	// are expected again, not others beside them.
	rec := windowRecord{Window: ev, AcceptedMS: s.Now().UnixMilli()}
	if err := s.saveWindow(t.peer, w.Job, w.Seq, rec, nil); err != nil {
		return wire.Event{}, err
	}
	if err := s.expect(ctx, t, l, w); err != nil {
		return wire.Event{}, err
	}
	return s.accept(t, l, w, rec)
}

// sameWindow answers a window that was accepted before.
func sameWindow(old windowRecord, w wire.Window) (wire.Event, error) {
	was, err := wire.Decode[wire.Window](old.Window)
	if err != nil {
		return wire.Event{}, err
	}
	if was != w {
		return wire.Event{}, refuse(CodeMismatch, "window %d was accepted with other numbers", w.Seq)
	}
	return *old.Answer, nil
}

// follows checks that a window is the next one, adds up, and covers the meter.
func (s *Server) follows(ctx context.Context, t *tenant, l *lease, w wire.Window) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := l.sum
	switch {
	case sum.Ended:
		return refuse(CodeMismatch, "the lease has ended with window %d", sum.Next-1)
	case w.Seq != sum.Next || w.Seq >= maxWindows:
		return refuse(CodeMismatch, "window %d comes next, this is %d", sum.Next, w.Seq)
	case w.Unit != l.terms.Unit || w.Rail != l.terms.Rail:
		return refuse(CodeMismatch, "the lease is paid in %s on %s", l.terms.Unit, l.terms.Rail)
	case w.TotalIn-w.InTokens != sum.Stated.In || w.TotalOut-w.OutTokens != sum.Stated.Out:
		return refuse(CodeMismatch, "the windows before add up to %d and %d tokens", sum.Stated.In, sum.Stated.Out)
	case w.InTokens+w.OutTokens == 0 && !w.Last:
		return refuse(CodeRefused, "a window of nothing")
	case w.Last && l.requests > 0:
		return retry(1000, CodeBusy, "requests of the lease are under way")
	}
	if price := l.price(w.TotalIn, w.TotalOut) - l.price(sum.Stated.In, sum.Stated.Out); w.Amount != price {
		return refuse(CodeMismatch, "amount: these tokens cost %d %s by the lease", price, l.terms.Unit)
	}
	// One unpaid window at a time: a client that states and never pays owes no
	// more by stating again.
	_ = s.seePaid(ctx, t, l)
	if l.sum.Owed > 0 {
		return retry(500, CodeUnpaid, "window %d is not paid yet", sum.Next-1)
	}
	return l.covered(w, s.Now(), s.cfg.Grace)
}

// covered refuses totals below the meter. What was finished within the grace
// may be missing: its numbers may not have reached the client yet. A last
// window misses nothing.
func (l *lease) covered(w wire.Window, now time.Time, grace time.Duration) error {
	m := l.sum.Meter
	var late count
	if !w.Last {
		late = l.late(now, grace)
	}
	if w.TotalIn+late.In < m.In || w.TotalOut+late.Out < m.Out {
		return refuse(CodeDisputed, "%s were metered", Usage{Requests: m.Requests, TotalIn: m.In, TotalOut: m.Out})
	}
	if most := max(l.price(m.In, m.Out), l.terms.Budget); l.price(w.TotalIn, w.TotalOut) > most {
		return refuse(CodeMismatch, "the totals cost more than the lease's budget")
	}
	return nil
}

// expect tells the rail what is to come. A crash may have left an expectation
// of a window that was never accepted: it gives way.
func (s *Server) expect(ctx context.Context, t *tenant, l *lease, w wire.Window) error {
	if w.Amount == 0 {
		return nil
	}
	p := windowPayment(t, l, w.Seq, w.Amount)
	err := s.Rail.Expect(ctx, p)
	if errors.Is(err, payments.ErrConflict) {
		if err = s.Rail.Waive(ctx, p, "the window was stated anew"); err == nil {
			err = s.Rail.Expect(ctx, p)
		}
	}
	if err != nil {
		return refuse(CodeCredit, "%v", err)
	}
	return nil
}

// accept writes down that a window holds, with the answer that it gets for
// ever.
func (s *Server) accept(t *tenant, l *lease, w wire.Window, rec windowRecord) (wire.Event, error) {
	m := wire.Progress{Job: w.Job, Shard: w.Seq, State: wire.StateAccepted}
	signed, err := wire.Seal(s.Key, m, s.Now())
	if err != nil {
		return wire.Event{}, err
	}
	rec.Answer = &signed
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := l.sum
	sum.Stated = count{sum.Stated.Requests + w.Requests, w.TotalIn, w.TotalOut}
	sum.Meter.In, sum.Meter.Out = max(sum.Meter.In, w.TotalIn), max(sum.Meter.Out, w.TotalOut)
	sum.Next, sum.Owed, sum.Ended = w.Seq+1, w.Amount, w.Last
	if err := s.saveWindow(t.peer, w.Job, w.Seq, rec, &sum); err != nil {
		return wire.Event{}, err
	}
	l.sum, l.saved, l.dirty = sum, l.price(sum.Meter.In, sum.Meter.Out), false
	delete(t.rooms, l.unit()) // the rail now holds what was open here
	return signed, nil
}
