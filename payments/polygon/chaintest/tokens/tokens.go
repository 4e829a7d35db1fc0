// Package tokens is the tokens of test chains: a stand-in for USDC and one with
// every bad habit. It deploys nothing itself and is for tests and the program
// devchain.
package tokens

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Name is a contract of solidity/tokens.
type Name string

const (
	// USDC has the name, decimals and EIP-3009 of the real one; anyone may mint.
	USDC Name = "TestUSDC"
	// Odd can be told to take fees, lie, refuse and call back.
	Odd Name = "OddToken"
	// Proxy stands before another token, as the real USDC's does. Its
	// constructor takes that token's address.
	Proxy Name = "ProxyToken"
)

//go:embed artifacts/*.json
var artifacts embed.FS

// InitCode returns the data of the transaction that deploys a token.
// Constructor arguments are addresses.
func InitCode(name Name, args ...common.Address) ([]byte, error) {
	raw, err := artifacts.ReadFile("artifacts/" + string(name) + ".json")
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", name, err)
	}
	var artifact struct {
		Bin string `json:"bin"`
	}
	if err := json.Unmarshal(raw, &artifact); err != nil {
		return nil, fmt.Errorf("token %q: %w", name, err)
	}
	code, err := hex.DecodeString(artifact.Bin)
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", name, err)
	}
	for _, a := range args {
		code = append(code, common.LeftPadBytes(a[:], 32)...)
	}
	return code, nil
}

// Mint returns the data of the call that makes amount of a token out of nothing.
func Mint(to common.Address, amount uint64) []byte {
	return Call("mint(address,uint256)", to, amount)
}

// Call returns the data of a call of one of the tokens' own methods: arguments
// are addresses, uint64, bool and, last, one []byte.
func Call(method string, args ...any) []byte {
	var head, tail []byte
	for _, a := range args {
		var word [32]byte
		switch a := a.(type) {
		case common.Address:
			copy(word[12:], a[:])
		case bool:
			if a {
				word[31] = 1
			}
		case uint64:
			copy(word[:], common.LeftPadBytes(hexUint(a), 32))
		case []byte:
			copy(word[:], common.LeftPadBytes(hexUint(uint64(32*len(args))), 32))
			tail = slices.Concat(common.LeftPadBytes(hexUint(uint64(len(a))), 32), common.RightPadBytes(a, (len(a)+31)/32*32))
		}
		head = append(head, word[:]...)
	}
	return slices.Concat(crypto.Keccak256([]byte(method))[:4], head, tail)
}

func hexUint(v uint64) []byte {
	var b [8]byte
	for i := range b {
		b[7-i] = byte(v >> (8 * i))
	}
	return b[:]
}
