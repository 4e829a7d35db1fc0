package account

import "errors"

var (
	// ErrConfig is returned by Config.Validate.
	ErrConfig = errors.New("payment rail: bad configuration")
	// ErrBooks is returned by Check when an account does not add up to its
	// entries: the store was damaged or written by something else.
	ErrBooks = errors.New("account does not match its journal")
	// ErrFull is returned when there are as many accounts as Config allows.
	ErrFull = errors.New("no room for another account")
	// ErrNote is returned by ServeStream when the peer sent something that is
	// not a note of its own to us. The peer is at fault.
	ErrNote = errors.New("not a note of this peer to us")
	// ErrPassed is returned by OwedAt for a note that is not one of the last.
	ErrPassed = errors.New("note is too old or not known yet")
)
