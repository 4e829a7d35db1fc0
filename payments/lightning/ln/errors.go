package ln

import "errors"

// What a driver's errors wrap. Programs branch on these; the text around them is
// for people and says what to do.
var (
	// ErrUnsupported: this driver, or the wallet behind it, has no such call.
	ErrUnsupported = errors.New("lightning: the wallet does not offer this")
	// ErrUnavailable: the node was not reached, or broke off.
	ErrUnavailable = errors.New("lightning: the node cannot be reached")
	// ErrStarting: the node was reached and does not serve yet.
	ErrStarting = errors.New("lightning: the node is still starting")
	// ErrLocked: the node was reached and its wallet is locked, or not made yet.
	ErrLocked = errors.New("lightning: the node's wallet is locked")
	// ErrDenied: the macaroon or connection does not allow this.
	ErrDenied = errors.New("lightning: the node denies this")
	// ErrCertificate: who answers is not the node whose certificate we were given.
	ErrCertificate = errors.New("lightning: the node's certificate is another one")

	// ErrNotFound: no invoice or payment has that hash.
	ErrNotFound = errors.New("lightning: no such invoice or payment")
	// ErrExists: the hash has an invoice already.
	ErrExists = errors.New("lightning: the hash has an invoice already")
	// ErrNotAccepted: nothing is held for the invoice.
	ErrNotAccepted = errors.New("lightning: nothing is held for the invoice")
	// ErrSettled: the invoice is settled; it cannot be cancelled.
	ErrSettled = errors.New("lightning: the invoice is settled")
	// ErrCanceled: the invoice is cancelled; it cannot be settled.
	ErrCanceled = errors.New("lightning: the invoice is cancelled")

	// ErrInFlight: the payment may be paid yet; ask Track.
	ErrInFlight = errors.New("lightning: the payment's outcome is not known yet")
	// ErrFailed: nothing was paid and nothing is on its way.
	ErrFailed = errors.New("lightning: the payment failed")
	// ErrInvoice: the invoice is malformed, or of another network, expired, without
	// an amount, or signed by nobody.
	ErrInvoice = errors.New("lightning: bad invoice")
	// ErrSpec: what was asked for is out of range.
	ErrSpec = errors.New("lightning: out of range")
)
