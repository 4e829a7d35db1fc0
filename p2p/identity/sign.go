package identity

import (
	"crypto/rand"
	"crypto/sha256"

	"github.com/btcsuite/btcd/btcec/v2"
)

// Sign returns a BIP-340 signature of a 32-byte digest, another one each time:
// the nonce is derived with fresh randomness, so that a fault of the machine in
// one signature tells nothing together with any other, and verifying each before
// it leaves, which takes three times as long as signing, can be left out. Nor
// does it meet the nonces of the ECDSA signatures libp2p makes with this key.
// The error is always nil.
func (k *Key) Sign(digest [32]byte) ([64]byte, error) {
	for {
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // it never fails
		if sig, ok := k.sign(digest, fresh); ok {
			return sig, nil
		}
	}
}

// sign is BIP-340's signing with auxiliary randomness. The library's own computes
// the public key for each signature, which is half of its work: here it is that of
// the Key, which was computed of this secret when the Key was made, with even Y.
// It is false of a nonce of zero, which nobody ever sees.
func (k *Key) sign(digest, fresh [32]byte) (sig [64]byte, ok bool) {
	d := k.secret.Key
	masked := d.Bytes()
	for i, b := range tagged("BIP0340/aux", fresh[:]) {
		masked[i] ^= b
	}
	drawn := tagged("BIP0340/nonce", masked[:], k.pub[:], digest[:])
	var nonce, e, s btcec.ModNScalar
	nonce.SetBytes(&drawn)
	if nonce.IsZero() {
		return sig, false
	}
	var r btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&nonce, &r)
	r.ToAffine()
	if r.Y.IsOdd() {
		nonce.Negate()
	}
	r.X.PutBytesUnchecked(sig[:32])
	hash := tagged("BIP0340/challenge", sig[:32], k.pub[:], digest[:])
	e.SetBytes(&hash)
	s.Mul2(&e, &d).Add(&nonce)
	s.PutBytesUnchecked(sig[32:])
	nonce.Zero()
	d.Zero()
	return sig, true
}

// tagged is BIP-340's hash of a message for one purpose.
func tagged(tag string, parts ...[]byte) (out [32]byte) {
	t := sha256.Sum256([]byte(tag))
	h := sha256.New()
	h.Write(t[:])
	h.Write(t[:])
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}
