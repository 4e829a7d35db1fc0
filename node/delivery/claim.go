package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// receiptWithin is how long a peer may take to pay before it sends the receipt
// on the delivery's stream; it may come on a later one.
const receiptWithin = 2 * time.Minute

// stream is what documents are exchanged on.
type stream interface {
	io.Writer
	wire.Reader
}

// ref is the reference that a delivery of payer's account is paid under here.
func (s *Service) ref(payer identity.PubKey, account wire.ID, seq uint32) payments.Ref {
	return payments.NewRef(wire.DeliveryJob(payer, s.d.Key.PubKey(), account).String(), seq, 0)
}

// ServeDelivery answers a Delivery with Progress accepted, and a Receipt that
// follows on the same stream with a Countersign. The caller has checked that ev
// is fresh and by the peer itself. It returns the stream's errors and why a
// document was refused.
func (s *Service) ServeDelivery(ctx context.Context, st *p2p.Stream, ev wire.Event) error {
	if err := st.SetReadDeadline(time.Now().Add(receiptWithin)); err != nil {
		return err
	}
	return s.serveDelivery(ctx, st, st.Peer(), ev)
}

func (s *Service) serveDelivery(ctx context.Context, st stream, from identity.PubKey, ev wire.Event) error {
	c, err := s.hold(from)
	if err != nil {
		return s.reply(st, ev, func() (wire.Event, error) { return wire.Event{}, retry(5000, CodeBusy, "too many peers") })
	}
	defer s.release(c)
	var d wire.Delivery
	err = s.reply(st, ev, func() (_ wire.Event, err error) {
		if d, err = wire.Decode[wire.Delivery](ev); err != nil {
			return wire.Event{}, refuse(CodeMalformed, "%v", err)
		}
		return s.claim(ctx, c, d, ev)
	})
	if err != nil {
		return err
	}
	rev, err := wire.ReadEvent(st)
	if err != nil {
		return nil // the receipt comes on another stream, or never
	}
	return s.reply(st, rev, func() (wire.Event, error) { return s.sign(ctx, c, d, rev) })
}

// reply sends what answers ev, or why there is no answer; then that is returned.
func (s *Service) reply(st stream, ev wire.Event, fn func() (wire.Event, error)) error {
	ans, err := fn()
	if err != nil {
		var r *refusal
		if !errors.As(err, &r) {
			s.log.Error("delivery", "peer", ev.PubKey.Short(), "err", err)
		}
		var serr error
		if ans, serr = wire.Seal(s.d.Key, answer(ev.ID, err), s.d.Now()); serr != nil {
			return serr
		}
	}
	return errors.Join(err, wire.WriteEvent(st, ans))
}

// claim takes a delivery in: checked against the meter, stored, expected on the
// rail, and only then accepted.
func (s *Service) claim(ctx context.Context, c *customer, d wire.Delivery, ev wire.Event) (wire.Event, error) {
	c.settling.Lock()
	defer c.settling.Unlock()
	s.seePaid(ctx, c)
	if old, same, err := s.claimed(claimKey(c.peer, d.Account), d); err != nil {
		return wire.Event{}, err
	} else if same && old.Answer != nil {
		return *old.Answer, s.expectAgain(ctx, c, d)
	}
	above, err := s.follows(c, d)
	if err != nil {
		return wire.Event{}, err
	}
	_, same, err := s.claimed(pendingKey(c.peer), d)
	if err != nil {
		return wire.Event{}, err
	}
	// Only a number that was on its way here before may be known to the rail.
	if !same {
		if err := s.unspent(ctx, c, d); err != nil {
			return wire.Event{}, err
		}
		// Written down before the rail hears of it: after a crash the same
		// numbers are expected again, not others beside them.
		err := s.d.Store.Update(func(tx store.Txn) error { return set(tx, pendingKey(c.peer), claim{Doc: ev}) })
		if err != nil {
			return wire.Event{}, err
		}
	}
	if err := s.expect(ctx, c, d); err != nil {
		return wire.Event{}, err
	}
	return s.accept(c, d, ev, above)
}

// claimed reads a claim and reports whether it says what d says.
func (s *Service) claimed(key []byte, d wire.Delivery) (old claim, same bool, err error) {
	known, err := get(s.d.Store, key, &old)
	if err != nil || !known {
		return old, false, err
	}
	was, err := wire.Decode[wire.Delivery](old.Doc)
	return old, was == d, err
}

// Metered is what an Error of CodeMetered tells: how many bytes may be claimed
// by one more delivery. Its text begins so.
const Metered = "bytes="

// follows checks that a delivery is the next one, adds up, and is not above the
// meter, but for what a crash may have taken from that; above is how much it is.
func (s *Service) follows(c *customer, d wire.Delivery) (above uint64, err error) {
	if d.Unit != string(s.d.Rail.Unit()) || d.Rail != s.d.Rail.Name() {
		return 0, refuse(CodeMismatch, "content is paid in %s on %s here", s.d.Rail.Unit(), s.d.Rail.Name())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a, known := c.rec.account(d.Account)
	switch {
	case !known && d.Seq > 0:
		return 0, refuse(CodeUnknown, "no such account here")
	case !known && !c.rec.makesRoom():
		return 0, retry(60_000, CodeUnpaid, "too many accounts wait for a payment")
	case known && d.Price != a.Price:
		return 0, refuse(CodeMismatch, "the account is at %d per GiB", a.Price)
	case !s.prices.holds(d.Price, s.d.Now()):
		return 0, refuse(CodePrice, "%d %s per GiB", s.cfg.Price, d.Unit)
	case d.Seq != a.Next || d.Total-d.Bytes != a.Total:
		return 0, refuse(CodeMismatch, "delivery %d after %d bytes comes next", a.Next, a.Total)
	// One unpaid at a time: a peer that claims and never pays owes no more by
	// claiming again.
	case a.Owed > 0:
		return 0, retry(500, CodeUnpaid, "delivery %d is not paid yet", a.Next-1)
	}
	price, err := payments.PriceSpan(s.rate(d.Price), a.Total, d.Total)
	if err != nil || price.Value != d.Amount {
		return 0, refuse(CodeMismatch, "amount: these bytes cost %s", price)
	}
	m := c.rec.meterOf(d.Price)
	open := m.Served - m.Claimed
	if most := open + c.slack[slackOf(d.Price)]; d.Bytes > most {
		return 0, refuse(CodeMetered, "%s%d were served and not claimed", Metered, most)
	}
	return d.Bytes - min(d.Bytes, open), nil
}

func slackOf(price uint64) int {
	if price == 0 {
		return 0
	}
	return 1
}

// unspent refuses a number that was paid for once: an account that was given up
// here must not begin again.
func (s *Service) unspent(ctx context.Context, c *customer, d wire.Delivery) error {
	e, err := s.d.Rail.Status(ctx, s.ref(c.peer, d.Account, d.Seq))
	switch {
	case errors.Is(err, payments.ErrNoEntry):
		return nil
	case err != nil:
		return err
	case e.State == payments.StateCaptured:
		return refuse(CodeMismatch, "this delivery was paid before")
	}
	return nil
}

// expect tells the rail what is to come. A crash may have left an expectation
// of a delivery that was never accepted: it gives way.
func (s *Service) expect(ctx context.Context, c *customer, d wire.Delivery) error {
	if d.Amount == 0 {
		return nil
	}
	p := payments.Payment{
		Ref: s.ref(c.peer, d.Account, d.Seq), Peer: c.peer,
		Amount: payments.Amount{Value: d.Amount, Unit: payments.Unit(d.Unit)}, Memo: c.memo(d),
	}
	err := s.d.Rail.Expect(ctx, p)
	if errors.Is(err, payments.ErrConflict) {
		if err = s.d.Rail.Waive(ctx, p.Ref, "the delivery was stated anew"); err == nil {
			err = s.d.Rail.Expect(ctx, p)
		}
	}
	if err != nil {
		return retry(5000, CodeCredit, "%v", err)
	}
	return nil
}

// memo says what a charge is for, in words.
func (c *customer) memo(d wire.Delivery) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf("content served: delivery %d of account %s, %d bytes at %d %s per GiB", d.Seq, d.Account.Short(), d.Bytes, d.Price, d.Unit)
	if len(c.roots) > 0 {
		text += ", lately of " + strings.Join(c.roots, " ")
	}
	return wire.Printable(text)
}

// expectAgain lets a delivery that was accepted be paid although the rail gave
// it up meanwhile.
func (s *Service) expectAgain(ctx context.Context, c *customer, d wire.Delivery) error {
	c.mu.Lock()
	a, known := c.rec.account(d.Account)
	c.mu.Unlock()
	if !known || a.Owed == 0 || a.Next != d.Seq+1 {
		return nil
	}
	return s.expect(ctx, c, d)
}

// accept writes down that a delivery holds, with the answer that it gets for
// ever.
func (s *Service) accept(c *customer, d wire.Delivery, ev wire.Event, above uint64) (wire.Event, error) {
	m := wire.Progress{Job: wire.DeliveryJob(c.peer, s.d.Key.PubKey(), d.Account), Shard: d.Seq, State: wire.StateAccepted}
	signed, err := wire.Seal(s.d.Key, m, s.d.Now())
	if err != nil {
		return wire.Event{}, err
	}
	c.mu.Lock()
	gone := c.rec.displaced(d.Account)
	c.mu.Unlock()
	used := s.d.Now().Unix()
	change := func(g *given) {
		g.accepted(d, gone, s.cfg.Window)
		g.Used = used
	}
	err = s.commit(c, change, func(tx store.Txn) error {
		err := errors.Join(set(tx, claimKey(c.peer, d.Account), claim{Doc: ev, Answer: &signed}), tx.Delete(pendingKey(c.peer)))
		if !gone.IsZero() {
			err = errors.Join(err, tx.Delete(claimKey(c.peer, gone)))
		}
		return err
	})
	if err != nil {
		return wire.Event{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slack := &c.slack[slackOf(d.Price)]
	*slack -= min(*slack, above)
	c.rouse()
	return signed, nil
}

// accepted enters a delivery; gone is the account that it displaces.
func (g *given) accepted(d wire.Delivery, gone wire.ID, window uint64) {
	a, _ := g.account(d.Account)
	a.ID, a.Price, a.Total, a.Next = d.Account, d.Price, d.Total, d.Seq+1
	a.Owed, a.OwedBytes = d.Amount, d.Bytes
	if d.Amount == 0 {
		a.OwedBytes = 0
	}
	g.drop(gone)
	g.drop(a.ID)
	g.Accounts = append(g.Accounts, a)
	m := g.meterOf(d.Price)
	m.Claimed += d.Bytes
	m.Served = max(m.Served, m.Claimed)
	switch {
	case d.Price == 0:
		m.Paid = m.Claimed
	case d.Amount == 0: // within a step that was paid for already
		g.paid(d.Bytes, window)
	default:
		g.trim(window)
	}
}
