package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// unspent refuses a number that was paid for once: an account that was given up
// here must not begin again.
func (s *Service) unspent(ctx context.Context, c *customer, d wire.Delivery) error {
	e, err := s.d.Rail.Status(ctx, c.peer, s.ref(c.peer, d.Account, d.Seq))
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
		if err = s.d.Rail.Waive(ctx, p.Peer, p.Ref, "the delivery was stated anew"); err == nil {
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
func (s *Service) accept(c *customer, d wire.Delivery, above uint64) (wire.Event, error) {
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
		err := errors.Join(set(tx, claimKey(c.peer, d.Account), claim{Doc: d, Answer: signed.Bytes()}), tx.Delete(pendingKey(c.peer)))
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
