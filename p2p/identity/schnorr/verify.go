package schnorr

import (
	"crypto/sha256"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
)

// How many bits a digit has: of the generator, whose multiples are computed once,
// and of a key, whose multiples are computed for each signature.
const (
	baseWidth = 10
	keyWidth  = 5 // of keyOdds multiples, 1 to 15
)

// base are the odd multiples of the generator and of λ times it: a constant of
// 32 KiB that takes a millisecond to compute.
var base = sync.OnceValue(func() *[2][1 << (baseWidth - 2)]affine {
	var t [2][1 << (baseWidth - 2)]affine
	g := affine{
		x: field{0x59F2815B16F81798, 0x029BFCDB2DCE28D9, 0x55A06295CE870B07, 0x79BE667EF9DCBBAC},
		y: field{0x9C47D08FFB10D4B8, 0xFD17B448A6855419, 0x5DA4FBFC0E1108A8, 0x483ADA7726A3C465},
	}
	var sum, twice jacobian
	sum.set(&g)
	twice.set(&g)
	twice.double()
	step := twice.affine()
	for i := range t[0] {
		t[0][i] = sum.affine()
		t[1][i] = t[0][i].turn()
		sum.add(&step)
	}
	return &t
})

// Verify tells whether sig is the signature of digest by the key of that x, by
// BIP-340. A key that is not on the curve verifies nothing.
func Verify(key, digest *[32]byte, sig *[64]byte) bool {
	var p affine
	var r field
	var s, e btcec.ModNScalar
	if s.SetByteSlice(sig[32:]) || !r.setBytes(sig[:32]) || !p.lift(key[:]) {
		return false
	}
	hash := challenge(sig[:32], key[:], digest[:])
	e.SetBytes(&hash)
	sum := combine(&s, e.Negate(), &p)
	if sum.z.isZero() {
		return false
	}
	// x is compared before z is divided out, which takes as long as 250 squares.
	var x field
	x.square(&sum.z)
	x.mul(&x, &r)
	if !x.equal(&sum.x) {
		return false
	}
	at := sum.affine()
	return !at.y.isOdd()
}

// OnCurve tells whether there is a point of that x, 32 bytes big-endian: whether
// it is a key at all.
func OnCurve(x *[32]byte) bool {
	var p affine
	return p.lift(x[:])
}

// combine is a times the generator and b times p.
func combine(a, b *btcec.ModNScalar, p *affine) (sum jacobian) {
	mine := [2][keyOdds]affine{p.odds()}
	for i := range mine[0] {
		mine[1][i] = mine[0][i].turn()
	}
	generator := base()
	a1, a2 := split(a)
	b1, b2 := split(b)
	var d [4]digits
	count := max(d[0].spread(&a1, baseWidth), d[1].spread(&a2, baseWidth), d[2].spread(&b1, keyWidth), d[3].spread(&b2, keyWidth))
	for i := count - 1; i >= 0; i-- {
		sum.double()
		sum.addDigit(generator[0][:], d[0][i])
		sum.addDigit(generator[1][:], d[1][i])
		sum.addDigit(mine[0][:], d[2][i])
		sum.addDigit(mine[1][:], d[3][i])
	}
	return sum
}

// addDigit adds a digit's multiple out of a table of odd ones.
func (p *jacobian) addDigit(table []affine, digit int16) {
	switch {
	case digit > 0:
		p.add(&table[digit/2])
	case digit < 0:
		q := table[-digit/2]
		q.y.negate(&q.y)
		p.add(&q)
	}
}

// challenge is BIP-340's tagged hash of the nonce's x, the key and the digest.
func challenge(r, key, digest []byte) [32]byte {
	var b [5 * 32]byte
	tag := sha256.Sum256([]byte("BIP0340/challenge"))
	copy(b[:], tag[:])
	copy(b[32:], tag[:])
	copy(b[64:], r)
	copy(b[96:], key)
	copy(b[128:], digest)
	return sha256.Sum256(b[:])
}
