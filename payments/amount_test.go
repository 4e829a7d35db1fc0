package payments_test

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
)

func credits(n uint64) payments.Amount { return payments.Amount{Value: n, Unit: payments.Credits} }

// values are drawn near the edges more often than anywhere else.
var values = rapid.OneOf(
	rapid.SampledFrom([]uint64{0, 1, payments.MaxValue - 1, payments.MaxValue, payments.MaxValue + 1, 1 << 63, ^uint64(0)}),
	rapid.Uint64(), rapid.Uint64Range(0, 1000),
)

// exact requires that got is the big integer, or ErrOverflow where that is too
// large.
func exact(t *rapid.T, got payments.Amount, err error, want *big.Int) {
	if want.Cmp(new(big.Int).SetUint64(payments.MaxValue)) > 0 {
		if !errors.Is(err, payments.ErrOverflow) {
			t.Fatalf("got %v, %v, want overflow of %v", got, err, want)
		}
		return
	}
	if err != nil || new(big.Int).SetUint64(got.Value).Cmp(want) != 0 || got.Unit != payments.Credits {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

func bigOf(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

func TestArithmeticIsExactOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := values.Draw(t, "a"), values.Draw(t, "b")
		sum, err := credits(a).Add(credits(b))
		exact(t, sum, err, new(big.Int).Add(bigOf(a), bigOf(b)))
		product, err := credits(a).Mul(b)
		exact(t, product, err, new(big.Int).Mul(bigOf(a), bigOf(b)))
		diff, err := credits(a).Sub(credits(b))
		if a < b {
			if !errors.Is(err, payments.ErrNegative) {
				t.Fatalf("%d - %d: %v, %v", a, b, diff, err)
			}
		} else if err != nil || diff.Value != a-b {
			t.Fatalf("%d - %d: %v, %v", a, b, diff, err)
		}
		if c, err := credits(a).Cmp(credits(b)); err != nil || c != bigOf(a).Cmp(bigOf(b)) {
			t.Fatalf("%d ? %d: %d, %v", a, b, c, err)
		}
	})
}

func TestPriceIsExactOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base, per, units := values.Draw(t, "base"), values.Draw(t, "per"), values.Draw(t, "units")
		got, err := payments.Price(payments.Rate{Base: base, PerUnit: per, Unit: payments.Credits}, units)
		want := new(big.Int).Mul(bigOf(per), bigOf(units))
		exact(t, got, err, want.Add(want, bigOf(base)))
	})
	if _, err := payments.Price(payments.Rate{Base: 1}, 1); !errors.Is(err, payments.ErrSyntax) {
		t.Fatalf("a price without unit: %v", err)
	}
}

func TestForeignUnits(t *testing.T) {
	t.Parallel()
	msat := payments.Amount{Value: 1, Unit: "msat"}
	_, add := credits(1).Add(msat)
	_, sub := credits(1).Sub(msat)
	_, cmp := credits(1).Cmp(payments.Amount{Value: 1})
	for _, err := range []error{add, sub, cmp} {
		if !errors.Is(err, payments.ErrUnit) {
			t.Fatal(err)
		}
	}
}

func TestAmountText(t *testing.T) {
	t.Parallel()
	if s := credits(12).String(); s != "12 credits" {
		t.Fatal(s)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := credits(rapid.Uint64Range(0, payments.MaxValue).Draw(t, "a"))
		if got, err := payments.ParseAmount(a.String()); err != nil || got != a {
			t.Fatalf("%v %v", got, err)
		}
	})
	for _, bad := range []string{
		"", "12", " 12 credits", "+1 credits", "-1 credits", "01 credits", "1.5 credits", "1  credits",
		"1 Credits", "1 credits ", "1 ", "1 waytoolongforaunit", "4611686018427387905 credits", "99999999999999999999 credits",
	} {
		if a, err := payments.ParseAmount(bad); err == nil {
			t.Fatalf("%q is %v", bad, a)
		}
	}
}

func FuzzParseAmount(f *testing.F) {
	f.Add("12 credits")
	f.Add("1.5 credits")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := payments.ParseAmount(s); err == nil && a.String() != s {
			t.Fatalf("%q reads as %v", s, a)
		}
	})
}

func TestRefs(t *testing.T) {
	t.Parallel()
	if r := payments.NewRef("ab", 3, 1); r != "ab/3/1" || r.Validate() != nil {
		t.Fatal(r)
	}
	for _, bad := range []payments.Ref{"", "a b", "a\n", "ä", "a\x00", payments.Ref(make([]byte, 129))} {
		if bad.Validate() == nil {
			t.Fatalf("%q", bad)
		}
	}
}
