package payments

import "errors"

var (
	// ErrOverflow is returned when a sum, product or price exceeds MaxValue.
	ErrOverflow = errors.New("amount too large")
	// ErrNegative is returned when a difference would be below zero.
	ErrNegative = errors.New("amount below zero")
	// ErrUnit is returned when two units meet that differ, or a rail is given
	// an amount in a unit that is not its own.
	ErrUnit = errors.New("foreign unit")
	// ErrZero is returned for a payment of nothing.
	ErrZero = errors.New("amount is zero")
	// ErrSyntax is returned for text that is not an amount, unit or ref.
	ErrSyntax = errors.New("malformed")

	// ErrNoEntry is returned when the journal has nothing under a ref: this
	// node neither paid nor expected it.
	ErrNoEntry = errors.New("no such payment")
	// ErrTransition is returned when an entry's state does not permit the next.
	ErrTransition = errors.New("payment state does not permit this")
	// ErrConflict is returned when a ref is used again for another peer or
	// another amount. Nothing is charged by the refused call.
	ErrConflict = errors.New("ref already stands for another payment")
	// ErrCorrupt is returned when a stored entry cannot be read.
	ErrCorrupt = errors.New("journal entry unreadable")
	// ErrSums is returned when the sums of accounts are not what the entries say:
	// the store was damaged or written by something else.
	ErrSums = errors.New("accounts do not match their entries")
	// ErrCursor is returned for a place in a list that no page returned.
	ErrCursor = errors.New("no such place in the list")

	// ErrOverLimit is returned when a payment would pass a credit limit, ours
	// or the payee's. Nothing is charged.
	ErrOverLimit = errors.New("over the credit limit")
	// ErrCeiling is returned when a payment would pass what may be spent in a
	// day. Nothing is charged.
	ErrCeiling = errors.New("over the spending ceiling")
	// ErrRefused is returned when the payee declined, for instance because it
	// expects no such payment. Nothing is charged.
	ErrRefused = errors.New("refused by the payee")
	// ErrUnreachable is returned when the payee could not be reached before
	// anything was sent. Nothing is charged.
	ErrUnreachable = errors.New("payee unreachable")
	// ErrAway is returned when a wallet does not answer now: ours, or with
	// ErrRefused the payee's. Nothing is charged, and it may be tried again.
	ErrAway = errors.New("a wallet does not answer")
	// ErrBusy is returned when an earlier payment to the same peer has no
	// known outcome yet, so this one was not begun. Nothing is charged.
	ErrBusy = errors.New("an earlier payment to this peer is unresolved")
	// ErrUnknown is returned when the promise may have arrived but no answer
	// did. Paying again under the same ref is safe, under another it is not.
	ErrUnknown = errors.New("outcome not known")
	// ErrDiverged is returned when the two sides' books differ. The outcome is
	// unknown until they are compared.
	ErrDiverged = errors.New("the two sides' books differ")
)
