package contract_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// TestArtifacts holds that what is committed was compiled from the source that
// is committed.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../chaintest/tokens/artifacts/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("artifacts: %v, %v", files, err)
	}
	for _, file := range append(files, "artifacts/InfernetChannels.json") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var artifact struct{ Sources map[string]string }
		if err := json.Unmarshal(raw, &artifact); err != nil || len(artifact.Sources) < 3 {
			t.Fatalf("%s: %d sources, %v", file, len(artifact.Sources), err)
		}
		for name, want := range artifact.Sources {
			source, err := os.ReadFile(filepath.Join("solidity", name))
			if err != nil {
				t.Fatal(err)
			}
			if got := sha256.Sum256(source); hex.EncodeToString(got[:]) != want {
				t.Errorf("%s is not of this %s: make contracts", file, name)
			}
		}
	}
}

func interfaceOf(t *testing.T) abi.ABI {
	t.Helper()
	raw, err := contract.ABI()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := abi.JSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestCalls holds the encoding here against go-ethereum's own, by the compiled
// interface.
func TestCalls(t *testing.T) {
	t.Parallel()
	parsed := interfaceOf(t)
	cfg := contract.Config{Payer: evm.Address(0), Signer: evm.Address(1), Payee: evm.Address(2), Delay: contract.MaxDelay, Salt: 1<<64 - 1}
	type config struct {
		Payer, Signer, Payee common.Address
		WithdrawDelay        *big.Int
		Salt                 uint64
	}
	c := config{cfg.Payer, cfg.Signer, cfg.Payee, new(big.Int).SetUint64(cfg.Delay), cfg.Salt}
	amount, big1 := uint64(1<<62), new(big.Int).SetUint64(1<<62)
	sig := contract.Signature(bytes.Repeat([]byte{0x5a}, 65))
	sig[64] = 28
	auth := contract.Authorization{ValidAfter: 3, ValidBefore: 1<<40 + 5, Salt: [32]byte{1, 2}, Signature: sig}
	a := struct {
		ValidAfter, ValidBefore *big.Int
		Salt                    [32]byte
		V                       uint8
		R, S                    [32]byte
	}{big.NewInt(3), big.NewInt(1<<40 + 5), auth.Salt, 28, [32]byte(sig[:32]), [32]byte(sig[32:64])}
	id := contract.ChannelID{9, 8}
	v := contract.Voucher{Cumulative: amount, Root: [32]byte{7}, Signature: sig}
	row := contract.Redemption{Config: cfg, Voucher: v}
	packed := bytes.Join([][]byte{
		cfg.Payer[:], cfg.Signer[:], c.WithdrawDelay.FillBytes(make([]byte, 5)), bytes.Repeat([]byte{255}, 8),
		big1.FillBytes(make([]byte, 12)), v.Root[:], sig[:],
	}, nil)

	do := func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, c := range map[string]struct {
		got  []byte
		args []any
	}{
		"open":                   {do(contract.Open(cfg, amount)), []any{c, big1}},
		"openWithAuthorization":  {do(contract.OpenWithAuthorization(cfg, amount, auth)), []any{c, big1, a}},
		"topUp":                  {do(contract.TopUp(id, amount)), []any{id, big1}},
		"topUpWithAuthorization": {do(contract.TopUpWithAuthorization(cfg, amount, auth)), []any{c, big1, a}},
		"redeem":                 {do(contract.Redeem(cfg, v)), []any{c, big1, v.Root, sig[:]}},
		"redeemMany":             {do(contract.RedeemMany(cfg.Payee, []contract.Redemption{row, row})), []any{cfg.Payee, append(packed, packed...)}},
		"checkMany":              {do(contract.CheckMany(cfg.Payee, []contract.Redemption{row})), []any{cfg.Payee, packed}},
		"startClose":             {do(contract.StartClose(cfg)), []any{c}},
		"finishClose":            {do(contract.FinishClose(cfg)), []any{c}},
		"closeCooperative":       {do(contract.CloseCooperative(cfg, amount, sig, sig)), []any{c, big1, sig[:], sig[:]}},
	} {
		want, err := parsed.Pack(name, c.args...)
		if err != nil || !bytes.Equal(c.got, want) {
			t.Errorf("%s: %v\n%x\n%x", name, err, c.got, want)
		}
	}
}

// TestErrorsKnown holds that each error of the compiled interface is one that
// ParseRevert reads, unless it is of the libraries below.
func TestErrorsKnown(t *testing.T) {
	t.Parallel()
	for name, e := range interfaceOf(t).Errors {
		data := append(bytes.Clone(e.ID[:4]), make([]byte, 32*len(e.Inputs))...)
		_, err := contract.ParseRevert(data)
		below := strings.HasPrefix(name, "SafeERC20") || name == "InvalidShortString" || name == "StringTooLong"
		if below != errors.Is(err, contract.ErrForeign) {
			t.Errorf("%s: %v", e.Sig, err)
		}
	}
}

// TestDigests holds each digest against the contract's, the token's and
// go-ethereum's idea of it.
func TestDigests(t *testing.T) {
	t.Parallel()
	r := newRig(t, tokens.USDC)
	cfg := config(1<<64 - 1)
	id, root := r.at.ChannelID(cfg), [32]byte{1, 2, 3}
	parsed := interfaceOf(t)
	told := func(method string, args ...any) common.Hash {
		t.Helper()
		data, err := parsed.Pack(method, args...)
		if err != nil {
			t.Fatal(err)
		}
		ret, _, err := r.send(deployer, r.at.Address, data)
		if err != nil {
			t.Fatal(err)
		}
		return common.Hash(ret)
	}
	typed := func(d apitypes.TypedData) common.Hash {
		t.Helper()
		digest, _, err := apitypes.TypedDataAndHash(d)
		if err != nil {
			t.Fatal(err)
		}
		return common.Hash(digest)
	}
	total := contract.MaxAmount
	number := new(big.Int).SetUint64(total)
	auth := contract.Authorization{ValidAfter: 5, ValidBefore: 1 << 40, Salt: root}
	for name, c := range map[string][3]common.Hash{
		"voucher": {r.at.VoucherDigest(id, total, root), told("voucherDigest", id, number, root), typed(r.at.VoucherTyped(id, total, root))},
		"close":   {r.at.CloseDigest(id, total), told("closeDigest", id, number), typed(r.at.CloseTyped(id, total))},
		"id": {common.Hash(id), told("channelId", struct {
			Payer, Signer, Payee common.Address
			WithdrawDelay        *big.Int
			Salt                 uint64
		}{cfg.Payer, cfg.Signer, cfg.Payee, big.NewInt(int64(cfg.Delay)), cfg.Salt}), common.Hash(id)},
		"nonce": {contract.AuthorizationNonce(id, total, root), told("authorizationNonce", id, number, root), contract.AuthorizationNonce(id, total, root)},
		"authorization": {
			r.token.AuthorizationDigest(r.at, cfg, total, auth), r.token.AuthorizationDigest(r.at, cfg, total, auth),
			typed(r.token.AuthorizationTyped(r.at, cfg, total, auth)),
		},
	} {
		if c[0] != c[1] || c[0] != c[2] {
			t.Errorf("%s: %v", name, c)
		}
	}
	if contract.VoucherDigest(chainID, r.at.Address, id, total, root) != r.at.VoucherDigest(id, total, root) {
		t.Error("two digests of one voucher")
	}
}

// TestFork holds that after a fork that changes the chain's number, channels
// keep their ids and money, and vouchers of the other side are worth nothing.
func TestFork(t *testing.T) {
	t.Parallel()
	r := newRig(t, tokens.USDC)
	cfg := config(1)
	id := r.open(cfg, 1000)
	old, err := contract.Redeem(cfg, r.voucher(cfg, 100, 1))
	r.chain.ChainID = big.NewInt(chainID + 1)
	r.refused(because(contract.BadSignature), deployer, r.at.Address, old, err)
	s, err := contract.Sign(contract.VoucherDigest(chainID+1, r.at.Address, id, 100, [32]byte{}), evm.Key(1))
	if err != nil {
		t.Fatal(err)
	}
	data, err := contract.Redeem(cfg, contract.Voucher{Cumulative: 100, Signature: s})
	r.must(deployer, r.at.Address, data, err)
}

// TestShortSignature holds that the compact 64 bytes of EIP-2098 are refused,
// which no Go code here would send.
func TestShortSignature(t *testing.T) {
	t.Parallel()
	r := newRig(t, tokens.USDC)
	cfg := config(1)
	r.open(cfg, 1000)
	v := r.voucher(cfg, 100, 1)
	compact := bytes.Clone(v.Signature[:64])
	compact[32] |= (v.Signature[64] - 27) << 7
	for _, sig := range [][]byte{compact, v.Signature[:64], append(v.Signature[:], 0), nil} {
		data, err := interfaceOf(t).Pack("redeem", struct {
			Payer, Signer, Payee common.Address
			WithdrawDelay        *big.Int
			Salt                 uint64
		}{cfg.Payer, cfg.Signer, cfg.Payee, big.NewInt(int64(cfg.Delay)), cfg.Salt}, big.NewInt(100), v.Root, sig)
		r.refused(because(contract.BadSignature), deployer, r.at.Address, data, err)
	}
	if _, err := contract.Recover(crypto.Keccak256Hash(nil), twin(v.Signature)); !errors.Is(err, contract.ErrSignature) {
		t.Errorf("a high s here: %v", err)
	}
}
