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
	// ErrFork is returned for a receipt that its author cannot have signed
	// honestly beside another that is held.
	ErrFork = errors.New("its author signed another one in its place")
	// ErrNothing is returned when there is nothing to tell others.
	ErrNothing = errors.New("nobody was dealt with")
	// ErrNotFound is returned when the ledger has no receipt of that id.
	ErrNotFound = errors.New("no such receipt")
	// ErrStale is returned for a document that is past its time or older than
	// what is held of its author.
	ErrStale = errors.New("document is out of date")
	// ErrFuture is returned for a document dated ahead of our clock.
	ErrFuture = errors.New("document is dated in the future")
	// ErrFull is returned when there is no room for the word of one more
	// stranger.
	ErrFull = errors.New("no room for more opinions of strangers")
	// ErrFalse is returned for a document that no honest peer passes on.
	ErrFalse = errors.New("document is false")
	// ErrCorrupt is returned when a stored receipt cannot be read.
	ErrCorrupt = errors.New("stored receipt unreadable")
)
