package bolt11

import (
	"fmt"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Payable reads an invoice that is about to be paid and refuses what need not be
// tried: no amount, expired, or a last hop that alone locks the money for more
// blocks than spec allows.
func Payable(spec ln.PaySpec, now time.Time) (Invoice, error) {
	if err := spec.Validate(); err != nil {
		return Invoice{}, err
	}
	inv, err := Decode(spec.Bolt11)
	switch {
	case err != nil:
		return Invoice{}, err
	case inv.AmountMsat == 0:
		return Invoice{}, fmt.Errorf("%w: it names no amount", ln.ErrInvoice)
	case !now.Before(inv.ExpiresAt()):
		return Invoice{}, fmt.Errorf("%w: it expired at %s", ln.ErrInvoice, inv.ExpiresAt().UTC().Format(time.RFC3339))
	case spec.CLTVLimit > 0 && inv.CLTVExpiry >= spec.CLTVLimit:
		return Invoice{}, fmt.Errorf("%w: it would lock the money for %d blocks; %d are allowed", ln.ErrSpec, inv.CLTVExpiry, spec.CLTVLimit)
	}
	return inv, nil
}
