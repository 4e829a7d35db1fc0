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

// ErrLarge: a result beyond the bounds within which it is read.
var ErrLarge = errors.New("too large to be compared")

// ErrMalformed: a result that holds what no result may, or that is not what its
// name says.
var ErrMalformed = errors.New("malformed")
