package schnorr

import (
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"
)

func bigOf(w [4]uint64) *big.Int {
	var b [32]byte
	for i := range w {
		binary.BigEndian.PutUint64(b[24-8*i:], w[i])
	}
	return new(big.Int).SetBytes(b[:])
}

// element draws any four words, often at the edges, the spellings above p too.
func element(t *rapid.T, name string) (f field) {
	for i := range f {
		f[i] = rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, fold, 1<<64 - fold, 1<<64 - 1, 1 << 63})).Draw(t, name)
	}
	return f
}

// TestField holds the arithmetic to math/big, with the places of what comes out
// and what goes in shared in every way.
func TestField(t *testing.T) {
	t.Parallel()
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(fold))
	rapid.Check(t, func(t *rapid.T) {
		x, y := element(t, "x"), element(t, "y")
		bx, by := bigOf(x), bigOf(y)
		check := func(name string, got field, want *big.Int) {
			t.Helper()
			want.Mod(want, p)
			if n := got.normal(); bigOf(n).Cmp(want) != 0 {
				t.Fatalf("%s of %x and %x: %x, not %x", name, x, y, n, want)
			}
		}
		var z field
		z.add(&x, &y)
		check("sum", z, new(big.Int).Add(bx, by))
		z.sub(&x, &y)
		check("difference", z, new(big.Int).Sub(bx, by))
		z.mul(&x, &y)
		check("product", z, new(big.Int).Mul(bx, by))
		z = x
		z.mul(&z, &y)
		check("product into x", z, new(big.Int).Mul(bx, by))
		z = y
		z.mul(&x, &z)
		check("product into y", z, new(big.Int).Mul(bx, by))
		z.square(&x)
		check("square", z, new(big.Int).Mul(bx, bx))
		z = x
		z.square(&z)
		check("square into x", z, new(big.Int).Mul(bx, bx))
		z.negate(&x)
		check("negative", z, new(big.Int).Neg(bx))
		z.invert(&x)
		if inv := new(big.Int).ModInverse(bx, p); inv != nil {
			check("inverse", z, inv)
		} else {
			check("inverse of zero", z, new(big.Int))
		}
		wanted := new(big.Int).ModSqrt(new(big.Int).Mod(bx, p), p)
		if ok := z.root(&x); ok != (wanted != nil) {
			t.Fatalf("root of %x: %v", x, ok)
		} else if ok {
			z.square(&z)
			check("square of the root", z, new(big.Int).Set(bx))
		}
		if x.isZero() != (new(big.Int).Mod(bx, p).Sign() == 0) || x.isOdd() != (new(big.Int).Mod(bx, p).Bit(0) == 1) {
			t.Fatalf("%x: zero %v, odd %v", x, x.isZero(), x.isOdd())
		}
	})
}

// TestSplit: the halves make the number again, are short, and their digits make
// the halves again.
func TestSplit(t *testing.T) {
	t.Parallel()
	order := btcec.S256().N
	rapid.Check(t, func(t *rapid.T) {
		w := word(t, "k")
		var k btcec.ModNScalar
		k.SetBytes(&w)
		a, b := split(&k)
		lambda := words{0xDF02967C1B23BD72, 0x122E22EA20816678, 0xA5261C028812645A, 0x5363AD4CC05C30E0}
		sum := new(big.Int)
		for i, half := range []btcec.ModNScalar{a, b} {
			for _, width := range []uint{keyWidth, baseWidth} {
				var d digits
				count := d.spread(&half, width)
				value := new(big.Int)
				for at := maxDigits - 1; at >= 0; at-- {
					v := int64(d[at])
					if v != 0 && (v%2 == 0 || max(v, -v) >= 1<<(width-1) || at >= count) {
						t.Fatalf("digit %d of %d is %d", at, count, v)
					}
					value.Lsh(value, 1).Add(value, big.NewInt(v))
				}
				if value.BitLen() > 128 {
					t.Fatalf("a half of %d bits", value.BitLen())
				}
				if new(big.Int).Mod(value, order).Cmp(bigOf(wordsOf(&half))) != 0 {
					t.Fatalf("digits make %x of %x", value, bigOf(wordsOf(&half)))
				}
				if width == keyWidth && i == 0 {
					sum.Add(sum, value)
				} else if width == keyWidth {
					sum.Add(sum, value.Mul(value, bigOf(lambda)))
				}
			}
		}
		if sum.Mod(sum, order).Cmp(bigOf(wordsOf(&k))) != 0 {
			t.Fatalf("halves make %x of %x", sum, bigOf(wordsOf(&k)))
		}
	})
}
