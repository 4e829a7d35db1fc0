package lightning

import (
	"context"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// The codes of wire.Error with which a payee answers beside those of account.
const (
	// CodeMoved: the payee is at another note; ask again.
	CodeMoved = "moved"
	// CodeSmall: below the least that is settled by an invoice.
	CodeSmall = "too_small"
	// CodeHold: a limit of holds forbids another; text says which.
	CodeHold = "no_hold"
	// CodeRedraw: the hash cannot be used; draw another preimage.
	CodeRedraw = "redraw"
	// CodeGone: nothing is locked under that hash any more.
	CodeGone = "gone"
	// CodePreimage: it does not open the hash.
	CodePreimage = "wrong_preimage"
	// CodeLate: too near to the end of the locked payment.
	CodeLate = "too_late"
)

// refusal is what a peer answered with instead of what was asked for.
type refusal struct{ code, text string }

func (e *refusal) Error() string {
	return fmt.Sprintf("%s: %s: %q", payments.ErrRefused, e.code, e.text)
}

// Unwrap: a payee that is busy cannot ask its wallet now, as a rule.
func (e *refusal) Unwrap() []error {
	if e.code == account.CodeBusy {
		return []error{payments.ErrRefused, payments.ErrAway}
	}
	return []error{payments.ErrRefused}
}

func refusedBy(err error, code string) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}

func refuse(of wire.ID, code, text string) wire.Message {
	return wire.Error{Ref: of, Code: code, Text: clip(text)}
}

// ask sends one document to peer and returns the answer, a signed refusal as an
// error.
func (r *Rail) ask(ctx context.Context, peer identity.PubKey, e wire.Event) (wire.Event, error) {
	answers, err := r.acc.Ask(ctx, peer, e)
	if err != nil {
		return wire.Event{}, err
	}
	a := answers[0]
	if a.Kind != wire.KindError {
		return a, nil
	}
	m, err := wire.Decode[wire.Error](a)
	switch {
	case err != nil:
		return a, err
	case m.Ref != e.ID:
		return a, fmt.Errorf("%w: refusal of something else", payments.ErrRefused)
	case m.Code == CodeMoved:
		return a, errMoved
	}
	return a, &refusal{clip(m.Code), clip(m.Text)}
}

// enter puts e over what is in the journal; an entry that is in that state
// already for the same reason stays as it is.
func (r *Rail) enter(tx store.Txn, e payments.Entry) error {
	old, err := r.acc.Journal().Get(tx, e.Direction, e.Peer, e.Ref)
	if err != nil && !errors.Is(err, payments.ErrNoEntry) {
		return err
	}
	if old.State == e.State && (old.Reason == e.Reason || e.State != payments.StateUnknown) {
		return nil
	}
	if e.Doc == nil {
		e.Doc = old.Doc
	}
	if e.Answer == nil {
		e.Answer = old.Answer
	}
	_, err = r.acc.Journal().Put(tx, e)
	return err
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
