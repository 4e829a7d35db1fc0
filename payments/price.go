package payments

import (
	"fmt"
	"math/bits"
)

// Rate is an advertised price: Base for a shard, whatever its size, and PerUnit
// for each unit of work in it.
type Rate struct {
	Base    uint64 `json:"base"`
	PerUnit uint64 `json:"per_unit"`
	Unit    Unit   `json:"unit"`
}

// Price is what a shard of so many units of work costs at rate r: Base plus
// units times PerUnit, exactly. Quote, charge and receipt all call it, so that
// what is advertised is what is billed. It returns ErrOverflow or ErrSyntax.
func Price(r Rate, units uint64) (Amount, error) {
	base := Amount{Value: r.Base, Unit: r.Unit}
	if err := base.Validate(); err != nil {
		return Amount{}, err
	}
	work, err := Amount{Value: r.PerUnit, Unit: r.Unit}.Mul(units)
	if err != nil {
		return Amount{}, err
	}
	return base.Add(work)
}

// Million is how many tokens a TokenRate's prices are for.
const Million = 1_000_000

// TokenRate is an advertised price of inference, in Unit for each million of
// tokens.
type TokenRate struct {
	In   uint64 `json:"in"`  // prompt
	Out  uint64 `json:"out"` // completion
	Unit Unit   `json:"unit"`
}

// PriceTokens is what so many tokens cost at rate r, rounded up to a whole
// step of the unit: ceil((in*In + out*Out) / 1,000,000), exactly. What a part
// of a lease costs is the price of all tokens up to its end less the price of
// all up to its beginning, so that rounding is paid once, however the lease is
// cut. It returns ErrOverflow or ErrSyntax.
func PriceTokens(r TokenRate, in, out uint64) (Amount, error) {
	if err := r.Unit.Validate(); err != nil {
		return Amount{}, err
	}
	hi, lo := bits.Mul64(in, r.In)
	hi2, lo2 := bits.Mul64(out, r.Out)
	lo, carry := bits.Add64(lo, lo2, 0)
	hi, over := bits.Add64(hi, hi2, carry)
	lo, carry = bits.Add64(lo, Million-1, 0)
	hi, over2 := bits.Add64(hi, 0, carry)
	if over+over2 > 0 || hi >= Million { // the quotient would not fit 64 bits
		return Amount{}, fmt.Errorf("price of %d and %d tokens: %w", in, out, ErrOverflow)
	}
	v, _ := bits.Div64(hi, lo, Million)
	a := Amount{Value: v, Unit: r.Unit}
	return a, a.Validate()
}

// GiB is how many bytes a ByteRate's price is for.
const GiB = 1 << 30

// ByteRate is an advertised price of content, in Unit for each GiB delivered.
type ByteRate struct {
	PerGiB uint64 `json:"per_gib"`
	Unit   Unit   `json:"unit"`
}

// PriceBytes is what so many bytes cost at rate r, rounded up to a whole step
// of the unit: ceil(bytes * PerGiB / 2^30), exactly. It returns ErrOverflow or
// ErrSyntax.
func PriceBytes(r ByteRate, bytes uint64) (Amount, error) {
	if err := r.Unit.Validate(); err != nil {
		return Amount{}, err
	}
	hi, lo := bits.Mul64(bytes, r.PerGiB)
	lo, carry := bits.Add64(lo, GiB-1, 0)
	hi, _ = bits.Add64(hi, 0, carry) // hi was at most 2^64-2
	if hi >= GiB {                   // the quotient would not fit 64 bits
		return Amount{}, fmt.Errorf("price of %d bytes: %w", bytes, ErrOverflow)
	}
	v, _ := bits.Div64(hi, lo, GiB)
	a := Amount{Value: v, Unit: r.Unit}
	return a, a.Validate()
}

// PriceSpan is what the bytes of an account from one total to a later one cost:
// the price of all up to the later less the price of all up to the earlier, so
// that rounding is paid once, however the account is cut. It returns ErrNegative
// when the later is below the earlier, and what PriceBytes returns.
func PriceSpan(r ByteRate, from, to uint64) (Amount, error) {
	if to < from {
		return Amount{}, fmt.Errorf("bytes %d to %d: %w", from, to, ErrNegative)
	}
	before, err := PriceBytes(r, from)
	if err != nil {
		return Amount{}, err
	}
	after, err := PriceBytes(r, to)
	if err != nil {
		return Amount{}, err
	}
	return after.Sub(before)
}
