package lntest

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Bolt11 is what an invoice of the fake says.
type Bolt11 struct {
	Network         string
	Hash            ln.Hash
	AmountMsat      uint64 // 0: none is named
	DescriptionHash ln.Hash
	CreatedAt       time.Time
	Expiry          time.Duration
	CLTVExpiry      uint32
	Secret          [32]byte
}

var prefixes = map[string]string{"mainnet": "bc", "testnet": "tb", "signet": "tbs", "regtest": "bcrt", "simnet": "sb"}

// Encode writes and signs an invoice (BOLT 11).
func Encode(key *btcec.PrivateKey, b Bolt11) (string, error) {
	prefix, ok := prefixes[b.Network]
	if !ok {
		return "", fmt.Errorf("lntest: unknown network %q", b.Network)
	}
	hrp := "ln" + prefix
	if b.AmountMsat > 0 {
		hrp += fmt.Sprintf("%d0p", b.AmountMsat)
	}
	data := groups(uint64(b.CreatedAt.Unix()), 7)
	data = append(data, field('p', regroup(b.Hash[:]))...)
	data = append(data, field('h', regroup(b.DescriptionHash[:]))...)
	data = append(data, field('x', trimmed(uint64(b.Expiry/time.Second)))...)
	data = append(data, field('c', trimmed(uint64(b.CLTVExpiry)))...)
	data = append(data, field('s', regroup(b.Secret[:]))...)
	data = append(data, field('9', trimmed(1<<9|1<<14))...) // onion TLV offered, payment secret required
	body, err := bech32.ConvertBits(data, 5, 8, true)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(append([]byte(hrp), body...))
	compact := ecdsa.SignCompact(key, digest[:], true)
	data = append(data, regroup(append(compact[1:], compact[0]-31))...)
	return bech32.Encode(hrp, data)
}

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

func field(letter byte, data []byte) []byte {
	var kind byte
	for i := range alphabet {
		if alphabet[i] == letter {
			kind = byte(i)
		}
	}
	return append(append([]byte{kind}, groups(uint64(len(data)), 2)...), data...)
}

// groups writes n in so many groups of five bits.
func groups(n uint64, count int) []byte {
	out := make([]byte, count)
	for i := range out {
		out[count-1-i] = byte(n >> (5 * i) & 31)
	}
	return out
}

// trimmed writes n in as few groups as it takes.
func trimmed(n uint64) []byte { return groups(n, (bits.Len64(n)+4)/5) }

func regroup(b []byte) []byte {
	out, _ := bech32.ConvertBits(b, 8, 5, true) // fails for other widths only
	return out
}
