package delivery

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/wire"
)

var (
	// ErrConfig is returned by Config.Validate.
	ErrConfig = errors.New("delivery: bad configuration")
	// ErrDeps is returned by New when a part is missing.
	ErrDeps = errors.New("delivery: missing part")
	// ErrCap ends streams to strangers when the day's upload is used up.
	ErrCap = errors.New("delivery: the upload to strangers is used up for today")
	// ErrUnpaid ends a stream whose peer left a window unpaid for too long.
	ErrUnpaid = errors.New("delivery: the peer does not pay for what it was given")
	// ErrBusy refuses a stream of one more peer than can be remembered.
	ErrBusy = errors.New("delivery: too many peers")
	// ErrEnded is returned by a served stream after its end.
	ErrEnded = errors.New("delivery: the stream was ended")
	// ErrPrice means that the provider does not sell at the price it told.
	ErrPrice = errors.New("delivery: the provider asks another price")

	// errProtocol is what no honest provider answers.
	errProtocol = errors.New("delivery: the provider does not keep to the protocol")
)

// Codes of the Error documents that answer a Delivery or its Receipt. They are
// part of the protocol: clients branch on them, so a code is never renamed.
const (
	CodeMalformed = "malformed" // not a valid document of its kind
	CodeMismatch  = "mismatch"  // contradicts the account, or an earlier delivery
	CodePrice     = "price"     // not a price of this provider; the text tells it
	CodeMetered   = "metered"   // more than was served; the text is a Metered
	CodeUnknown   = "unknown"   // no such account here (any more)
	CodeUnpaid    = "unpaid"    // the delivery before, or this one's receipt, waits for its payment
	CodeCredit    = "credit"    // the payer's credit with this provider does not suffice
	CodeDisputed  = "disputed"  // this provider does not sign that verdict
	CodeBusy      = "busy"      // not now; retry later
	CodeInternal  = "internal"  // a fault of this node
)

// refusal is a reason that travels in an Error document.
type refusal struct {
	code    string
	text    string
	retryMS uint64
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %.200q", r.code, r.text) }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

// retry is refuse for what may be said again after ms milliseconds.
func retry(ms uint64, code, format string, args ...any) *refusal {
	r := refuse(code, format, args...)
	r.retryMS = ms
	return r
}

// answer is err as a document about ref: reasons of our own travel as they
// are, everything else only by its code.
func answer(ref wire.ID, err error) wire.Error {
	var r *refusal
	if !errors.As(err, &r) {
		r = retry(1000, CodeInternal, "the provider had an internal fault")
	}
	return wire.Error{Ref: ref, Code: r.code, Text: wire.Printable(r.text), RetryMS: r.retryMS}
}

// isRefused returns the refusal in err with one of the codes.
func isRefused(err error, codes ...string) (*refusal, bool) {
	var r *refusal
	if !errors.As(err, &r) {
		return nil, false
	}
	for _, c := range codes {
		if r.code == c {
			return r, true
		}
	}
	return nil, false
}
