package serving

import (
	"context"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// receipt countersigns the receipt of a window that was paid. The same window
// gets the same signature, whatever receipt is sent after the first.
func (s *Server) receipt(ctx context.Context, t *tenant, w wire.Window, rev wire.Event) (wire.Event, error) {
	l, ok := t.lease(w.Job)
	if !ok {
		return wire.Event{}, refuse(CodeUnknown, "no such lease here")
	}
	l.settling.Lock()
	defer l.settling.Unlock()
	rec, known, err := s.loadWindow(t.peer, w.Job, w.Seq)
	switch {
	case err != nil:
		return wire.Event{}, err
	case !known || rec.Answer == nil:
		return wire.Event{}, refuse(CodeUnknown, "no such window here")
	case rec.Signed != nil:
		s.keep(rec) // a crash may have come between signing and keeping it
		return *rec.Signed, nil
	}
	if err := s.checkReceipt(ctx, t, l, w, rev); err != nil {
		return wire.Event{}, err
	}
	signed, err := wire.Seal(s.Key, wire.Countersign{Of: rev.ID, Role: wire.RoleProvider}, s.Now())
	if err != nil {
		return wire.Event{}, err
	}
	rec.Receipt, rec.Signed = &rev, &signed
	if err := s.saveWindow(t.peer, w.Job, w.Seq, rec, nil); err != nil {
		return wire.Event{}, err
	}
	s.keep(rec)
	return signed, nil
}

// keep enters a receipt into the ledger; entering it again changes nothing.
func (s *Server) keep(rec windowRecord) {
	if _, err := s.Ledger.AddReceipt(wire.Countersigned{Doc: *rec.Receipt, By: *rec.Signed}); err != nil {
		s.Log.Error("store a receipt", "err", err)
	}
}

// checkReceipt refuses to sign what is not so.
func (s *Server) checkReceipt(ctx context.Context, t *tenant, l *lease, w wire.Window, rev wire.Event) error {
	r, err := wire.Decode[wire.Receipt](rev)
	if err != nil {
		return refuse(CodeMalformed, "receipt: %v", err)
	}
	ref := windowRef(l, w.Seq)
	// Each field is one that somebody may later read as this provider's word.
	switch {
	case rev.PubKey != t.peer || r.Payer != t.peer || r.Provider != s.Key.PubKey():
		return refuse(CodeMismatch, "the receipt names other parties")
	case r.Job != w.Job || r.Shard != w.Seq || r.Attempt != 0:
		return refuse(CodeMismatch, "the receipt is for another window")
	case r.Verdict != wire.VerdictOK:
		return refuse(CodeDisputed, "this provider does not sign a %.20q verdict on its own work", r.Verdict)
	case r.Label != wire.LabelClaimed:
		return refuse(CodeMismatch, "the label is %.20q: nobody but this provider computed it", r.Label)
	case r.Amount != w.Amount || r.Unit != w.Unit || r.Rail != w.Rail || r.Units != w.InTokens+w.OutTokens:
		return refuse(CodeMismatch, "the receipt tells another amount")
	case r.InTokens+r.OutTokens > 0 && (r.InTokens != w.InTokens || r.OutTokens != w.OutTokens):
		return refuse(CodeMismatch, "the receipt tells other tokens")
	case r.Image != l.sum.Image || r.ModelCID != "" && r.ModelCID != l.terms.Model:
		return refuse(CodeMismatch, "the receipt is for another engine or model")
	case r.PayRef != "" && r.PayRef != string(ref):
		return refuse(CodeMismatch, "the receipt names another payment")
	case w.Amount == 0:
		return nil
	}
	e, err := s.Rail.Received(ctx, windowPayment(t, l, w.Seq, w.Amount))
	if err != nil || e.State != payments.StateCaptured {
		return retry(500, CodeUnpaid, "the payment has not arrived")
	}
	return nil
}
