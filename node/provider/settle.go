package provider

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// serveVerdict takes the aggregator's verdict and its receipt. A receipt that
// says "ok" is countersigned when it tells the amount that was agreed and the
// payment has come; one that blames us is kept and not signed.
func (p *Provider) serveVerdict(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	v, err := wire.Decode[wire.Verdict](ev)
	if err != nil {
		return refuse(CodeMalformed, "%v", err)
	}
	l, err := p.known(attemptID{s.Peer(), v.Job, v.Shard, v.Attempt})
	if err != nil {
		return err
	}
	rev, err := wire.ReadEvent(s.Reader)
	if err != nil {
		return refuse(CodeMalformed, "receipt: %v", err)
	}
	rec, _ := l.snapshot()
	if rec.Receipt != nil { // asked again: the same signature
		return wire.WriteEvent(s, *rec.Receipt)
	}
	if v.Verdict != wire.VerdictOK && v.Provider == p.Key.PubKey() {
		p.blamed(l, v, ev)
	}
	if err := p.checkReceipt(ctx, rec, v, ev, rev); err != nil {
		return err
	}
	sign := wire.Countersign{Of: rev.ID, Role: "provider"}
	signed, err := wire.Seal(p.Key, sign, time.Now())
	if err != nil {
		return err
	}
	err = l.update(p.Store, func(r *record) error {
		r.State, r.Verdict, r.Doc, r.Receipt = Settled, &ev, &rev, &signed
		return nil
	})
	if err != nil {
		return err
	}
	// The signature is written down: the payer need not wait for our ledger.
	told := wire.WriteEvent(s, signed)
	if _, err := p.Ledger.AddRead(wire.Countersigned{Doc: rev, By: signed}); err != nil {
		p.Log.Error("store a receipt", "err", err)
	}
	return told
}

// blamed ends an attempt that was judged against us and keeps the verdict.
func (p *Provider) blamed(l *live, v wire.Verdict, ev wire.Event) {
	err := l.update(p.Store, func(r *record) error {
		if r.State.Terminal() {
			return errEnded
		}
		r.State, r.Verdict = Failed, &ev
		r.Fail = refuse(CodeDisputed, "judged %q by the aggregator: %q", v.Verdict, cut(v.Reason, 100))
		return nil
	})
	if err == nil {
		rec, _ := l.snapshot()
		p.waive(rec, "the verdict is "+v.Verdict)
	} else if !errors.Is(err, errEnded) {
		p.Log.Error("store a verdict", "err", err)
	}
}

// paid reports whether the attempt's own aggregator has paid its own amount for
// it. Another payment may have the same ref: of another rail, of another who
// calls its job the same, or of this node as an aggregator.
func (p *Provider) paid(ctx context.Context, rec record) bool {
	due, err := rec.payment()
	if err != nil {
		return false
	}
	entry, err := p.Rail.Received(ctx, due)
	return err == nil && entry.State == payments.StateCaptured
}

// checkReceipt refuses to sign what is not so.
func (p *Provider) checkReceipt(ctx context.Context, rec record, v wire.Verdict, vev, rev wire.Event) error {
	r, err := wire.Decode[wire.Receipt](rev)
	if err != nil {
		return refuse(CodeMalformed, "receipt: %v", err)
	}
	acc, err := rec.accept()
	if err != nil {
		return err
	}
	switch {
	case rev.PubKey != rec.ID.Aggregator || r.Payer != rec.ID.Aggregator || r.Provider != p.Key.PubKey() || v.Provider != p.Key.PubKey():
		return refuse(CodeMismatch, "the receipt names other parties")
	case r.Job != acc.Job || r.Shard != acc.Shard || r.Attempt != acc.Attempt || r.VerdictID != vev.ID:
		return refuse(CodeMismatch, "the receipt is for another attempt")
	case v.Verdict != "ok" || r.Verdict != "ok":
		return refuse(CodeDisputed, "this provider does not sign a %q verdict on its own work", cut(r.Verdict, 20))
	case rec.Reveal == nil || r.Root != rec.Root:
		return refuse(CodeMismatch, "the receipt is for another result")
	case r.Amount != acc.Amount || r.Unit != acc.Unit || r.Rail != acc.Rail || r.Units != acc.Units:
		return refuse(CodeMismatch, "the receipt tells another amount")
	}
	if !p.paid(ctx, rec) {
		return &Refusal{Code: CodeUnpaid, Text: "the payment has not arrived", RetryMS: 500}
	}
	return nil
}
