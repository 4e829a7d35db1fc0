package delivery

import (
	"context"
	"errors"
	"io"
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
		return s.claim(ctx, c, d)
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
func (s *Service) claim(ctx context.Context, c *customer, d wire.Delivery) (wire.Event, error) {
	c.settling.Lock()
	defer c.settling.Unlock()
	s.seePaid(ctx, c)
	if old, same, err := s.claimed(claimKey(c.peer, d.Account), d); err != nil {
		return wire.Event{}, err
	} else if same && old.Answer != nil {
		if err := s.expectAgain(ctx, c, d); err != nil {
			return wire.Event{}, err
		}
		return wire.Parse(old.Answer)
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
		err := s.d.Store.Update(func(tx store.Txn) error { return set(tx, pendingKey(c.peer), claim{Doc: d}) })
		if err != nil {
			return wire.Event{}, err
		}
	}
	if err := s.expect(ctx, c, d); err != nil {
		return wire.Event{}, err
	}
	return s.accept(c, d, above)
}

// claimed reads a claim and reports whether it says what d says.
func (s *Service) claimed(key []byte, d wire.Delivery) (old claim, same bool, err error) {
	known, err := get(s.d.Store, key, &old)
	return old, known && old.Doc == d, err
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
