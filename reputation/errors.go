package reputation

import "errors"

var (
	// ErrReceipt is returned for bytes that are not a receipt that holds.
	ErrReceipt = errors.New("not a valid receipt")
	// ErrNotOurs is returned for a receipt to which this node is no party.
	ErrNotOurs = errors.New("receipt is of others")
	// ErrConflict is returned for a second receipt of the same attempt that
	// says something else than the first.
	ErrConflict = errors.New("another receipt of this attempt says something else")
	// ErrNotFound is returned when the ledger has no receipt of that id.
	ErrNotFound = errors.New("no such receipt")
	// ErrCorrupt is returned when a stored receipt cannot be read.
	ErrCorrupt = errors.New("stored receipt unreadable")
)
