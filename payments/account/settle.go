package account

import (
	"context"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// settle sends the pending note over conn, or over a new one where conn is
// nil, and enters what came of it. It returns the countersignature when the note
// is captured. The peer's lock is held by the caller.
func (r *Rail) settle(ctx context.Context, peer identity.PubKey, p pending, conn Conn) ([]byte, error) {
	note, err := p.parse()
	if err != nil {
		return nil, payments.Fail(p.Ref, payments.OutcomeUnknown, fmt.Errorf("%w: %w", payments.ErrCorrupt, err))
	}
	if conn == nil {
		if conn, err = r.dial(ctx, peer); err != nil {
			return nil, r.lost(peer, p, fmt.Errorf("%w: %w", payments.ErrUnreachable, err))
		}
	}
	a, err := r.exchange(ctx, conn, note)
	if err != nil {
		return nil, r.lost(peer, p, err)
	}
	if a.event.PubKey != peer {
		return nil, r.lost(peer, p, errors.New("answer is signed by someone else"))
	}
	switch a.event.Kind {
	case wire.KindCountersign:
		return a.event.Bytes(), r.captured(peer, p, note, a.event)
	case wire.KindError:
		return nil, r.refused(peer, p, note, a)
	}
	return nil, r.lost(peer, p, fmt.Errorf("answered by a %s", a.event.Kind))
}

// parse returns the note as an event. One that was signed just now is not
// verified again.
func (p pending) parse() (wire.Event, error) {
	if p.event != nil {
		return *p.event, nil
	}
	return wire.Parse(p.Note)
}

// captured enters a countersignature.
func (r *Rail) captured(peer identity.PubKey, p pending, note, by wire.Event) error {
	c, err := wire.Decode[wire.Countersign](by)
	if err != nil {
		return r.lost(peer, p, err)
	}
	if c.Of != note.ID || c.Role != wire.RolePayee {
		return r.lost(peer, p, errors.New("countersignature of something else"))
	}
	err = r.decide(peer, p, func(tx store.Txn, a *account, entries []payments.Entry) error {
		cancelled := a.cancelled()
		a.Paid.noted(a.Paid.Total, note.ID, r.clock())
		a.Paid.Total += p.Amount
		r.netted(a, cancelled)
		a.Paid.Theirs, a.Paid.Dispute, a.Paid.Lines = nil, "", c.Lines
		into(entries, payments.StateCaptured, fmt.Sprintf("note %d countersigned", p.Seq))
		return r.enter(tx, entries, note.ID, p.Note, by.Bytes())
	})
	if err != nil {
		// The payee has it; only our book lags behind, until the next attempt.
		return payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	if r.settler != nil {
		r.settler.Due(peer)
	}
	return nil
}

// refused enters a signed refusal, or leaves the payment unknown where the
// answer settles nothing.
func (r *Rail) refused(peer identity.PubKey, p pending, note wire.Event, a answer) error {
	m, err := wire.Decode[wire.Error](a.event)
	if err != nil {
		return r.lost(peer, p, err)
	}
	if m.Ref != note.ID {
		return r.lost(peer, p, errors.New("refusal of something else"))
	}
	why := fmt.Errorf("%w: %s: %q", payments.ErrRefused, m.Code, clip(m.Text))
	switch m.Code {
	case CodeOverLimit:
		why = fmt.Errorf("%w: of the payee: %q", payments.ErrOverLimit, clip(m.Text))
	case CodeNotExpected, CodeWrongAmount:
	case CodeDiverged:
		return r.diverged(peer, p, a)
	default:
		return r.lost(peer, p, why)
	}
	err = r.decide(peer, p, func(tx store.Txn, acc *account, entries []payments.Entry) error {
		acc.Paid.Theirs, acc.Paid.Dispute = nil, ""
		into(entries, payments.StateReleased, why.Error())
		return r.enter(tx, entries, note.ID, p.Note, a.event.Bytes())
	})
	if err != nil {
		return payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	return payments.Fail(p.Ref, payments.NotCharged, why)
}

// decide writes down that the payee has decided the pending note: its number is
// used up and the channel is free. enter does what the decision means.
func (r *Rail) decide(peer identity.PubKey, p pending, enter func(store.Txn, *account, []payments.Entry) error) error {
	return r.s.Update(func(tx store.Txn) error {
		a, known, err := load(tx, peer)
		if err != nil {
			return err
		}
		if a.Paid.Pending == nil || a.Paid.Pending.Seq != p.Seq {
			return fmt.Errorf("%w: note %d is not in flight", ErrBooks, p.Seq)
		}
		entries, err := r.entries(tx, peer, p)
		if err != nil {
			return err
		}
		a.Paid.Seq, a.Paid.Pending = p.Seq, nil
		if err := enter(tx, &a, entries); err != nil {
			return err
		}
		return r.save(tx, peer, a, known)
	})
}

// entries are those that a note of ours pays.
func (r *Rail) entries(tx store.Reader, peer identity.PubKey, p pending) (out []payments.Entry, err error) {
	for _, ref := range p.refs() {
		e, err := r.journal.Get(tx, payments.Out, peer, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// into gives all entries one state and the reason for it.
func into(entries []payments.Entry, s payments.State, reason string) {
	for i := range entries {
		entries[i].State, entries[i].Reason = s, reason
	}
}

// lost enters that no answer settles the note.
func (r *Rail) lost(peer identity.PubKey, p pending, cause error) error {
	err := r.s.Update(func(tx store.Txn) error { return r.unknown(tx, peer, p, cause) })
	r.log.Info("payment's outcome unknown", "peer", peer.Short(), "ref", p.Ref, "cause", cause)
	return payments.Fail(p.Ref, payments.OutcomeUnknown, errors.Join(fmt.Errorf("%w: %w", payments.ErrUnknown, cause), err))
}

// diverged enters that the payee's book differs and keeps its last note.
func (r *Rail) diverged(peer identity.PubKey, p pending, a answer) error {
	why, theirs := r.compare(peer, p, a.last)
	err := r.s.Update(func(tx store.Txn) error {
		acc, known, err := load(tx, peer)
		if err != nil {
			return err
		}
		acc.Paid.Theirs, acc.Paid.Dispute = theirs, why
		if err := r.unknown(tx, peer, p, errors.New(why)); err != nil {
			return err
		}
		return r.save(tx, peer, acc, known)
	})
	r.log.Warn("the two sides' books differ", "peer", peer.Short(), "ref", p.Ref, "difference", why)
	return payments.Fail(p.Ref, payments.OutcomeUnknown, errors.Join(fmt.Errorf("%w: %s", payments.ErrDiverged, why), err))
}

// compare puts the payee's last note beside the one in flight. A note that we
// did not sign for this channel proves nothing and is not kept.
func (r *Rail) compare(peer identity.PubKey, p pending, last *wire.Event) (string, []byte) {
	ours := fmt.Sprintf("we are at note %d", p.Seq)
	if last == nil {
		return ours + ", they show none", nil
	}
	n, err := r.checkNote(*last, r.key.PubKey(), peer)
	if err != nil {
		return ours + ", they show a note that is not ours", nil
	}
	return fmt.Sprintf("%s, they are at note %d with a total of %d", ours, n.Seq, n.Cumulative), last.Bytes()
}

func (r *Rail) unknown(tx store.Txn, peer identity.PubKey, p pending, cause error) error {
	entries, err := r.entries(tx, peer, p)
	if err != nil {
		return err
	}
	into(entries, payments.StateUnknown, clip(cause.Error()))
	return r.journal.PutAll(tx, entries)
}

// clip cuts a text, which may be a stranger's, to one line that a document can
// carry and a terminal can show.
func clip(s string) string {
	const most = 200 // runes, so at most 800 bytes
	out := make([]rune, 0, most)
	for _, c := range s {
		if len(out) == most {
			break
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = ' '
		}
		out = append(out, c)
	}
	return string(out)
}
