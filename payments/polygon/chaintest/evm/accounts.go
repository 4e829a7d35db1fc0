package evm

import (
	"crypto/ecdsa"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// Accounts is how many accounts every chain starts with.
const Accounts = 10

// ether is what each of them has at the start, in wei: a thousand.
var ether = new(big.Int).Mul(big.NewInt(1000), big.NewInt(1e18))

// Key returns the key of the i-th account, the same on every chain. Any i has
// one; the first Accounts of them have ether.
func Key(i int) *ecdsa.PrivateKey {
	for try := 0; ; try++ {
		// A hash that is no key is as good as never seen.
		if key, err := crypto.ToECDSA(crypto.Keccak256(fmt.Appendf(nil, "infernet test chain account %d %d", i, try))); err == nil {
			return key
		}
	}
}

// Address returns the address of the i-th account.
func Address(i int) common.Address { return crypto.PubkeyToAddress(Key(i).PublicKey) }

func alloc() types.GenesisAlloc {
	all := types.GenesisAlloc{}
	for i := range Accounts {
		all[Address(i)] = types.Account{Balance: ether}
	}
	return all
}

// About is what the program devchain prints of its chain.
type About struct {
	URL      string         `json:"url"`
	ChainID  uint64         `json:"chain_id"`
	Token    common.Address `json:"token"`
	Contract common.Address `json:"contract"`
	Keys     []string       `json:"keys"` // of the accounts, hex
}
