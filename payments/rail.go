package payments

import (
	"context"

	"infernet.tech/infernet/p2p/identity"
)

// Rail moves amounts of one unit between two nodes.
//
// The legal order of calls for one Ref between one payer and one payee:
//
//  1. The payee calls Expect when it accepts the work. From then on the amount
//     counts against the credit it gives that payer.
//  2. The payer calls Pay once the work is verified. Pay writes its promise
//     down before sending it and returns the proof when the payee has signed.
//  3. After an error of OutcomeUnknown the payer calls Pay again with the same
//     Payment, or leaves it to Run, which asks until it knows. It must not pay
//     the same work under another Ref or on another rail.
//  4. After NotCharged the payer may call Pay again, now or later, or let it be.
//  5. The payee calls Waive when the payment will not come: the verdict was
//     against it, or the time is over. A payment that comes later is refused.
//
// The arithmetic of failure: for each Ref the payee captures the exact amount
// expected or nothing; both sides' totals of captured amounts are equal once
// no entry of the payer is held or unknown; and until then they differ by no
// more than the sum of those entries.
type Rail interface {
	Payer
	Payee
	// Name is the rail's name in quotes and receipts: "credit".
	Name() string
	// Unit is the only unit the rail carries.
	Unit() Unit
	// Status returns the journal's entry for ref with peer, what was paid to it
	// before what was received from it, or ErrNoEntry.
	Status(ctx context.Context, peer identity.PubKey, ref Ref) (Entry, error)
	// Balances returns one line for each peer with which there is an account.
	Balances(ctx context.Context) ([]Balance, error)
	// Run settles what is open, at once and again from time to time, until ctx
	// ends. Other calls work without it; only unknown outcomes wait for it.
	Run(ctx context.Context) error
}

// Payer is the side of a rail that an aggregator uses.
type Payer interface {
	// Pay pays once for p.Ref, however often it is called; p must be the same
	// each time or ErrConflict is returned. Errors are *Error: see OutcomeOf.
	Pay(ctx context.Context, p Payment) (Proof, error)
}

// Payee is the side of a rail that a provider uses.
type Payee interface {
	// Expect journals that p.Peer owes p.Amount for p.Ref once it is verified.
	// Repeating it changes nothing. It returns ErrOverLimit when the credit
	// given to that peer has no room for it, ErrConflict for another amount
	// under the same ref. What other peers call by that ref is theirs and makes
	// no difference.
	Expect(ctx context.Context, p Payment) error
	// Waive gives up what is expected of peer for ref; reason is kept. Waiving
	// what is already given up changes nothing; what was captured stays captured
	// and ErrTransition is returned.
	Waive(ctx context.Context, peer identity.PubKey, ref Ref, reason string) error
}
