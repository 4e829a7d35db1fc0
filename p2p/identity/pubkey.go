package identity

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/bech32"
)

// PubKey is an x-only secp256k1 public key (BIP-340), 32 bytes big-endian. It
// is comparable. The zero value is no key; see IsZero. Only values from
// ParsePubKey, FromPeerID and Key are known to be points of the curve.
type PubKey [32]byte

// String returns the key as npub1… (NIP-19).
func (p PubKey) String() string { return encodeBech32("npub", p[:]) }

// Hex returns the key as 64 lower-case hex digits, as NIP-01 events carry it.
func (p PubKey) Hex() string { return hex.EncodeToString(p[:]) }

// Short returns the ends of the npub, such as npub1abcd…wxyz. It is for people
// to tell peers apart on a screen; programs must not compare it.
func (p PubKey) Short() string {
	s := p.String()
	return s[:9] + "…" + s[len(s)-4:]
}

// IsZero reports whether p is the zero value, which is no key.
func (p PubKey) IsZero() bool { return p == PubKey{} }

// MarshalText returns the npub, or nothing for the zero value.
func (p PubKey) MarshalText() ([]byte, error) {
	if p.IsZero() {
		return []byte{}, nil
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what ParsePubKey reads; empty text gives the zero value.
func (p *PubKey) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = PubKey{}
		return nil
	}
	v, err := ParsePubKey(string(text))
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// ParsePubKey reads npub1… text or 64 lower-case hex digits. The result is a
// point of the curve; everything else is ErrBadPubKey.
func ParsePubKey(s string) (PubKey, error) {
	const size = len(PubKey{})
	if len(s) == 2*size && !strings.HasPrefix(s, "npub1") {
		return parseHex(s)
	}
	if strings.Contains(s, "..") || strings.Contains(s, "…") {
		return PubKey{}, fmt.Errorf("%w: it is shortened", ErrBadPubKey)
	}
	raw, err := decodeBech32("npub", s, size)
	if errors.As(err, new(bech32.ErrInvalidChecksum)) {
		return PubKey{}, fmt.Errorf("%w: it is mistyped, or not all of it", ErrBadPubKey)
	}
	if err != nil {
		return PubKey{}, fmt.Errorf("%w: %w", ErrBadPubKey, err)
	}
	return onCurve(PubKey(raw))
}

func parseHex(s string) (PubKey, error) {
	var p PubKey
	if _, err := hex.Decode(p[:], []byte(s)); err != nil {
		return PubKey{}, fmt.Errorf("%w: %w", ErrBadPubKey, err)
	}
	if p.Hex() != s {
		return PubKey{}, fmt.Errorf("%w: hex must be lower case", ErrBadPubKey)
	}
	return onCurve(p)
}

// onCurve is also what refuses the zero key: x = 0 has no y.
func onCurve(p PubKey) (PubKey, error) {
	if _, err := schnorr.ParsePubKey(p[:]); err != nil {
		return PubKey{}, fmt.Errorf("%w: not a point of the curve", ErrBadPubKey)
	}
	return p, nil
}

// encodeBech32 cannot fail: the prefixes are ours and the bytes fit.
func encodeBech32(prefix string, data []byte) string {
	bits, err := bech32.ConvertBits(data, 8, 5, true)
	if err != nil {
		panic(err)
	}
	s, err := bech32.Encode(prefix, bits)
	if err != nil {
		panic(err)
	}
	return s
}

// maxBech32 is above the longest text read here, an ncryptsec of 162 letters.
const maxBech32 = 200

// decodeBech32 returns exactly n bytes, and only from the text that
// encodeBech32 would have written: bech32m, upper case and set padding bits
// are other spellings of the same bytes, and a name must have one spelling.
func decodeBech32(prefix, s string, n int) ([]byte, error) {
	if len(s) > maxBech32 {
		return nil, fmt.Errorf("%d letters are too many", len(s))
	}
	hrp, bits, err := bech32.DecodeNoLimit(s)
	if err != nil {
		return nil, err
	}
	if hrp != prefix {
		return nil, fmt.Errorf("prefix is %.16q, want %q", hrp, prefix)
	}
	raw, err := bech32.ConvertBits(bits, 5, 8, false)
	if err != nil {
		return nil, err
	}
	if len(raw) != n {
		return nil, fmt.Errorf("%d bytes, want %d", len(raw), n)
	}
	if encodeBech32(prefix, raw) != s {
		return nil, fmt.Errorf("not in canonical form")
	}
	return raw, nil
}
