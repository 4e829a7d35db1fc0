package payments

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestPriceTokens(t *testing.T) {
	t.Parallel()
	rate := TokenRate{In: 1000, Out: 3000, Unit: Credits}
	for _, tt := range []struct {
		rate    TokenRate
		in, out uint64
		want    uint64
		err     error
	}{
		{rate, 0, 0, 0, nil},
		{rate, 1, 0, 1, nil}, // a thousandth, rounded up
		{rate, 1000, 0, 1, nil},
		{rate, 1001, 0, 2, nil},
		{rate, 1_000_000, 1_000_000, 4000, nil},
		{rate, 999_999, 1_000_000, 4000, nil},
		{TokenRate{Unit: Credits}, 1 << 50, 1 << 50, 0, nil},
		{TokenRate{In: Million, Unit: Credits}, MaxValue, 0, MaxValue, nil},
		{TokenRate{In: Million, Unit: Credits}, MaxValue + 1, 0, 0, ErrOverflow},
		{TokenRate{In: math.MaxUint64, Out: math.MaxUint64, Unit: Credits}, math.MaxUint64, math.MaxUint64, 0, ErrOverflow},
		{TokenRate{In: 1}, 1, 0, 0, ErrSyntax},
	} {
		got, err := PriceTokens(tt.rate, tt.in, tt.out)
		if !errors.Is(err, tt.err) || err == nil && got != (Amount{Value: tt.want, Unit: Credits}) {
			t.Errorf("PriceTokens(%+v, %d, %d) = %v, %v; want %d, %v", tt.rate, tt.in, tt.out, got, err, tt.want, tt.err)
		}
	}
}

// TestPriceTokensExact holds the 128-bit arithmetic to that of any size.
func TestPriceTokensExact(t *testing.T) {
	t.Parallel()
	draw := rand.New(rand.NewPCG(1, 2))
	num := func() uint64 { return draw.Uint64() >> draw.IntN(64) }
	for range 20_000 {
		r, in, out := TokenRate{In: num(), Out: num(), Unit: Credits}, num(), num()
		sum := new(big.Int).Mul(new(big.Int).SetUint64(in), new(big.Int).SetUint64(r.In))
		sum.Add(sum, new(big.Int).Mul(new(big.Int).SetUint64(out), new(big.Int).SetUint64(r.Out)))
		sum.Div(sum.Add(sum, big.NewInt(Million-1)), big.NewInt(Million))
		got, err := PriceTokens(r, in, out)
		if fits := sum.Cmp(new(big.Int).SetUint64(MaxValue)) <= 0; fits != (err == nil) || fits && got.Value != sum.Uint64() {
			t.Fatalf("PriceTokens(%+v, %d, %d) = %v, %v; want %v", r, in, out, got, err, sum)
		}
	}
}

// TestPriceTokensParts wants a lease to cost the same however it is cut into
// windows.
func TestPriceTokensParts(t *testing.T) {
	t.Parallel()
	draw := rand.New(rand.NewPCG(3, 4))
	r := TokenRate{In: 1700, Out: 3301, Unit: Credits}
	var in, out, paid uint64
	for range 1000 {
		before, err := PriceTokens(r, in, out)
		if err != nil {
			t.Fatal(err)
		}
		in, out = in+draw.Uint64N(900), out+draw.Uint64N(900)
		after, err := PriceTokens(r, in, out)
		if err != nil || after.Value < before.Value {
			t.Fatalf("%v after %v: %v", after, before, err)
		}
		paid += after.Value - before.Value
	}
	if whole, err := PriceTokens(r, in, out); err != nil || whole.Value != paid {
		t.Errorf("the parts cost %d, the whole %v: %v", paid, whole, err)
	}
}
