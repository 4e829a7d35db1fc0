package lightning

import (
	"errors"

	"infernet.tech/infernet/payments"
)

var (
	// ErrConfig is returned by Config.Validate and New.
	ErrConfig = errors.New("lightning rail: bad configuration")
	// ErrInvoice is returned when an invoice is not the one that was asked for:
	// another node, amount, hash, description or network, or over already.
	ErrInvoice = errors.New("not the invoice that was asked for")
	// ErrTerms is returned when a peer's payment terms are not for this rail or
	// network, or not signed by it.
	ErrTerms = errors.New("payment terms do not fit")
	// ErrSmall is returned for a hold below Config.Least: its fees would eat it.
	ErrSmall = errors.New("too small for an invoice")
	// ErrHold is returned when a limit of holds forbids another one.
	ErrHold = errors.New("no room for another hold")
	// ErrNotLocked is returned by Expect when the money that was to be locked
	// for the ref is not there.
	ErrNotLocked = errors.New("money for this is not locked")
	// ErrUnpaid is returned by Expect for a peer whose window is overdue. It is
	// also payments.ErrOverLimit.
	ErrUnpaid = errors.Join(errors.New("peer has not paid its last window"), payments.ErrOverLimit)
	// ErrLate is returned when a preimage comes too near to the end of its
	// payment for it to be safe to claim.
	ErrLate = errors.New("too close to the end of the locked payment")
	// ErrElsewhere is returned where a payment under way was given to another
	// wallet than the one that is connected: only that one can say how it ended.
	ErrElsewhere = errors.New("the payment was given to another node")
	// ErrBooks is returned by Check when entries and the rail's own state differ.
	ErrBooks = errors.New("lightning state does not match its journal")
)
