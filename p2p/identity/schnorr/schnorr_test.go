package schnorr

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"
)

// byLibrary is what the library says, of a key as bytes.
func byLibrary(key, digest *[32]byte, sig *[64]byte) bool {
	p, err := schnorr.ParsePubKey(key[:])
	if err != nil {
		return false
	}
	s, err := schnorr.ParseSignature(sig[:])
	return err == nil && s.Verify(digest[:], p)
}

// TestVectors are BIP-340's own, right ones and wrong ones, of a digest of 32 bytes.
func TestVectors(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/bip340.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		var raw [3][]byte
		for i := range raw {
			if raw[i], err = hex.DecodeString(w[i]); err != nil {
				t.Fatal(err)
			}
		}
		key, digest, sig := [32]byte(raw[0]), [32]byte(raw[1]), [64]byte(raw[2])
		if got, want := Verify(&key, &digest, &sig), w[3] == "TRUE"; got != want {
			t.Errorf("%s: %v, want %v", w[0], got, want)
		}
		n++
	}
	if n != 15 {
		t.Errorf("%d vectors", n)
	}
}

// word draws 32 bytes, often at an edge of the field, the group or a word.
func word(t *rapid.T, name string) (b [32]byte) {
	edge := []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000001",
		"00000000000000000000000000000000ffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000100000000000000000000000000000000",
		"7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72",
		"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	}
	if rapid.IntRange(0, 3).Draw(t, name+" kind") == 0 {
		raw, _ := hex.DecodeString(rapid.SampledFrom(edge).Draw(t, name))
		return [32]byte(raw)
	}
	b = [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
	if rapid.IntRange(0, 4).Draw(t, name+" sparse") == 0 {
		clear(b[:rapid.IntRange(0, 31).Draw(t, name+" zeros")])
	}
	return b
}

// TestAsTheLibrary: right signatures, and ones of which something was changed.
func TestAsTheLibrary(t *testing.T) {
	t.Parallel()
	right := 0
	rapid.Check(t, func(t *rapid.T) {
		secret, digest := word(t, "secret"), word(t, "digest")
		var d btcec.ModNScalar
		if d.SetBytes(&secret) != 0 || d.IsZero() {
			t.Skip()
		}
		priv := btcec.PrivKeyFromScalar(&d)
		signed, err := schnorr.Sign(priv, digest[:], schnorr.CustomNonce(word(t, "nonce")))
		if err != nil {
			t.Fatal(err)
		}
		sig, key := [64]byte(signed.Serialize()), [32]byte(schnorr.SerializePubKey(priv.PubKey()))
		if !Verify(&key, &digest, &sig) {
			t.Fatalf("%x does not sign %x by %x", sig, digest, key)
		}
		right++
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			sig[rapid.IntRange(0, 63).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 1:
			digest[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 2:
			key[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 3: // the negative of s, and so another R
			var s btcec.ModNScalar
			s.SetByteSlice(sig[32:])
			s.Negate().PutBytesUnchecked(sig[32:])
		case 4:
			w := word(t, "half")
			copy(sig[32*rapid.IntRange(0, 1).Draw(t, "which"):], w[:])
		}
		if got, want := Verify(&key, &digest, &sig), byLibrary(&key, &digest, &sig); got != want {
			t.Fatalf("key %x digest %x sig %x: %v, the library %v", key, digest, sig, got, want)
		}
	})
	if right == 0 {
		t.Error("nothing was signed")
	}
}

// TestCombine holds a·G + b·P to the library's, with scalars and points that meet:
// P that is the generator, its negative, a small multiple, or any.
func TestCombine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scalar := func(name string) *btcec.ModNScalar {
			w := word(t, name)
			var s btcec.ModNScalar
			s.SetBytes(&w)
			if rapid.IntRange(0, 2).Draw(t, name+" small") == 0 {
				s.SetInt(uint32(rapid.IntRange(0, 40).Draw(t, name+" small value")))
			}
			if rapid.Bool().Draw(t, name+" negative") {
				s.Negate()
			}
			return &s
		}
		a, b, k := scalar("a"), scalar("b"), scalar("k")
		if k.IsZero() {
			t.Skip()
		}
		var p, one, two, want btcec.JacobianPoint
		btcec.ScalarBaseMultNonConst(k, &p)
		p.ToAffine()
		btcec.ScalarBaseMultNonConst(a, &one)
		btcec.ScalarMultNonConst(b, &p, &two)
		btcec.AddNonConst(&one, &two, &want)
		want.ToAffine()
		var at affine
		at.x.setBytes(p.X.Bytes()[:])
		at.y.setBytes(p.Y.Bytes()[:])
		got := combine(a, b, &at)
		infinite := want.X.IsZero() && want.Y.IsZero()
		if got.z.isZero() || infinite {
			if got.z.isZero() != infinite {
				t.Fatalf("infinity: %v, the library %v", got.z.isZero(), infinite)
			}
			return
		}
		sum := got.affine()
		var x, y field
		x.setBytes(want.X.Bytes()[:])
		y.setBytes(want.Y.Bytes()[:])
		if !sum.x.equal(&x) || !sum.y.equal(&y) {
			t.Fatalf("%x, the library %x", sum, [2]field{x, y})
		}
	})
}

// TestOnCurve: what is a key is one to the library too.
func TestOnCurve(t *testing.T) {
	t.Parallel()
	both := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		x := word(t, "x")
		_, err := schnorr.ParsePubKey(x[:])
		if got := OnCurve(&x); got != (err == nil) {
			t.Fatalf("%x: %v, the library %v", x, got, err)
		}
		both[err == nil]++
	})
	if both[true] == 0 || both[false] == 0 {
		t.Error(both)
	}
}

func FuzzVerify(f *testing.F) {
	priv, _ := btcec.PrivKeyFromBytes([]byte{7})
	var digest [32]byte
	signed, err := schnorr.Sign(priv, digest[:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(schnorr.SerializePubKey(priv.PubKey()), digest[:], signed.Serialize())
	f.Fuzz(func(t *testing.T, key, digest, sig []byte) {
		if len(key) != 32 || len(digest) != 32 || len(sig) != 64 {
			return
		}
		k, d, s := [32]byte(key), [32]byte(digest), [64]byte(sig)
		if got, want := Verify(&k, &d, &s), byLibrary(&k, &d, &s); got != want {
			t.Fatalf("%v, the library %v", got, want)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	priv, _ := btcec.PrivKeyFromBytes([]byte{7})
	var digest [32]byte
	signed, err := schnorr.Sign(priv, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	sig, key := [64]byte(signed.Serialize()), [32]byte(schnorr.SerializePubKey(priv.PubKey()))
	for name, verify := range map[string]func(key, digest *[32]byte, sig *[64]byte) bool{"ours": Verify, "library": byLibrary} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verify(&key, &digest, &sig) {
					b.Fatal("not verified")
				}
			}
		})
	}
}
