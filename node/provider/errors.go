package provider

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/wire"
)

// Codes of the Error documents that a provider answers with. They are part of
// the protocol: aggregators branch on them, so a code is never renamed.
const (
	CodeMalformed   = "malformed"     // the request is not a valid document of its kind
	CodeStale       = "stale"         // outside the freshness window, expired or replayed
	CodeRefused     = "refused"       // the offer asks what this provider does not give
	CodeBusy        = "busy"          // no free slot; retry later
	CodeNoQuote     = "no_quote"      // the Accept names no quote of ours, or an expired one
	CodeMismatch    = "mismatch"      // the request contradicts the quote or the running attempt
	CodeCredit      = "credit"        // the payer's credit with this provider does not suffice
	CodeUnknown     = "unknown"       // no such attempt here
	CodeEarlyReveal = "early_reveal"  // a reveal was asked before a commit, or without ours in the list
	CodeFetch       = "fetch"         // image, model or input could not be fetched
	CodeTask        = "task"          // the task failed inside the sandbox
	CodeTimeout     = "timeout"       // the task outlived its wall clock
	CodeResult      = "result"        // the result broke a limit or could not be stored
	CodeCancelled   = "cancelled"     // the aggregator cancelled the attempt
	CodeUnpaid      = "unpaid"        // a receipt came without the payment it speaks of
	CodeDisputed    = "disputed"      // this provider does not sign this verdict
	CodePromise     = "promise"       // a disclosure shows that the offer's promise of audits was broken
	CodeInternal    = "internal"      // a fault of this node; not the requester's
	CodeShutdown    = "shutting_down" // the node is leaving
)

// ErrShutdown is returned for work that was interrupted by the node's own
// shutdown; the attempt stays in the store and starts over with the node.
var ErrShutdown = errors.New("provider: node is shutting down")

// errEnded is returned for a change to an attempt that has ended.
var errEnded = errors.New("provider: the attempt has ended")

// Refusal is a reason that travels: a code for programs and a text for people.
type Refusal struct {
	Code    string
	Text    string
	RetryMS uint64
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code, r.Text) }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// asRefusal turns any error into one that may be told to a stranger: reasons
// of our own travel as they are, everything else only by its code.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Code: CodeInternal, Text: "the provider had an internal fault"}
}

func (r *Refusal) message(ref wire.ID) wire.Error {
	return wire.Error{Ref: ref, Code: r.Code, Text: wire.Printable(r.Text), RetryMS: r.RetryMS}
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
