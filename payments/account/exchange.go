package account

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// The codes of wire.Error with which a payee answers a note.
const (
	// CodeNotExpected: there is no such receivable. Decides the number.
	CodeNotExpected = "not_expected"
	// CodeWrongAmount: another amount is expected. Decides the number.
	CodeWrongAmount = "wrong_amount"
	// CodeOverLimit: the payer would owe more than allowed. Decides the number.
	CodeOverLimit = "over_limit"
	// CodeDiverged: the note does not continue the payee's book; the payee's
	// last note, if it has one, is the next frame. Decides nothing; the stream
	// ends.
	CodeDiverged = "diverged"
	// CodeBusy: nothing was looked at; to be sent again later.
	CodeBusy = "busy"
	// CodeBadNote: not a note of this peer to this payee. The stream ends.
	CodeBadNote = "bad_note"
)

// answer is what came back for a note.
type answer struct {
	event wire.Event
	last  *wire.Event // after CodeDiverged, the payee's last note
}

// exchange sends the note, reads the answer and closes conn.
func (r *Rail) exchange(ctx context.Context, conn Conn, note wire.Event) (answer, error) {
	defer conn.Close()
	done := bound(ctx, conn, r.cfg.Exchange)
	defer done()
	if err := wire.WriteEvent(conn, note); err != nil {
		return answer{}, fmt.Errorf("send note: %w", err)
	}
	in := bufio.NewReader(conn)
	e, err := wire.ReadEvent(in)
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	a := answer{event: e}
	if m, err := wire.Decode[wire.Error](e); err == nil && m.Code == CodeDiverged {
		// Without it the answer still stands, so a failure here is none.
		if last, err := wire.ReadEvent(in); err == nil {
			a.last = &last
		}
	}
	return a, nil
}

// bound ends conn when ctx does or after d, whichever is first. The function
// it returns takes the bound off.
func bound(ctx context.Context, conn Conn, d time.Duration) func() {
	ctx, cancel := context.WithTimeout(ctx, d)
	if c, ok := conn.(interface{ SetDeadline(time.Time) error }); ok {
		// Refused by some transports; the context below holds anyway.
		_ = c.SetDeadline(time.Now().Add(d))
	}
	stop := context.AfterFunc(ctx, func() { abort(conn) })
	return func() { stop(); cancel() }
}

// abort ends a conn without waiting for what was written.
func abort(conn Conn) {
	if c, ok := conn.(interface{ Reset() error }); ok {
		_ = c.Reset()
		return
	}
	_ = conn.Close()
}

// checkNote returns the note in e when it is one from payer to payee, on their
// channel, in this rail's unit. The signature was checked when e was read; its
// age is not asked for.
func (r *Rail) checkNote(e wire.Event, payer, payee identity.PubKey) (wire.CreditNote, error) {
	n, err := wire.Decode[wire.CreditNote](e)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrNote, err)
	}
	switch {
	case e.PubKey != payer:
		return n, fmt.Errorf("%w: signed by %s", ErrNote, e.PubKey.Short())
	case n.Payee != payee:
		return n, fmt.Errorf("%w: payable to %s", ErrNote, n.Payee.Short())
	case n.Channel != r.channel(payer, payee):
		return n, fmt.Errorf("%w: foreign channel", ErrNote)
	case payments.Unit(n.Unit) != r.cfg.Unit:
		return n, fmt.Errorf("%w: %w", ErrNote, payments.ErrUnit)
	case n.Amount == 0:
		return n, fmt.Errorf("%w: %w", ErrNote, payments.ErrZero)
	}
	for _, l := range n.Each() {
		if err := payments.Ref(l.Ref).Validate(); err != nil {
			return n, fmt.Errorf("%w: ref: %w", ErrNote, err)
		}
	}
	return n, nil
}
