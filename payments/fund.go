package payments

import (
	"context"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Funder is a rail that can lock money for a payment before the work is done.
// On a rail that is none, credit alone bounds what a payee may lose.
type Funder interface {
	// Fund makes sure that the payee can expect p: it locks p.Amount, or opens or
	// tops up a channel. It changes nothing where credit or channel suffice
	// already, and nothing when called again with the same p. Errors are *Error:
	// after NotCharged nothing is locked.
	Fund(ctx context.Context, p Payment) error
	// Release gives up what was locked for ref because it will never be paid:
	// another provider took the work. Releasing what is not locked changes
	// nothing; reason is kept.
	Release(ctx context.Context, ref Ref, reason string) error
}

// Reconciler is a rail that compares its journal with what else is known of the
// money: the peers' books, a wallet, a chain.
type Reconciler interface {
	// Reconcile makes one whole pass, mends what is certain and reports every
	// difference. Its error is the store's or ctx's; a peer or a wallet that does
	// not answer is a Difference.
	Reconcile(ctx context.Context) (Report, error)
}

// Report is what one pass of a Reconciler saw and did.
type Report struct {
	Rail        string        `json:"rail"`
	Entries     int           `json:"entries"` // looked at
	Settled     int           `json:"settled"` // payments in flight whose outcome is now certain
	Open        int           `json:"open"`    // payments in flight still without one
	Waived      int           `json:"waived"`  // expected payments that came too late
	Differences []Difference  `json:"differences,omitempty"`
	Took        time.Duration `json:"took"` // nanoseconds
}

// Difference is one thing on which two sources do not agree.
type Difference struct {
	Ref     Ref             `json:"ref,omitempty"`
	Peer    identity.PubKey `json:"peer"`
	Kind    string          `json:"kind"`    // one of the Kind constants, or a rail's own word
	What    string          `json:"what"`    // the two sides, for people
	Certain string          `json:"certain"` // what is certain nevertheless
	Doing   string          `json:"doing"`   // what is done about it, and by whom
	Amount  Amount          `json:"amount"`  // by how much they differ
	Mended  bool            `json:"mended"`  // it no longer holds
}

// The kinds of Difference that every rail may report.
const (
	// KindUnknown: a payment in flight has no outcome yet.
	KindUnknown = "unknown"
	// KindBooks: this node's own account and its journal differ.
	KindBooks = "books"
	// KindTotals: the peer's total of what was noted is another than ours.
	KindTotals = "totals"
	// KindSettled: the peer's total of what was made good is another than ours.
	KindSettled = "settled"
	// KindUnreachable: the peer could not be asked.
	KindUnreachable = "unreachable"
	// KindOverdue: a debt is older than debts may grow.
	KindOverdue = "overdue"
)
