package identity

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"
)

// TestSignVectors are BIP-340's test vectors 0 to 3 for signing: secret, auxiliary
// randomness, digest, signature.
func TestSignVectors(t *testing.T) {
	t.Parallel()
	for i, v := range [][4]string{
		{"0000000000000000000000000000000000000000000000000000000000000003",
			"0000000000000000000000000000000000000000000000000000000000000000",
			"0000000000000000000000000000000000000000000000000000000000000000",
			"E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA821525F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0"},
		{"B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFEF",
			"0000000000000000000000000000000000000000000000000000000000000001",
			"243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
			"6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE33418906D11AC976ABCCB20B091292BFF4EA897EFCB639EA871CFA95F6DE339E4B0A"},
		{"C90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B14E5C9",
			"C87AA53824B4D7AE2EB035A2B5BBBCCC080E76CDC6D1692C4B0B62D798E6D906",
			"7E2D58D8B3BCDF1ABADEC7829054F90DDA9805AAB56C77333024B9D0A508B75C",
			"5831AAEED7B44BB74E5EAB94BA9D4294C49BCF2A60728D8B4C200F50DD313C1BAB745879A5AD954A72C45A91C3A51D3C7ADEA98D82F8481E0E1E03674A6F3FB7"},
		{"0B432B2677937381AEF05BB02A66ECD012773062CF3FA2549E44F58ED2401710",
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
			"7EB0509757E246F19449885651611CB965ECC1A187DD51B64FDA1EDC9637D5EC97582B9CB13DB3933705B32BA982AF5AF25FD78881EBB32771FC5922EFC66EA3"},
	} {
		var raw [4][]byte
		for n, s := range v {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			raw[n] = b
		}
		k, err := FromSecret([32]byte(raw[0]))
		if err != nil {
			t.Fatal(err)
		}
		if sig, ok := k.sign([32]byte(raw[2]), [32]byte(raw[1])); !ok || !bytes.Equal(sig[:], raw[3]) {
			t.Errorf("vector %d: %x", i, sig)
		}
	}
}

// TestSignsAsTheLibrary holds signatures to those of the library's own signing.
func TestSignsAsTheLibrary(t *testing.T) {
	t.Parallel()
	word := rapid.SliceOfN(rapid.Byte(), 32, 32)
	rapid.Check(t, func(t *rapid.T) {
		secret, digest, fresh := [32]byte(word.Draw(t, "secret")), [32]byte(word.Draw(t, "digest")), [32]byte(word.Draw(t, "fresh"))
		k, err := FromSecret(secret)
		if err != nil {
			t.Skip()
		}
		priv, _ := btcec.PrivKeyFromBytes(secret[:])
		want, err := schnorr.Sign(priv, digest[:], schnorr.CustomNonce(fresh))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := k.sign(digest, fresh)
		if !ok || !bytes.Equal(got[:], want.Serialize()) || !Verify(k.PubKey(), digest, got) {
			t.Fatalf("%x, the library %x", got, want.Serialize())
		}
	})
}
