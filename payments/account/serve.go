package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// ServeStream answers the documents that peer sends over conn until it closes
// it, ctx ends or one is not for this rail or not its own to us, which is
// ErrNote. It closes conn.
// The caller has authenticated peer.
func (r *Rail) ServeStream(ctx context.Context, peer identity.PubKey, conn Conn) error {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		err := r.serveOne(ctx, peer, conn, in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *Rail) serveOne(ctx context.Context, peer identity.PubKey, conn Conn, in *bufio.Reader) error {
	done := bound(ctx, conn, r.cfg.Exchange)
	defer done()
	e, err := wire.ReadEvent(in)
	if err != nil {
		return err
	}
	return r.serve(ctx, peer, conn, e)
}

// serve answers one document.
func (r *Rail) serve(ctx context.Context, peer identity.PubKey, conn Conn, e wire.Event) error {
	if e.Kind != wire.KindCreditNote {
		err := r.serveOther(ctx, peer, conn, e)
		if errors.Is(err, ErrNote) {
			if bad, serr := r.refusal(e.ID, CodeBadNote, err.Error()); serr == nil {
				_ = wire.WriteEvent(conn, bad)
			}
		}
		return err
	}
	n, err := r.checkNote(e, peer, r.key.PubKey())
	if err != nil {
		if bad, serr := r.refusal(e.ID, CodeBadNote, err.Error()); serr == nil {
			_ = wire.WriteEvent(conn, bad)
		}
		return err
	}
	d, err := r.take(peer, e, n)
	if err != nil {
		// Nothing was decided: the payer keeps the note and sends it again.
		r.log.Error("note not decided", "peer", peer.Short(), "ref", n.Each()[0].Ref, "err", err)
		busy, serr := r.refusal(e.ID, CodeBusy, "not decided, send again")
		if serr != nil {
			return serr
		}
		return wire.WriteEvent(conn, busy)
	}
	if err := wire.WriteBytes(conn, d.answer); err != nil {
		return err
	}
	if d.last != nil {
		err = wire.WriteBytes(conn, d.last)
	}
	if d.ends && err == nil {
		err = io.EOF
	}
	return err
}

// decision is the answer to a note, as bytes that were or will be stored.
type decision struct {
	answer []byte
	last   []byte // our last note, after CodeDiverged
	ends   bool   // no more notes on this stream
}

// take decides on a note: once for each number, in one transaction with all
// that follows from it.
func (r *Rail) take(peer identity.PubKey, e wire.Event, n wire.CreditNote) (d decision, err error) {
	err = r.s.Update(func(tx store.Txn) error {
		a, known, err := load(tx, peer)
		if err != nil {
			return err
		}
		if a.Got.Seq == 0 && anew(n) {
			a.Got.Seq = n.Seq - 1
		}
		total := payments.Amount{Value: a.Got.Total, Unit: r.cfg.Unit}
		sum, overflow := total.Add(payments.Amount{Value: n.Amount, Unit: r.cfg.Unit})
		switch {
		case n.Seq == a.Got.Seq && e.ID == a.Got.Decided:
			d.answer, err = r.answered(tx, peer, a, n)
			return err
		case n.Seq <= a.Got.Seq:
			return r.old(tx, peer, a, e, n, &d)
		case n.Seq != a.Got.Seq+1 || overflow != nil || sum.Value != n.Cumulative:
			d, err = r.dispute(tx, peer, a, known, e, n)
			return err
		}
		d, err = r.decideNext(tx, peer, a, known, e, n)
		return err
	})
	return d, err
}

// old answers a note whose number was passed: as it was answered then, if it is
// the one that was captured.
func (r *Rail) old(tx store.Txn, peer identity.PubKey, a account, e wire.Event, n wire.CreditNote, d *decision) error {
	entry, err := r.journal.Get(tx, payments.In, peer, payments.Ref(n.Each()[0].Ref))
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return err
	}
	if entry.State == payments.StateCaptured {
		doc, answer, err := r.journal.Evidence(tx, entry)
		if err != nil {
			return err
		}
		if string(doc) == string(e.Bytes()) {
			*d = decision{answer: answer}
			return nil
		}
	}
	*d, err = r.dispute(tx, peer, a, true, e, n)
	return err
}

// decideNext decides on the note that continues the channel: on all it pays for
// together.
func (r *Rail) decideNext(tx store.Txn, peer identity.PubKey, a account, known bool, e wire.Event, n wire.CreditNote) (decision, error) {
	entries, err := r.expected(tx, peer, n)
	if err != nil {
		return decision{}, err
	}
	for _, entry := range entries {
		if entry.State == payments.StateCaptured {
			// The payer pays twice for one ref: its book has lost something.
			return r.dispute(tx, peer, a, known, e, n)
		}
	}
	code, text := r.judge(peer, a, entries, n)
	var by wire.Event
	if code == "" {
		by, err = wire.Seal(r.key, wire.Countersign{Of: e.ID, Role: wire.RolePayee, Lines: wire.MaxLines}, r.clock())
	} else {
		by, err = r.refusal(e.ID, code, text)
	}
	if err != nil {
		return decision{}, err
	}
	a.Got.Seq, a.Got.Decided, a.Got.Answer = n.Seq, e.ID, nil
	a.Got.Theirs, a.Got.Dispute = nil, ""
	a.heard(n)
	answer := by.Bytes()
	if code != "" {
		a.Got.Answer = answer
	} else if err := r.receive(tx, &a, entries, e, n, answer); err != nil {
		return decision{}, err
	}
	return decision{answer: answer}, r.save(tx, peer, a, known)
}

// expected are the entries of what a note pays for; none is the zero Entry.
func (r *Rail) expected(tx store.Reader, peer identity.PubKey, n wire.CreditNote) (out []payments.Entry, err error) {
	for _, l := range n.Each() {
		entry, err := r.journal.Get(tx, payments.In, peer, payments.Ref(l.Ref))
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

// receive enters a note that is countersigned.
func (r *Rail) receive(tx store.Txn, a *account, entries []payments.Entry, e wire.Event, n wire.CreditNote, answer []byte) error {
	cancelled := a.cancelled()
	a.Got.noted(a.Got.Total, e.ID, r.clock())
	if !r.cfg.Net {
		a.Got.remember(n.Seq, n.Cumulative)
	}
	a.Got.Total, a.Got.Last, a.Got.Note = n.Cumulative, entries[0].Ref, nil
	r.netted(a, cancelled)
	for _, entry := range entries {
		a.forget(entry)
	}
	into(entries, payments.StateCaptured, fmt.Sprintf("note %d countersigned", n.Seq))
	return r.enter(tx, entries, e.ID, e.Bytes(), answer)
}

// judge looks only at what may be so at one time and not at another; it
// returns the code with which a note is refused, or none.
func (r *Rail) judge(peer identity.PubKey, a account, entries []payments.Entry, n wire.CreditNote) (code, text string) {
	for i, l := range n.Each() {
		switch entry := entries[i]; {
		case entry.State == payments.StateReleased:
			return CodeNotExpected, clip(entry.Reason)
		case entry.State != payments.StateQuoted:
			return CodeNotExpected, "no such payment is expected of you"
		case entry.Amount.Value != l.Amount:
			return CodeWrongAmount, fmt.Sprintf("%d is expected, not %d", entry.Amount.Value, l.Amount)
		}
	}
	if _, covers := r.settler.(Coverer); covers {
		// It was under the window when the work was accepted. A cover that went
		// since is no reason to refuse what the work is paid with.
		return "", ""
	}
	limit := r.cfg.limit(peer, a, r.clock())
	if owed := a.owed(r.cfg.Net); owed+int64(n.Amount) > int64(limit) {
		return CodeOverLimit, fmt.Sprintf("you owe %d of at most %d", owed, limit)
	}
	return "", ""
}

// dispute answers a note that does not continue the channel. The note is kept
// beside our last one where there is an account: both are the peer's signatures.
func (r *Rail) dispute(tx store.Txn, peer identity.PubKey, a account, known bool, e wire.Event, n wire.CreditNote) (decision, error) {
	why := fmt.Sprintf("we are at note %d with a total of %d, they sent note %d with a total of %d",
		a.Got.Seq, a.Got.Total, n.Seq, n.Cumulative)
	by, err := r.refusal(e.ID, CodeDiverged, why)
	if err != nil {
		return decision{}, err
	}
	d := decision{answer: by.Bytes(), ends: true}
	if d.last, err = r.lastNote(tx, peer, a); err != nil {
		return decision{}, err
	}
	if !known || a.Got.Dispute == why {
		return d, nil
	}
	a.Got.Theirs, a.Got.Dispute = e.Bytes(), why
	return d, r.save(tx, peer, a, known)
}

func (r *Rail) refusal(of wire.ID, code, text string) (wire.Event, error) {
	return wire.Seal(r.key, wire.Error{Ref: of, Code: code, Text: clip(text)}, r.clock())
}

// answered is what was answered to the note of the last number.
func (r *Rail) answered(tx store.Reader, peer identity.PubKey, a account, n wire.CreditNote) ([]byte, error) {
	if a.Got.Answer != nil {
		return a.Got.Answer, nil
	}
	e, err := r.journal.Get(tx, payments.In, peer, payments.Ref(n.Each()[0].Ref))
	if err != nil {
		return nil, err
	}
	_, answer, err := r.journal.Evidence(tx, e)
	return answer, err
}

// lastNote is the last note countersigned, or nothing.
func (r *Rail) lastNote(tx store.Reader, peer identity.PubKey, a account) ([]byte, error) {
	if a.Got.Note != nil || a.Got.Last == "" {
		return a.Got.Note, nil
	}
	e, err := r.journal.Get(tx, payments.In, peer, a.Got.Last)
	if err != nil {
		return nil, err
	}
	doc, _, err := r.journal.Evidence(tx, e)
	return doc, err
}
