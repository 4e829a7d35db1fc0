package delivery

import (
	"context"
	"encoding/json"
	"errors"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// sign countersigns the receipt of a delivery that was paid. The same delivery
// gets the same signature, whatever receipt is sent after the first.
func (s *Service) sign(ctx context.Context, c *customer, d wire.Delivery, rev wire.Event) (wire.Event, error) {
	c.settling.Lock()
	defer c.settling.Unlock()
	rec, same, err := s.claimed(claimKey(c.peer, d.Account), d)
	switch {
	case err != nil:
		return wire.Event{}, err
	case !same || rec.Answer == nil:
		return wire.Event{}, refuse(CodeUnknown, "no such delivery here")
	case rec.Signed != nil:
		return wire.Parse(rec.Signed)
	}
	if err := s.checkReceipt(ctx, c, d, rev); err != nil {
		return wire.Event{}, err
	}
	signed, err := wire.Seal(s.d.Key, wire.Countersign{Of: rev.ID, Role: wire.RoleProvider}, s.d.Now())
	if err != nil {
		return wire.Event{}, err
	}
	rec.Receipt, rec.Signed = rev.Bytes(), signed.Bytes()
	// A crash may come between signing and keeping: the mark tells the next run.
	mark := unkeptKey(c.peer, d)
	err = s.d.Store.Update(func(tx store.Txn) error {
		return errors.Join(set(tx, claimKey(c.peer, d.Account), rec), set(tx, mark, rec))
	})
	if err != nil {
		return wire.Event{}, err
	}
	s.keep(rec, mark)
	return signed, nil
}

// keep enters a receipt into the ledger; entering it again changes nothing. The
// mark goes with the next update.
func (s *Service) keep(rec claim, mark []byte) {
	if pair := (wire.Countersigned{Doc: mustParse(rec.Receipt), By: mustParse(rec.Signed)}); !pair.Doc.ID.IsZero() {
		_, err := s.d.Ledger.AddReceipt(pair)
		if err != nil && !errors.Is(err, reputation.ErrConflict) && !errors.Is(err, reputation.ErrReceipt) {
			s.log.Error("delivery: store a receipt", "err", err)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, mark)
}

// keepLate enters the receipts that an earlier run signed and did not keep.
func (s *Service) keepLate() error {
	late := map[string]claim{}
	err := s.d.Store.View(func(r store.Reader) error {
		clear(late)
		return r.Scan([]byte(unkeptPrefix), func(k, raw []byte) error {
			var rec claim
			if err := json.Unmarshal(raw, &rec); err != nil {
				s.log.Error("delivery: stored receipt unreadable", "err", err)
			}
			late[string(k)] = rec
			return nil
		})
	})
	for mark, rec := range late {
		s.keep(rec, []byte(mark))
	}
	return err
}

// checkReceipt refuses to sign what is not so: each field is one that somebody
// may later read as this provider's word.
func (s *Service) checkReceipt(ctx context.Context, c *customer, d wire.Delivery, rev wire.Event) error {
	r, err := wire.Decode[wire.Receipt](rev)
	if err != nil {
		return refuse(CodeMalformed, "receipt: %v", err)
	}
	ref := s.ref(c.peer, d.Account, d.Seq)
	want := wire.Receipt{
		Job: wire.DeliveryJob(c.peer, s.d.Key.PubKey(), d.Account), Shard: d.Seq,
		Provider: s.d.Key.PubKey(), Payer: c.peer, Units: d.Bytes,
		Amount: d.Amount, Unit: d.Unit, Rail: d.Rail, Verdict: wire.VerdictOK, Label: wire.LabelDelivered,
		StartedMS: r.StartedMS, EndedMS: r.EndedMS, Prev: r.Prev, Seq: r.Seq, // the payer's own
	}
	if d.Amount > 0 {
		want.PayRef = string(ref)
	}
	switch {
	case r.Verdict != wire.VerdictOK:
		return refuse(CodeDisputed, "this provider does not sign a %.20q verdict on its own work", r.Verdict)
	case rev.PubKey != c.peer || r != want:
		return refuse(CodeMismatch, "the receipt tells something else than the delivery")
	case r.EndedMS > s.d.Now().UnixMilli()+timeSlackMS:
		return refuse(CodeMismatch, "the receipt is of the future")
	case d.Amount == 0:
		return nil
	}
	e, err := s.d.Rail.Status(ctx, c.peer, ref)
	if err != nil || e.State != payments.StateCaptured || e.Direction != payments.In || e.Amount.Value != d.Amount {
		return retry(500, CodeUnpaid, "the payment has not arrived")
	}
	s.seePaid(ctx, c)
	return nil
}

// timeSlackMS is how far clocks may differ.
const timeSlackMS = 120_000
