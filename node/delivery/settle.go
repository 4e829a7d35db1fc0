package delivery

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Times of settling: how long one try may take, and how long until the next.
const (
	settleTime = 30 * time.Second
	firstWait  = 250 * time.Millisecond
	longWait   = 5 * time.Minute
)

// renewAfter is how long an account must have lasted before a provider may say
// that it does not know it: each new one costs a step of rounding.
const renewAfter = 10 * time.Minute

// abandonAfter is how old a delivery may become that its provider does not take.
const abandonAfter = 7 * 24 * time.Hour

// How long a provider is asked to countersign before the receipt stays
// one-sided: the money does not depend on it. Less when more is to be paid.
const (
	receiptWait  = 10 * time.Minute
	receiptHurry = 10 * time.Second
)

// settle takes a tab's delivery as far as it goes: states, pays and receipts it.
// Called again it goes on where it was. The tab's settling is held.
func (s *Service) settle(ctx context.Context, t *tab) error {
	o, err := s.open(t)
	if o == nil && err == nil {
		return nil
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		err = s.progress(ctx, t, o)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.again, t.wait, t.reason = time.Time{}, 0, nil
		return nil
	}
	t.wait = min(max(2*t.wait, firstWait), longWait)
	t.again = s.d.Now().Add(retryIn(err, t.wait))
	t.reason = err
	return err
}

// open returns the delivery to be dealt with, journalled: the one under way, or
// a new one over all that was found good since the last.
func (s *Service) open(t *tab) (*open, error) {
	t.mu.Lock()
	if t.rec.Open != nil {
		o := t.rec.Open.copied()
		t.mu.Unlock()
		return o, nil
	}
	if t.unstated() == 0 {
		t.mu.Unlock()
		return nil, nil
	}
	now := s.d.Now()
	if t.rec.Next >= mostNumber || t.rec.Total >= mostTotal {
		t.rec.renew(now)
	}
	d, err := s.delivery(t, min(t.unstated(), mostTotal/2))
	if err != nil {
		t.mu.Unlock()
		return nil, err
	}
	account := t.rec
	o := &open{Doc: d, State: stated, Began: min(max(t.rec.Began, 1), now.UnixMilli()), Ended: now.UnixMilli(), Memo: t.memo(d)}
	clear(t.roots)
	t.mu.Unlock()
	return o, s.commitTab(t, func(r *taken) {
		if r.Account != account.Account { // not stored yet
			r.Account, r.Renewed, r.Total, r.Done, r.Next = account.Account, account.Renewed, account.Total, account.Done, account.Next
		}
		r.Open, r.Began = o.copied(), 0
		r.Total = max(r.Total, d.Total) // some may have been taken back meanwhile
	})
}

// progress takes a delivery from its state to the end.
func (s *Service) progress(ctx context.Context, t *tab, o *open) error {
	k, err := s.talkTo(ctx, t.key.peer)
	if err != nil {
		if o.State == paid {
			return s.unsigned(t, o, err)
		}
		return s.refused(ctx, t, o, err)
	}
	defer k.end()
	if err := s.state(k, t, o); err != nil {
		if o.State == paid {
			return s.unsigned(t, o, err)
		}
		return s.refused(ctx, t, o, err)
	}
	if o.State == stated {
		if err := s.pay(ctx, t, o); err != nil {
			return err
		}
	}
	doc := mustParse(o.Receipt)
	by, err := s.say(k, doc)
	if err != nil {
		return s.unsigned(t, o, err)
	}
	pair := wire.Countersigned{Doc: doc, By: by}
	if err := pair.Verify(t.key.peer); err != nil {
		return s.unsigned(t, o, fmt.Errorf("%w: %w", errProtocol, err))
	}
	// The payment is made: a ledger that fails must not hold up the account.
	if _, err := s.d.Ledger.AddReceipt(pair); err != nil {
		s.log.Error("delivery: store a receipt", "peer", t.key.peer.Short(), "err", err)
	}
	return s.done(t, o)
}

// mustParse reads an event that this node sealed; what cannot be read is the
// zero event, which nobody signs.
func mustParse(raw []byte) wire.Event {
	ev, err := wire.Parse(raw)
	if err != nil {
		return wire.Event{}
	}
	return ev
}

// state tells the provider the delivery. An answer that is lost is asked for
// again with the same numbers: it may have been accepted.
func (s *Service) state(k *talk, t *tab, o *open) error {
	said, err := wire.Seal(s.d.Key, o.Doc, s.d.Now())
	if err != nil {
		return err
	}
	ans, err := s.say(k, said)
	if err != nil {
		return err
	}
	m, err := wire.Decode[wire.Progress](ans)
	if err != nil || m.Job != s.job(t, o) || m.Shard != o.Doc.Seq || m.State != wire.StateAccepted {
		return fmt.Errorf("%w: it neither accepts nor refuses the delivery", errProtocol)
	}
	return nil
}

// job names the account in answers and receipts.
func (s *Service) job(t *tab, o *open) wire.ID {
	return wire.DeliveryJob(s.d.Key.PubKey(), t.key.peer, o.Doc.Account)
}

// pay pays an accepted delivery and seals its receipt. The rail has it once,
// however often it is asked; what is uncertain is asked again.
func (s *Service) pay(ctx context.Context, t *tab, o *open) error {
	ref := payments.NewRef(s.job(t, o).String(), o.Doc.Seq, 0)
	if o.Doc.Amount > 0 {
		_, err := s.d.Rail.Pay(ctx, payments.Payment{
			Ref: ref, Peer: t.key.peer, Memo: o.Memo,
			Amount: payments.Amount{Value: o.Doc.Amount, Unit: payments.Unit(o.Doc.Unit)},
		})
		if err != nil {
			return fmt.Errorf("pay: %w", err)
		}
	}
	m := wire.Receipt{
		Job: s.job(t, o), Shard: o.Doc.Seq, Provider: t.key.peer, Payer: s.d.Key.PubKey(), Units: o.Doc.Bytes,
		Amount: o.Doc.Amount, Unit: o.Doc.Unit, Rail: o.Doc.Rail, Verdict: wire.VerdictOK, Label: wire.LabelDelivered,
		StartedMS: o.Began, EndedMS: o.Ended,
	}
	if o.Doc.Amount > 0 {
		m.PayRef = string(ref)
	}
	doc, err := s.d.Ledger.Issue(s.d.Key, m, s.d.Now())
	if err != nil {
		return err
	}
	// Kept, so that a second try sends the same bytes: the provider signs one
	// receipt for each delivery.
	o.State, o.Receipt = paid, doc.Bytes()
	return s.commitTab(t, func(r *taken) {
		if r.Open.State == stated {
			r.Paid += o.Doc.Amount
		}
		r.Open = o.copied()
	})
}

// unsigned tries again for a while; then the receipt is kept with this side's
// signature alone.
func (s *Service) unsigned(t *tab, o *open, cause error) error {
	t.mu.Lock()
	patience := receiptWait
	if t.unstated() > 0 { // the next delivery has to wait for it
		patience = receiptHurry
	}
	t.mu.Unlock()
	if transient(cause) && s.d.Now().UnixMilli()-o.Ended < patience.Milliseconds() {
		return cause
	}
	s.log.Debug("delivery: receipt not countersigned", "peer", t.key.peer.Short(), "seq", o.Doc.Seq, "err", cause)
	if _, err := s.d.Ledger.AddOneSided(mustParse(o.Receipt)); err != nil {
		s.log.Error("delivery: store a receipt", "peer", t.key.peer.Short(), "err", err)
	}
	return s.done(t, o)
}

// done ends a delivery. It is written down with the next: until then a restart
// exchanges the same receipt again.
func (s *Service) done(t *tab, o *open) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rec.Done, t.rec.Next, t.rec.Open = o.Doc.Total, o.Doc.Seq+1, nil
	t.dirty = true
	return nil
}
