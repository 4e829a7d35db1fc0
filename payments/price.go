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
