package compare

import "errors"

// ErrUnknown: there is no comparator of this name.
var ErrUnknown = errors.New("compare: no such comparator")

// ErrReplay: text is judged by replaying it, not beside another text.
var ErrReplay = errors.New("compare: text is judged by replay")

// ErrRunner: a comparator of the client's own needs something that runs it.
var ErrRunner = errors.New("compare: a comparator in a container needs a runner")

// ErrProfile: a profile that is malformed, not signed, out of range, or made for
// something else.
var ErrProfile = errors.New("compare: profile cannot be used")

// ErrTooFew: too few honest samples for the rate of errors that is claimed.
var ErrTooFew = errors.New("compare: too few samples for this rate")

// ErrSpread: honest samples differ by more than any threshold allows.
var ErrSpread = errors.New("compare: honest samples differ too much")

// ErrTooMany: more results than are compared with each other.
var ErrTooMany = errors.New("compare: too many results")

// ErrToken: what was said of a token cannot be.
var ErrToken = errors.New("compare: impossible token")

// errLarge and errMalformed are of one result and become a part of an Outcome.
var (
	errLarge     = errors.New("too large to be compared")
	errMalformed = errors.New("malformed")
)
