package contract

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

// Token is an ERC-20 token with EIP-3009.
type Token struct {
	ChainID       uint64
	Address       common.Address
	Name, Version string // of its EIP-712 domain
}

// USDC is the token at address as Circle deploys it: domain ("USD Coin", "2").
func USDC(chainID uint64, address common.Address) Token {
	return Token{chainID, address, "USD Coin", "2"}
}

// Authorization is a payer's signed consent to a deposit, as of EIP-3009: anyone
// may bring it to the contract, nobody can use it for anything else.
type Authorization struct {
	ValidAfter, ValidBefore uint64 // Unix seconds, both excluded
	Salt                    [32]byte
	Signature               Signature
}

// AuthorizationNonce is the EIP-3009 nonce of a deposit: it ties the consent to
// one channel and one amount.
func AuthorizationNonce(channel ChannelID, amount uint64, salt [32]byte) common.Hash {
	return crypto.Keccak256Hash(channel[:], uintWord(amount), salt[:])
}

// AuthorizationDigest is what the payer signs to let the contract take amount
// for a channel: EIP-3009's ReceiveWithAuthorization, with a's times and salt.
func (t Token) AuthorizationDigest(c Contract, cfg Config, amount uint64, a Authorization) common.Hash {
	nonce := AuthorizationNonce(c.ChannelID(cfg), amount, a.Salt)
	domain := domainHash(t.Name, t.Version, t.ChainID, t.Address)
	return typedHash(domain, crypto.Keccak256(
		crypto.Keccak256([]byte("ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)")),
		addressWord(cfg.Payer), addressWord(c.Address), uintWord(amount), uintWord(a.ValidAfter), uintWord(a.ValidBefore), nonce[:]))
}

// AuthorizationTyped is the same for a signer that wants to see what it signs.
func (t Token) AuthorizationTyped(c Contract, cfg Config, amount uint64, a Authorization) apitypes.TypedData {
	return typedData(t.Name, t.Version, t.ChainID, t.Address, "ReceiveWithAuthorization", []apitypes.Type{
		{Name: "from", Type: "address"}, {Name: "to", Type: "address"}, {Name: "value", Type: "uint256"},
		{Name: "validAfter", Type: "uint256"}, {Name: "validBefore", Type: "uint256"}, {Name: "nonce", Type: "bytes32"},
	}, apitypes.TypedDataMessage{
		"from": cfg.Payer.Hex(), "to": c.Address.Hex(), "value": fmt.Sprint(amount),
		"validAfter": fmt.Sprint(a.ValidAfter), "validBefore": fmt.Sprint(a.ValidBefore),
		"nonce": AuthorizationNonce(c.ChannelID(cfg), amount, a.Salt).Hex(),
	})
}

// Approve returns the data of a call to the token that lets spender take amount.
func (t Token) Approve(spender common.Address, amount uint64) []byte {
	return call("approve(address,uint256)", addressWord(spender), uintWord(amount))
}

// Transfer returns the data of a call to the token that sends amount.
func (t Token) Transfer(to common.Address, amount uint64) []byte {
	return call("transfer(address,uint256)", addressWord(to), uintWord(amount))
}

// Balance asks what owner holds at block; nil is the latest.
func (t Token) Balance(ctx context.Context, node Caller, owner common.Address, block *big.Int) (uint64, error) {
	return t.read(ctx, node, block, "balanceOf(address)", addressWord(owner))
}

// Allowance asks what spender may still take of owner's.
func (t Token) Allowance(ctx context.Context, node Caller, owner, spender common.Address, block *big.Int) (uint64, error) {
	return t.read(ctx, node, block, "allowance(address,address)", addressWord(owner), addressWord(spender))
}

// Used asks whether an authorization's nonce was used or cancelled by its payer.
func (t Token) Used(ctx context.Context, node Caller, payer common.Address, nonce common.Hash, block *big.Int) (bool, error) {
	used, err := t.read(ctx, node, block, "authorizationState(address,bytes32)", addressWord(payer), nonce[:])
	return used != 0, err
}

// read asks for one number. What is over MaxAmount, as unlimited allowances
// are, is told as MaxAmount.
func (t Token) read(ctx context.Context, node Caller, block *big.Int, method string, args ...[]byte) (uint64, error) {
	words, err := ask(ctx, node, t.Address, block, 1, call(method, args...))
	if err != nil {
		return 0, fmt.Errorf("token %s: %s: %w", t.Address, method, err)
	}
	v := new(big.Int).SetBytes(words[0][:])
	if !v.IsUint64() || v.Uint64() > MaxAmount {
		return MaxAmount, nil
	}
	return v.Uint64(), nil
}
