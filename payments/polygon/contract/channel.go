package contract

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Limits of the contract, in seconds and in the token's smallest unit.
const (
	// MinDelay is the shortest withdraw delay where real money is: what a
	// contract is deployed with, other than on test chains.
	MinDelay uint64 = 3600
	// MaxDelay is the longest withdraw delay of any channel.
	MaxDelay uint64 = 30 * 24 * 3600
	// MaxAmount is the most that Go code here puts in a channel; the contract
	// itself holds 96 bits.
	MaxAmount uint64 = 1 << 62
)

// ChannelID identifies a channel: a hash over its Config, the chain and the
// contract.
type ChannelID [32]byte

// String returns the id as 0x and 64 lower-case hex digits.
func (id ChannelID) String() string { return "0x" + hex.EncodeToString(id[:]) }

// ParseChannelID reads what String writes and nothing else.
func ParseChannelID(s string) (ChannelID, error) {
	var id ChannelID
	digits, ok := strings.CutPrefix(s, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(id) || digits != strings.ToLower(digits) {
		return id, fmt.Errorf("channel %.80q: %w", s, ErrSyntax)
	}
	copy(id[:], raw)
	return id, nil
}

// Config is what a channel is. The contract stores none of it: each call shows
// it again, so both sides keep it.
type Config struct {
	Payer  common.Address // whose tokens are locked and who gets back the rest
	Signer common.Address // whose key signs the vouchers
	Payee  common.Address // who is paid
	Delay  uint64         // seconds from StartClose to FinishClose
	Salt   uint64         // tells channels between the same parties apart
}

// Validate returns ErrConfig for a channel that no contract would open. The
// contract's own floor for the delay may be higher.
func (c Config) Validate() error {
	none := common.Address{}
	switch {
	case c.Payer == none || c.Signer == none || c.Payee == none:
		return fmt.Errorf("channel without payer, signer or payee: %w", ErrConfig)
	case c.Delay == 0 || c.Delay > MaxDelay:
		return fmt.Errorf("withdraw delay of %d s, at most %d: %w", c.Delay, MaxDelay, ErrConfig)
	}
	return nil
}

// Contract is one deployed contract.
type Contract struct {
	ChainID uint64
	Address common.Address
	domain  common.Hash
}

// At names the contract at an address of a chain. It asks nobody.
func At(chainID uint64, address common.Address) Contract {
	return Contract{chainID, address, domainHash("Infernet Channels", "1", chainID, address)}
}

// Domain is the contract's EIP-712 domain separator.
func (c Contract) Domain() common.Hash { return c.domain }

// ChannelID returns the id that a channel has in this contract.
func (c Contract) ChannelID(cfg Config) ChannelID {
	return ChannelID(crypto.Keccak256(c.domain[:], addressWord(cfg.Payer), addressWord(cfg.Signer),
		addressWord(cfg.Payee), uintWord(cfg.Delay), uintWord(cfg.Salt)))
}

// addressWord and uintWord encode as Solidity's abi.encode does.
func addressWord(a common.Address) []byte { return common.LeftPadBytes(a[:], 32) }

func uintWord(v uint64) []byte {
	var w [32]byte
	for i := range 8 {
		w[31-i] = byte(v >> (8 * i))
	}
	return w[:]
}

// domainHash is EIP-712's domain separator of name, version, chainId and
// verifyingContract.
func domainHash(name, version string, chainID uint64, address common.Address) common.Hash {
	return crypto.Keccak256Hash(
		crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
		crypto.Keccak256([]byte(name)), crypto.Keccak256([]byte(version)), uintWord(chainID), addressWord(address))
}

// typedHash is EIP-712's digest of a struct hash under a domain.
func typedHash(domain common.Hash, structHash []byte) common.Hash {
	return crypto.Keccak256Hash([]byte{0x19, 0x01}, domain[:], structHash)
}
