package payments

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestPriceBytes(t *testing.T) {
	t.Parallel()
	rate := ByteRate{PerGiB: 10, Unit: Credits}
	for _, tt := range []struct {
		rate  ByteRate
		bytes uint64
		want  uint64
		err   error
	}{
		{rate, 0, 0, nil},
		{rate, 1, 1, nil}, // rounded up
		{rate, GiB / 10, 1, nil},
		{rate, GiB/10 + 1, 2, nil},
		{rate, GiB, 10, nil},
		{rate, GiB + 1, 11, nil},
		{ByteRate{Unit: Credits}, 1 << 53, 0, nil},
		{ByteRate{PerGiB: GiB, Unit: Credits}, MaxValue, MaxValue, nil},
		{ByteRate{PerGiB: GiB, Unit: Credits}, MaxValue + 1, 0, ErrOverflow},
		{ByteRate{PerGiB: math.MaxUint64, Unit: Credits}, math.MaxUint64, 0, ErrOverflow},
		{ByteRate{PerGiB: 1}, 1, 0, ErrSyntax},
	} {
		got, err := PriceBytes(tt.rate, tt.bytes)
		if !errors.Is(err, tt.err) || err == nil && got != (Amount{Value: tt.want, Unit: Credits}) {
			t.Errorf("PriceBytes(%+v, %d) = %v, %v; want %d, %v", tt.rate, tt.bytes, got, err, tt.want, tt.err)
		}
	}
	if _, err := PriceSpan(rate, 2, 1); !errors.Is(err, ErrNegative) {
		t.Errorf("backwards: %v", err)
	}
}

// wide draws numbers of every magnitude.
func wide(t *rapid.T, name string) uint64 {
	return rapid.Uint64().Draw(t, name) >> rapid.IntRange(0, 63).Draw(t, name+" shift")
}

// TestPriceBytesExact holds the 128-bit arithmetic to that of any size.
func TestPriceBytesExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, n := ByteRate{PerGiB: wide(t, "price"), Unit: Credits}, wide(t, "bytes")
		want := new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).SetUint64(r.PerGiB))
		want.Div(want.Add(want, big.NewInt(GiB-1)), big.NewInt(GiB))
		got, err := PriceBytes(r, n)
		if fits := want.Cmp(new(big.Int).SetUint64(MaxValue)) <= 0; fits != (err == nil) || fits && got.Value != want.Uint64() {
			t.Fatalf("PriceBytes(%+v, %d) = %v, %v; want %v", r, n, got, err, want)
		}
	})
}

// TestPriceSpanParts wants an account to cost the same however it is cut, and
// no part of it less than nothing or more than a step above its share.
func TestPriceSpanParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := ByteRate{PerGiB: rapid.Uint64Range(0, 1<<40).Draw(t, "price"), Unit: Credits}
		var total, paid uint64
		for _, n := range rapid.SliceOf(rapid.Uint64Range(0, 64<<20)).Draw(t, "parts") {
			a, err := PriceSpan(r, total, total+n)
			if err != nil {
				t.Fatal(err)
			}
			alone, err := PriceBytes(r, n)
			if err != nil || a.Value > alone.Value || a.Value+1 < alone.Value {
				t.Fatalf("%d bytes after %d cost %v, alone %v: %v", n, total, a, alone, err)
			}
			total, paid = total+n, paid+a.Value
		}
		if whole, err := PriceBytes(r, total); err != nil || whole.Value != paid {
			t.Fatalf("the parts cost %d, the whole %v: %v", paid, whole, err)
		}
	})
}
