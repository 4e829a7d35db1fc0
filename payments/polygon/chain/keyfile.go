package chain

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/p2p/identity"
)

const (
	// maxKeyFile bounds what is read: a keystore has about 500 bytes.
	maxKeyFile = 16 << 10
	// maxScrypt bounds what a keystore may make us spend, N times r: geth
	// writes 2^21 (256 MiB).
	maxScrypt = 1 << 23
)

// KeySigner signs with a key held in memory. It never prints it.
type KeySigner struct {
	key  *ecdsa.PrivateKey
	addr common.Address
}

var _ Signer = (*KeySigner)(nil)

// NewKeySigner signs with a secret of 32 bytes; others are ErrKeyFile.
func NewKeySigner(secret []byte) (*KeySigner, error) {
	key, err := crypto.ToECDSA(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: no secret of secp256k1", ErrKeyFile) // err could hold some of it
	}
	return &KeySigner{key: key, addr: crypto.PubkeyToAddress(key.PublicKey)}, nil
}

// OpenKey reads a key file: 64 hex digits, or a Web3 keystore of version 3,
// for which passphrase is called (nil: ErrPassphrase). A file in which group or
// others have any right is ErrReadableByOthers; a key that is one of notThese
// (the node's) is ErrNodeKey.
func OpenKey(path string, passphrase func() (string, error), notThese ...identity.PubKey) (*KeySigner, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	secret, err := decodeKey(bytes.TrimSpace(text), passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	k, err := NewKeySigner(secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if slices.ContainsFunc(notThese, k.Is) {
		return nil, fmt.Errorf("%s: %w", path, ErrNodeKey)
	}
	return k, nil
}

// CreateKey draws a key and writes it as hex to a new file of mode 0600. An
// existing file is never replaced: that is os.ErrExist.
func CreateKey(path string) (*KeySigner, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(crypto.FromECDSA(key)) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path)) // half a key is none
	}
	return &KeySigner{key: key, addr: crypto.PubkeyToAddress(key.PublicKey)}, nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The open file is asked, not the path, so that no swap comes between.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file", ErrKeyFile, path)
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(b) > maxKeyFile {
		err = fmt.Errorf("%w: %s is too long", ErrKeyFile, path)
	}
	return b, err
}

func decodeKey(text []byte, passphrase func() (string, error)) ([]byte, error) {
	if len(text) > 0 && text[0] == '{' {
		return decodeKeystore(text, passphrase)
	}
	secret, err := hex.DecodeString(string(bytes.TrimPrefix(text, []byte("0x"))))
	if err != nil || len(secret) != 32 {
		return nil, fmt.Errorf("%w: neither 64 hex digits nor a keystore", ErrKeyFile)
	}
	return secret, nil
}

func decodeKeystore(text []byte, passphrase func() (string, error)) ([]byte, error) {
	var head struct {
		Version int `json:"version"`
		Crypto  struct {
			Params struct{ N, R, C int64 } `json:"kdfparams"`
		} `json:"crypto"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Version != 3 {
		return nil, fmt.Errorf("%w: not a keystore of version 3", ErrKeyFile)
	}
	if p := head.Crypto.Params; p.N < 0 || p.N > maxScrypt || p.R < 0 || p.R > 64 || p.N*p.R > maxScrypt || p.C > maxScrypt {
		return nil, fmt.Errorf("%w: its key derivation costs too much", ErrKeyFile)
	}
	if passphrase == nil {
		return nil, fmt.Errorf("%w: the keystore is encrypted", ErrPassphrase)
	}
	pass, err := passphrase()
	if err != nil {
		return nil, err
	}
	key, err := keystore.DecryptKey(text, pass)
	switch {
	case errors.Is(err, keystore.ErrDecrypt):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	return crypto.FromECDSA(key.PrivateKey), nil
}

// Is tells whether the key is that of a node (BIP-340: the same x).
func (k *KeySigner) Is(node identity.PubKey) bool {
	return bytes.Equal(crypto.CompressPubkey(&k.key.PublicKey)[1:], node[:])
}

// Address implements Signer.
func (k *KeySigner) Address() common.Address { return k.addr }

// SignTx implements Signer.
func (k *KeySigner) SignTx(_ context.Context, tx *types.Transaction, chainID *big.Int) (*types.Transaction, error) {
	signed, err := types.SignTx(tx, types.LatestSignerForChainID(chainID), k.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return signed, nil
}

// SignTyped implements Signer.
func (k *KeySigner) SignTyped(_ context.Context, data apitypes.TypedData) ([65]byte, error) {
	digest, err := digestOf(data)
	if err != nil {
		return [65]byte{}, err
	}
	return k.SignDigest(digest)
}

// SignDigest signs a digest that the caller made of EIP-712 data itself, which
// is what costs most of SignTyped.
func (k *KeySigner) SignDigest(digest common.Hash) (out [65]byte, err error) {
	sig, err := crypto.Sign(digest[:], k.key)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	copy(out[:], sig)
	out[64] += 27
	return out, nil
}

// Format prints the address, whatever the verb.
func (k KeySigner) Format(f fmt.State, _ rune) { io.WriteString(f, k.addr.Hex()) }
