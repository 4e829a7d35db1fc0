package serving

import (
	"errors"
	"fmt"
	"net/http"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/wire"
)

// Codes of the Error documents that answer documents. They are part of the
// protocol: clients branch on them, so a code is never renamed.
const (
	CodeMalformed = "malformed" // not a valid document of its kind
	CodeStale     = "stale"     // the deadline is past
	CodeRefused   = "refused"   // asks what this provider does not give
	CodeBusy      = "busy"      // not now; retry later
	CodeNoQuote   = "no_quote"  // the Lease names no quote of ours, or an expired one
	CodeMismatch  = "mismatch"  // contradicts the quote, the lease or an earlier window
	CodeCredit    = "credit"    // the payer's credit with this provider does not suffice
	CodeUnknown   = "unknown"   // no such lease of this client
	CodeDisputed  = "disputed"  // the window's totals are below the meter; the text is a Usage
	CodeUnpaid    = "unpaid"    // a receipt or a next window came before the payment
	CodeInternal  = "internal"  // a fault of this node
)

// Codes of the errors that answer requests, beside those of package openai.
const (
	CodeLeaseUnknown  = "lease_unknown"  // 402: the request names no lease of this peer
	CodeLeaseEnded    = "lease_ended"    // 402: its deadline is past, or its last window was stated
	CodeBudget        = "lease_budget"   // 402: the request could cost more than the budget has left
	CodeWindowDue     = "window_due"     // 402: state and pay a window first
	CodeNoCredit      = "credit"         // 402: the rail gives this payer no more credit
	CodeEngineCrashed = "engine_crashed" // 503, or in a stream: the engine ended while it answered
)

var (
	// ErrConfig is returned by Config.Validate and for a Model that cannot be
	// served as it is.
	ErrConfig = errors.New("serving: bad configuration")
	// ErrBusy is what a Pool returns, wrapped, when its queue is full.
	ErrBusy = errors.New("serving: the engine's queue is full")

	// ErrCrashed is what a Slot returns, wrapped, when the engine ended before
	// it answered.
	ErrCrashed = errors.New("serving: the engine ended")
)

func isBusy(err error) bool { return errors.Is(err, ErrBusy) || errors.Is(err, engine.ErrBusy) }

func isCrash(err error) bool { return errors.Is(err, ErrCrashed) || errors.Is(err, engine.ErrCrashed) }

// refusal is a reason that travels in an Error document: a code for programs
// and a text for people.
type refusal struct {
	code    string
	text    string
	retryMS uint64
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

// retry is refuse for what may be asked again after ms milliseconds.
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
		r = &refusal{code: CodeInternal, text: "the provider had an internal fault"}
	}
	return wire.Error{Ref: ref, Code: r.code, Text: wire.Printable(r.text), RetryMS: r.retryMS}
}

// unpaid is a 402 with one of the codes above.
func unpaid(code, format string, args ...any) *openai.Error {
	e := openai.Payment(fmt.Sprintf(format, args...))
	e.Code = code
	return e
}

// crashed is the 503 for an engine that ended before it answered.
func crashed() *openai.Error {
	e := openai.Unavailable("the engine ended before it answered")
	e.Code = CodeEngineCrashed
	return e
}

func notAllowed() *openai.Error {
	return &openai.Error{Status: http.StatusMethodNotAllowed, Type: openai.TypeInvalidRequest, Message: "only POST is answered here"}
}
