package payments

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// MaxValue is the largest Amount: two of them still add up, and the difference
// of two has a sign, in 64 bits. Signed documents have the same limit.
const MaxValue uint64 = 1 << 62

// Amount is a non-negative whole number of a unit. The zero Amount has no unit
// and equals no amount that has one.
type Amount struct {
	Value uint64 `json:"value"`
	Unit  Unit   `json:"unit"`
}

// String returns "12 credits".
func (a Amount) String() string {
	return strconv.FormatUint(a.Value, 10) + " " + string(a.Unit)
}

// ParseAmount reads what String writes; signs, fractions and leading zeros are
// refused.
func ParseAmount(s string) (Amount, error) {
	num, unit, ok := strings.Cut(s, " ")
	v, err := strconv.ParseUint(num, 10, 64)
	if !ok || err != nil || strconv.FormatUint(v, 10) != num {
		return Amount{}, fmt.Errorf("amount %.40q: %w", s, ErrSyntax)
	}
	a := Amount{Value: v, Unit: Unit(unit)}
	return a, a.Validate()
}

// Validate returns ErrOverflow or ErrSyntax for an amount no rail can carry.
// Zero is valid: a price may be zero, a payment may not.
func (a Amount) Validate() error {
	if a.Value > MaxValue {
		return fmt.Errorf("%s: %w", a, ErrOverflow)
	}
	return a.Unit.Validate()
}

// IsZero reports whether a is nothing, in any unit.
func (a Amount) IsZero() bool { return a.Value == 0 }

// Add returns a+b, or ErrUnit or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Unit != b.Unit {
		return Amount{}, unitError(a, b)
	}
	sum, carry := bits.Add64(a.Value, b.Value, 0)
	if carry != 0 || sum > MaxValue {
		return Amount{}, fmt.Errorf("%s + %s: %w", a, b, ErrOverflow)
	}
	return Amount{Value: sum, Unit: a.Unit}, nil
}

// Sub returns a-b, or ErrUnit, or ErrNegative when b is the larger.
func (a Amount) Sub(b Amount) (Amount, error) {
	if a.Unit != b.Unit {
		return Amount{}, unitError(a, b)
	}
	if b.Value > a.Value {
		return Amount{}, fmt.Errorf("%s - %s: %w", a, b, ErrNegative)
	}
	return Amount{Value: a.Value - b.Value, Unit: a.Unit}, nil
}

// Mul returns a times n, or ErrOverflow.
func (a Amount) Mul(n uint64) (Amount, error) {
	hi, lo := bits.Mul64(a.Value, n)
	if hi != 0 || lo > MaxValue {
		return Amount{}, fmt.Errorf("%s x %d: %w", a, n, ErrOverflow)
	}
	return Amount{Value: lo, Unit: a.Unit}, nil
}

// Cmp returns -1, 0 or 1 as a is less than, equal to or more than b, or ErrUnit.
func (a Amount) Cmp(b Amount) (int, error) {
	switch {
	case a.Unit != b.Unit:
		return 0, unitError(a, b)
	case a.Value < b.Value:
		return -1, nil
	case a.Value > b.Value:
		return 1, nil
	}
	return 0, nil
}

func unitError(a, b Amount) error {
	return fmt.Errorf("%s and %s: %w", a, b, ErrUnit)
}
