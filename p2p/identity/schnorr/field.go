package schnorr

import (
	"encoding/binary"
	"math/bits"
)

// field is an element of the integers modulo p = 2^256 - fold, as four words of
// which the first is the lowest. Two values stand for an element below fold; see
// normal.
type field [4]uint64

// fold is what 2^256 is modulo p.
const fold = 1<<32 + 977

// setBytes reads 32 bytes, big-endian, and tells whether they are below p.
func (z *field) setBytes(b []byte) bool {
	for i := range z {
		z[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return *z == z.normal()
}

// normal is the one spelling of z that is below p.
func (z *field) normal() field {
	r0, c := bits.Add64(z[0], fold, 0)
	r1, c := bits.Add64(z[1], 0, c)
	r2, c := bits.Add64(z[2], 0, c)
	r3, c := bits.Add64(z[3], 0, c)
	if c == 0 {
		return *z
	}
	return field{r0, r1, r2, r3}
}

func (z *field) isZero() bool { return z.normal() == field{} }

func (z *field) isOdd() bool { return z.normal()[0]&1 == 1 }

func (z *field) equal(x *field) bool { return z.normal() == x.normal() }

func (z *field) add(x, y *field) {
	r0, c := bits.Add64(x[0], y[0], 0)
	r1, c := bits.Add64(x[1], y[1], c)
	r2, c := bits.Add64(x[2], y[2], c)
	r3, c := bits.Add64(x[3], y[3], c)
	r0, c = bits.Add64(r0, fold&-c, 0)
	r1, c = bits.Add64(r1, 0, c)
	r2, c = bits.Add64(r2, 0, c)
	r3, c = bits.Add64(r3, 0, c)
	// Once more at most, and then r is below fold.
	*z = field{r0 + fold&-c, r1, r2, r3}
}

func (z *field) sub(x, y *field) {
	r0, b := bits.Sub64(x[0], y[0], 0)
	r1, b := bits.Sub64(x[1], y[1], b)
	r2, b := bits.Sub64(x[2], y[2], b)
	r3, b := bits.Sub64(x[3], y[3], b)
	r0, b = bits.Sub64(r0, fold&-b, 0)
	r1, b = bits.Sub64(r1, 0, b)
	r2, b = bits.Sub64(r2, 0, b)
	r3, b = bits.Sub64(r3, 0, b)
	// Once more at most, and then r is above 2^256 - fold.
	*z = field{r0 - fold&-b, r1, r2, r3}
}

func (z *field) negate(x *field) { z.sub(&field{}, x) }

// mul sets z to x times y: the product of eight words, folded.
func (z *field) mul(x, y *field) {
	var c uint64
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]

	h0, r0 := bits.Mul64(x0, y[0])
	h1, l1 := bits.Mul64(x1, y[0])
	h2, l2 := bits.Mul64(x2, y[0])
	h3, l3 := bits.Mul64(x3, y[0])
	r1, c := bits.Add64(h0, l1, 0)
	r2, c := bits.Add64(h1, l2, c)
	r3, c := bits.Add64(h2, l3, c)
	r4 := h3 + c

	h0, l0 := bits.Mul64(x0, y[1])
	h1, l1 = bits.Mul64(x1, y[1])
	h2, l2 = bits.Mul64(x2, y[1])
	h3, l3 = bits.Mul64(x3, y[1])
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	r1, c = bits.Add64(r1, l0, 0)
	r2, c = bits.Add64(r2, l1, c)
	r3, c = bits.Add64(r3, l2, c)
	r4, c = bits.Add64(r4, l3, c)
	r5 := h3 + c

	h0, l0 = bits.Mul64(x0, y[2])
	h1, l1 = bits.Mul64(x1, y[2])
	h2, l2 = bits.Mul64(x2, y[2])
	h3, l3 = bits.Mul64(x3, y[2])
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	r2, c = bits.Add64(r2, l0, 0)
	r3, c = bits.Add64(r3, l1, c)
	r4, c = bits.Add64(r4, l2, c)
	r5, c = bits.Add64(r5, l3, c)
	r6 := h3 + c

	h0, l0 = bits.Mul64(x0, y[3])
	h1, l1 = bits.Mul64(x1, y[3])
	h2, l2 = bits.Mul64(x2, y[3])
	h3, l3 = bits.Mul64(x3, y[3])
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	r3, c = bits.Add64(r3, l0, 0)
	r4, c = bits.Add64(r4, l1, c)
	r5, c = bits.Add64(r5, l2, c)
	r6, c = bits.Add64(r6, l3, c)
	z.reduce(r0, r1, r2, r3, r4, r5, r6, h3+c)
}

// square sets z to x times x, with six multiplications less than mul.
func (z *field) square(x *field) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	// The products of different words, which count twice.
	r2, r1 := bits.Mul64(x0, x1)
	h, l := bits.Mul64(x0, x2)
	r3, c := uint64(0), uint64(0)
	r2, c = bits.Add64(r2, l, 0)
	r3 = h + c
	h, l = bits.Mul64(x0, x3)
	r3, c = bits.Add64(r3, l, 0)
	r4 := h + c
	h, l = bits.Mul64(x1, x2)
	r3, c = bits.Add64(r3, l, 0)
	r4, c = bits.Add64(r4, h, c)
	r5 := c
	h, l = bits.Mul64(x1, x3)
	r4, c = bits.Add64(r4, l, 0)
	r5 += h + c
	h, l = bits.Mul64(x2, x3)
	r5, c = bits.Add64(r5, l, 0)
	r6 := h + c

	r7 := r6 >> 63
	r6 = r6<<1 | r5>>63
	r5 = r5<<1 | r4>>63
	r4 = r4<<1 | r3>>63
	r3 = r3<<1 | r2>>63
	r2 = r2<<1 | r1>>63
	r1 <<= 1

	h, r0 := bits.Mul64(x0, x0)
	r1, c = bits.Add64(r1, h, 0)
	h, l = bits.Mul64(x1, x1)
	r2, c = bits.Add64(r2, l, c)
	r3, c = bits.Add64(r3, h, c)
	h, l = bits.Mul64(x2, x2)
	r4, c = bits.Add64(r4, l, c)
	r5, c = bits.Add64(r5, h, c)
	h, l = bits.Mul64(x3, x3)
	r6, c = bits.Add64(r6, l, c)
	z.reduce(r0, r1, r2, r3, r4, r5, r6, r7+h+c)
}

// reduce sets z to a number of eight words, of which the upper four are worth
// fold times as much as the lower.
func (z *field) reduce(r0, r1, r2, r3, r4, r5, r6, r7 uint64) {
	h0, l0 := bits.Mul64(r4, fold)
	h1, l1 := bits.Mul64(r5, fold)
	h2, l2 := bits.Mul64(r6, fold)
	h3, l3 := bits.Mul64(r7, fold)
	l1, c := bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	r0, c = bits.Add64(r0, l0, 0)
	r1, c = bits.Add64(r1, l1, c)
	r2, c = bits.Add64(r2, l2, c)
	r3, c = bits.Add64(r3, l3, c)
	h0, l0 = bits.Mul64(h3+c, fold)
	r0, c = bits.Add64(r0, l0, 0)
	r1, c = bits.Add64(r1, h0, c)
	r2, c = bits.Add64(r2, 0, c)
	r3, c = bits.Add64(r3, 0, c)
	// Where that overflows, what is left is below 2^68.
	r0, c = bits.Add64(r0, fold&-c, 0)
	*z = field{r0, r1 + c, r2, r3}
}

// squares sets z to x^(2^n).
func (z *field) squares(x *field, n int) {
	*z = *x
	for range n {
		z.square(z)
	}
}

// ones returns x^(2^223-1), x^(2^22-1) and x^3, of which the exponents of inverse
// and root are made: 223 ones, a zero, 22 ones, and then they differ.
func (z *field) ones() (x223, x22, x2 field) {
	var t, x3, x6, x9, x11, x44, x88, x176, x220 field
	join := func(out, x *field, n int, y *field) { t.squares(x, n); out.mul(&t, y) }
	join(&x2, z, 1, z)
	join(&x3, &x2, 1, z)
	join(&x6, &x3, 3, &x3)
	join(&x9, &x6, 3, &x3)
	join(&x11, &x9, 2, &x2)
	join(&x22, &x11, 11, &x11)
	join(&x44, &x22, 22, &x22)
	join(&x88, &x44, 44, &x44)
	join(&x176, &x88, 88, &x88)
	join(&x220, &x176, 44, &x44)
	join(&x223, &x220, 3, &x3)
	return x223, x22, x2
}

// invert sets z to x^(p-2), the inverse of x; of zero it is zero.
func (z *field) invert(x *field) {
	a, x22, x2 := x.ones()
	a.squares(&a, 23)
	a.mul(&a, &x22)
	a.squares(&a, 5)
	a.mul(&a, x)
	a.squares(&a, 3)
	a.mul(&a, &x2)
	a.squares(&a, 2)
	z.mul(&a, x)
}

// root sets z to x^((p+1)/4) and tells whether that is a square root of x.
func (z *field) root(x *field) bool {
	a, x22, x2 := x.ones()
	a.squares(&a, 23)
	a.mul(&a, &x22)
	a.squares(&a, 6)
	a.mul(&a, &x2)
	a.squares(&a, 2)
	var back field
	back.square(&a)
	ok := back.equal(x)
	*z = a
	return ok
}
