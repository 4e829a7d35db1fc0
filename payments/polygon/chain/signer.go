package chain

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

// Signer signs with one key that holds money. *KeySigner and *Clef are the two;
// neither ever has the node's key.
type Signer interface {
	// Address is the account of the key.
	Address() common.Address
	// SignTx returns tx signed for the chain (EIP-155, EIP-1559), and nothing
	// but tx: a signer that changed a field is ErrSigner.
	SignTx(ctx context.Context, tx *types.Transaction, chainID *big.Int) (*types.Transaction, error)
	// SignTyped signs EIP-712 data: r, s, v with v 27 or 28 and s in the lower
	// half.
	SignTyped(ctx context.Context, data apitypes.TypedData) ([65]byte, error)
}

// Recover returns the account that made a signature as SignTyped gives it over
// an EIP-712 digest. High s, other v and other malformed ones are ErrSigner.
func Recover(digest common.Hash, sig [65]byte) (common.Address, error) {
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if sig[64] != 27 && sig[64] != 28 || !crypto.ValidateSignatureValues(sig[64]-27, r, s, true) {
		return common.Address{}, fmt.Errorf("%w: malformed signature", ErrSigner)
	}
	sig[64] -= 27
	pub, err := crypto.SigToPub(digest[:], sig[:])
	if err != nil {
		return common.Address{}, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return crypto.PubkeyToAddress(*pub), nil
}

// digestOf is the EIP-712 digest of data.
func digestOf(data apitypes.TypedData) (common.Hash, error) {
	digest, _, err := apitypes.TypedDataAndHash(data)
	if err != nil {
		return common.Hash{}, fmt.Errorf("%w: %w", ErrOp, err)
	}
	return common.BytesToHash(digest), nil
}

// checkTyped holds a signer to what it was given.
func checkTyped(digest common.Hash, sig []byte, by common.Address) (out [65]byte, err error) {
	if len(sig) != len(out) {
		return out, fmt.Errorf("%w: signature of %d bytes", ErrSigner, len(sig))
	}
	copy(out[:], sig)
	if out[64] < 2 {
		out[64] += 27
	}
	who, err := Recover(digest, out)
	if err != nil {
		return [65]byte{}, err
	}
	if who != by {
		return [65]byte{}, fmt.Errorf("%w: signed by %s, not by %s", ErrSigner, who, by)
	}
	return out, nil
}

// checkTx tells whether signed is asked with a signature of by, and only that.
func checkTx(asked, signed *types.Transaction, chainID *big.Int, by common.Address) error {
	if signed == nil {
		return fmt.Errorf("%w: no transaction came back", ErrSigner)
	}
	rules := types.LatestSignerForChainID(chainID)
	if rules.Hash(asked) != rules.Hash(signed) {
		return fmt.Errorf("%w: it changed the transaction", ErrSigner)
	}
	who, err := types.Sender(rules, signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if who != by {
		return fmt.Errorf("%w: signed by %s, not by %s", ErrSigner, who, by)
	}
	return nil
}
