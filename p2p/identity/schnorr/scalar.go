package schnorr

import (
	"encoding/binary"
	"math/bits"

	"github.com/btcsuite/btcd/btcec/v2"
)

// words are a number of 256 bits, the lowest word first.
type words [4]uint64

func wordsOf(s *btcec.ModNScalar) (w words) {
	b := s.Bytes()
	for i := range w {
		w[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return w
}

func (w words) scalar() *btcec.ModNScalar {
	var b [32]byte
	for i := range w {
		binary.BigEndian.PutUint64(b[24-8*i:], w[i])
	}
	var s btcec.ModNScalar
	s.SetBytes(&b)
	return &s
}

// split writes k as a + b·λ modulo the group's order, with a and b of 128 bits
// and a sign each: Gallant, Lambert, Vanstone, "Faster point multiplication on
// elliptic curves with efficient endomorphisms" (CRYPTO 2001); the constants are
// those of libsecp256k1, whose authors show the bound.
func split(k *btcec.ModNScalar) (a, b btcec.ModNScalar) {
	w := wordsOf(k)
	c1 := w.high(&words{0xE893209A45DBB031, 0x3DAA8A1471E8CA7F, 0xE86C90E49284EB15, 0x3086D221A7D46BCD}).scalar()
	c2 := w.high(&words{0x1571B4AE8AC47F71, 0x221208AC9DF506C6, 0x6F547FA90ABFE4C4, 0xE4437ED6010E8828}).scalar()
	c1.Mul(words{0x6F547FA90ABFE4C3, 0xE4437ED6010E8828}.scalar())
	c2.Mul(words{0xD765CDA83DB1562C, 0x8A280AC50774346D, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF}.scalar())
	b.Add2(c1, c2)
	a.Mul2(&b, words{0xDF02967C1B23BD72, 0x122E22EA20816678, 0xA5261C028812645A, 0x5363AD4CC05C30E0}.scalar())
	a.Negate().Add(k)
	return a, b
}

// high is w times y over 2^384, rounded.
func (w *words) high(y *words) (out words) {
	var r [8]uint64
	for i, x := range w {
		carry := uint64(0)
		for n, v := range y {
			h, l := bits.Mul64(x, v)
			var c uint64
			l, c = bits.Add64(l, carry, 0)
			h += c
			r[i+n], c = bits.Add64(r[i+n], l, 0)
			carry = h + c
		}
		r[i+4] = carry
	}
	var c uint64
	out[0], c = bits.Add64(r[6], r[5]>>63, 0)
	out[1] = r[7] + c
	return out
}

// maxDigits is above how many digits the halves of a split number have.
const maxDigits = 132

// digits are a number as a sum of ±odd multiples of powers of two, below
// 2^(width-1) each, with at least width-1 zeros behind each: its wNAF, lowest
// digit first.
type digits [maxDigits]int16

// spread writes k, or where that is less its negative, as digits, and returns how
// many there are.
func (d *digits) spread(k *btcec.ModNScalar, width uint) (count int) {
	v, sign := *k, int16(1)
	if v.IsOverHalfOrder() {
		v.Negate()
		sign = -1
	}
	w := wordsOf(&v)
	carry := uint64(0)
	for at := uint(0); at < maxDigits; {
		word := w[at/64] >> (at % 64)
		if at%64 != 0 && at/64 < 3 {
			word |= w[at/64+1] << (64 - at%64)
		}
		if word&1 == carry {
			at++
			continue
		}
		n := min(width, maxDigits-at)
		word = word&(1<<n-1) + carry
		carry = word >> (width - 1) & 1
		d[at] = sign * int16(int64(word)-int64(carry<<width))
		count = int(at) + 1
		at += n
	}
	return count
}
