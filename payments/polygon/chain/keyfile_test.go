package chain_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/polygon/chain"
)

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// keystoreText is the secret as geth keeps it, cheaply.
func keystoreText(t *testing.T, secret []byte, pass string) string {
	t.Helper()
	key, err := crypto.ToECDSA(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keystore.EncryptKey(&keystore.Key{Id: [16]byte{1}, Address: crypto.PubkeyToAddress(key.PublicKey), PrivateKey: key}, pass, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOpenKey(t *testing.T) {
	t.Parallel()
	text := hex.EncodeToString(secret(0))
	want := signer(t, 0).Address()
	sealed := keystoreText(t, secret(0), "open")
	pass := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	for name, path := range map[string]string{
		"hex": write(t, text+"\n", 0o600), "0x": write(t, "0x"+text, 0o400), "keystore": write(t, sealed, 0o600),
	} {
		k, err := chain.OpenKey(path, pass("open"))
		if err != nil || k.Address() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		path string
		pass func() (string, error)
		want error
	}{
		"no file":       {filepath.Join(t.TempDir(), "none"), nil, os.ErrNotExist},
		"folder":        {t.TempDir(), nil, chain.ErrKeyFile},
		"short":         {write(t, text[2:], 0o600), nil, chain.ErrKeyFile},
		"zero":          {write(t, strings.Repeat("0", 64), 0o600), nil, chain.ErrKeyFile},
		"over order":    {write(t, strings.Repeat("f", 64), 0o600), nil, chain.ErrKeyFile},
		"prose":         {write(t, "my key", 0o600), nil, chain.ErrKeyFile},
		"long":          {write(t, strings.Repeat("ab", 20_000), 0o600), nil, chain.ErrKeyFile},
		"no passphrase": {write(t, sealed, 0o600), nil, chain.ErrPassphrase},
		"wrong one":     {write(t, sealed, 0o600), pass("shut"), chain.ErrPassphrase},
		"version":       {write(t, strings.Replace(sealed, `"version":3`, `"version":4`, 1), 0o600), pass("open"), chain.ErrKeyFile},
		"costly":        {write(t, strings.Replace(sealed, `"n":2`, `"n":1073741824`, 1), 0o600), pass("open"), chain.ErrKeyFile},
	} {
		if _, err := chain.OpenKey(test.path, test.pass); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), text[:8]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
			if _, err := chain.OpenKey(write(t, text, mode), nil); !errors.Is(err, chain.ErrReadableByOthers) {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	}
}

// A node's key holds no money, whichever way its y goes.
func TestNodeKey(t *testing.T) {
	t.Parallel()
	other, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(4) {
		node, err := identity.FromSecret([32]byte(secret(i)))
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, hex.EncodeToString(secret(i)), 0o600)
		if _, err := chain.OpenKey(path, nil, other.PubKey(), node.PubKey()); !errors.Is(err, chain.ErrNodeKey) {
			t.Error(err)
		}
		if _, err := chain.OpenKey(path, nil, other.PubKey()); err != nil {
			t.Error(err)
		}
	}
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "money")
	k, err := chain.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := chain.OpenKey(path, nil)
	if err != nil || again.Address() != k.Address() {
		t.Error(err)
	}
	if _, err := chain.CreateKey(path); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %x", k, *k, k, k)} {
		if strings.Contains(text, string(raw[:8])) {
			t.Errorf("printed: %s", text)
		}
	}
}

// typed is a document as the rail signs them.
func typed(cumulative int64) apitypes.TypedData {
	return apitypes.TypedData{
		Types: apitypes.Types{
			"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
			"Voucher":      {{Name: "channelId", Type: "bytes32"}, {Name: "cumulative", Type: "uint128"}, {Name: "receiptRoot", Type: "bytes32"}},
		},
		PrimaryType: "Voucher",
		Domain: apitypes.TypedDataDomain{
			Name: "Infernet Channels", Version: "1", ChainId: (*math.HexOrDecimal256)(big.NewInt(1337)), VerifyingContract: counter.Hex(),
		},
		Message: apitypes.TypedDataMessage{
			"channelId": common.Hash{1}.Hex(), "cumulative": big.NewInt(cumulative).String(), "receiptRoot": common.Hash{2}.Hex(),
		},
	}
}

func TestSignTyped(t *testing.T) {
	t.Parallel()
	k := signer(t, 0)
	data := typed(5)
	sig, err := k.SignTyped(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := apitypes.TypedDataAndHash(data)
	if err != nil {
		t.Fatal(err)
	}
	digest := common.BytesToHash(raw)
	if who, err := chain.Recover(digest, sig); err != nil || who != k.Address() {
		t.Error(who, err)
	}
	// The other half of s, another v, another digest.
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	high := sig
	new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:64])).FillBytes(high[32:64])
	high[64] ^= 27 ^ 28
	odd := sig
	odd[64] = 29
	for name, bad := range map[string][65]byte{"high s": high, "v": odd, "zero": {64: 27}} {
		if who, err := chain.Recover(digest, bad); !errors.Is(err, chain.ErrSigner) {
			t.Errorf("%s: %s, %v", name, who, err)
		}
	}
	if who, err := chain.Recover(common.Hash{1}, sig); err == nil && who == k.Address() {
		t.Error("signs everything")
	}
	if _, err := k.SignTyped(t.Context(), apitypes.TypedData{PrimaryType: "None"}); !errors.Is(err, chain.ErrOp) {
		t.Error(err)
	}
}

// transfer is a transaction to be signed.
func transfer(to common.Address, value int64, data []byte) *types.Transaction {
	return types.NewTx(&types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: 3, To: &to, Value: big.NewInt(value), Gas: 100_000, Data: data,
		GasTipCap: big.NewInt(2e9), GasFeeCap: big.NewInt(5e9),
	})
}

func TestSignTx(t *testing.T) {
	t.Parallel()
	k := signer(t, 0)
	tx, err := k.SignTx(context.Background(), transfer(counter, 1, []byte{1}), big.NewInt(1337))
	if err != nil {
		t.Fatal(err)
	}
	who, err := types.Sender(types.LatestSignerForChainID(big.NewInt(1337)), tx)
	if err != nil || who != k.Address() || !bytes.Equal(tx.Data(), []byte{1}) {
		t.Error(who, err)
	}
	if _, err := k.SignTx(context.Background(), transfer(counter, 1, nil), big.NewInt(137)); !errors.Is(err, chain.ErrSigner) {
		t.Errorf("signed for another chain: %v", err)
	}
}
