package contract

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

// Voucher promises a channel's payee a total: all that was promised before is
// in it. Root ties it to the receipts it pays for; the contract only repeats it.
type Voucher struct {
	Cumulative uint64
	Root       [32]byte
	Signature  Signature
}

// VoucherDigest is what a channel's signer signs: EIP-712, domain ("Infernet
// Channels", "1", chainID, contract), Voucher(bytes32 channelId,uint128
// cumulative,bytes32 receiptRoot).
func VoucherDigest(chainID uint64, contract common.Address, channel ChannelID, cumulative uint64, root [32]byte) common.Hash {
	return At(chainID, contract).VoucherDigest(channel, cumulative, root)
}

// VoucherDigest is the digest of a voucher for this contract.
func (c Contract) VoucherDigest(channel ChannelID, cumulative uint64, root [32]byte) common.Hash {
	return typedHash(c.domain, crypto.Keccak256(
		crypto.Keccak256([]byte("Voucher(bytes32 channelId,uint128 cumulative,bytes32 receiptRoot)")),
		channel[:], uintWord(cumulative), root[:]))
}

// VoucherTyped is the same voucher for a signer that wants to see what it signs.
func (c Contract) VoucherTyped(channel ChannelID, cumulative uint64, root [32]byte) apitypes.TypedData {
	return c.typed("Voucher", []apitypes.Type{
		{Name: "channelId", Type: "bytes32"}, {Name: "cumulative", Type: "uint128"}, {Name: "receiptRoot", Type: "bytes32"},
	}, apitypes.TypedDataMessage{
		"channelId": channel.String(), "cumulative": fmt.Sprint(cumulative), "receiptRoot": common.Hash(root).Hex(),
	})
}

// CloseDigest is what signer and payee both sign to close a channel at once, the
// payee being paid cumulative in all.
func (c Contract) CloseDigest(channel ChannelID, cumulative uint64) common.Hash {
	return typedHash(c.domain, crypto.Keccak256(
		crypto.Keccak256([]byte("CooperativeClose(bytes32 channelId,uint128 cumulative)")),
		channel[:], uintWord(cumulative)))
}

// CloseTyped is the same close for a signer that wants to see what it signs.
func (c Contract) CloseTyped(channel ChannelID, cumulative uint64) apitypes.TypedData {
	return c.typed("CooperativeClose", []apitypes.Type{
		{Name: "channelId", Type: "bytes32"}, {Name: "cumulative", Type: "uint128"},
	}, apitypes.TypedDataMessage{"channelId": channel.String(), "cumulative": fmt.Sprint(cumulative)})
}

func (c Contract) typed(name string, fields []apitypes.Type, message apitypes.TypedDataMessage) apitypes.TypedData {
	return typedData("Infernet Channels", "1", c.ChainID, c.Address, name, fields, message)
}
