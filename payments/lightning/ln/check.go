package ln

import (
	"fmt"
	"math"
	"time"
)

// MaxMsat is the most that any amount here can be: all the coins there will be.
const MaxMsat uint64 = 21e6 * 1e8 * 1e3

// maxExpiry bounds how long an invoice can be open; a year is lnd's limit.
const maxExpiry = 365 * 24 * time.Hour

// Validate refuses amounts and times that no node could mean.
func (s InvoiceSpec) Validate() error {
	switch {
	case s.AmountMsat == 0 || s.AmountMsat > MaxMsat:
		return fmt.Errorf("%w: an amount of %d msat", ErrSpec, s.AmountMsat)
	case s.Expiry < time.Second || s.Expiry > maxExpiry:
		return fmt.Errorf("%w: an invoice open for %v; from 1s to %v is possible", ErrSpec, s.Expiry, maxExpiry)
	case s.CLTVExpiry > 2016:
		return fmt.Errorf("%w: %d blocks for the last hop; two weeks are 2016", ErrSpec, s.CLTVExpiry)
	}
	return nil
}

// Validate is that of the invoice, and refuses the zero hash and times within
// which nothing could be held.
func (s HoldSpec) Validate() error {
	switch {
	case s.Hash == Hash{}:
		return fmt.Errorf("%w: a hold without a hash", ErrSpec)
	case s.CLTVExpiry != 0 && s.CLTVExpiry <= SafetyBlocks:
		return fmt.Errorf("%w: a hold of %d blocks would be given back at once", ErrSpec, s.CLTVExpiry)
	}
	return s.InvoiceSpec.Validate()
}

// Validate refuses limits that are none.
func (s PaySpec) Validate() error {
	switch {
	case s.FeeLimitMsat > math.MaxInt64:
		return fmt.Errorf("%w: a fee limit of %d msat", ErrSpec, s.FeeLimitMsat)
	case s.Timeout < time.Second || s.Timeout > time.Hour:
		return fmt.Errorf("%w: a payment given up after %v; from 1s to 1h is possible", ErrSpec, s.Timeout)
	}
	return nil
}
