package contract

import (
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	ethmath "github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

// Signature is an ECDSA signature as contracts take it: r, s, v, with v 27 or 28.
type Signature [65]byte

// String returns 130 lower-case hex digits.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// ParseSignature reads what String writes and nothing else.
func ParseSignature(text string) (Signature, error) {
	var s Signature
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(s) || text != strings.ToLower(text) {
		return s, fmt.Errorf("signature %.140q: %w", text, ErrSyntax)
	}
	copy(s[:], raw)
	return s, nil
}

// Sign signs a digest.
func Sign(digest common.Hash, key *ecdsa.PrivateKey) (Signature, error) {
	raw, err := crypto.Sign(digest[:], key)
	if err != nil {
		return Signature{}, fmt.Errorf("sign: %w", err)
	}
	s := Signature(raw)
	s[64] += 27
	return s, nil
}

// Recover tells who signed a digest. It returns ErrSignature for what the
// contract refuses too: v other than 27 and 28, r or s out of range, a high s.
func Recover(digest common.Hash, s Signature) (common.Address, error) {
	r, sv := new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:64])
	if v := s[64]; v != 27 && v != 28 || !crypto.ValidateSignatureValues(v-27, r, sv, true) {
		return common.Address{}, fmt.Errorf("signature out of range: %w", ErrSignature)
	}
	raw := s
	raw[64] -= 27
	pub, err := crypto.SigToPub(digest[:], raw[:])
	if err != nil {
		return common.Address{}, fmt.Errorf("recover: %v: %w", err, ErrSignature)
	}
	return crypto.PubkeyToAddress(*pub), nil
}

// Verify returns ErrSignature unless s is by's signature of the digest.
func Verify(digest common.Hash, s Signature, by common.Address) error {
	who, err := Recover(digest, s)
	if err == nil && who != by {
		err = fmt.Errorf("signed by %s, not by %s: %w", who, by, ErrSignature)
	}
	return err
}

func typedData(name, version string, chainID uint64, address common.Address, primary string, fields []apitypes.Type, message apitypes.TypedDataMessage) apitypes.TypedData {
	return apitypes.TypedData{
		Types: apitypes.Types{
			"EIP712Domain": {
				{Name: "name", Type: "string"}, {Name: "version", Type: "string"},
				{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"},
			},
			primary: fields,
		},
		PrimaryType: primary,
		Domain: apitypes.TypedDataDomain{
			Name: name, Version: version, ChainId: (*ethmath.HexOrDecimal256)(new(big.Int).SetUint64(chainID)),
			VerifyingContract: address.Hex(),
		},
		Message: message,
	}
}
