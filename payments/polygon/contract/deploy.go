package contract

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// artifact is what `make contracts` compiled; a test and that target hold it
// against the source.
//
//go:embed artifacts/InfernetChannels.json
var artifact []byte

// compiled is the part of the artifact that is used here.
type compiled struct {
	ABI        json.RawMessage `json:"abi"`
	Bin        string          `json:"bin"`
	Runtime    string          `json:"runtime"`
	Immutables []struct{ Start, Length int }
}

func load() (c compiled, init, runtime []byte, err error) {
	if err = json.Unmarshal(artifact, &c); err != nil {
		return c, nil, nil, fmt.Errorf("artifact: %w", err)
	}
	if init, err = hex.DecodeString(c.Bin); err != nil {
		return c, nil, nil, fmt.Errorf("artifact: %w", err)
	}
	if runtime, err = hex.DecodeString(c.Runtime); err != nil {
		return c, nil, nil, fmt.Errorf("artifact: %w", err)
	}
	return c, init, runtime, nil
}

// ABI returns the contract's interface as JSON, for tools that want it.
func ABI() ([]byte, error) {
	c, _, _, err := load()
	return c.ABI, err
}

// InitCode returns the data of the transaction, to nobody, that deploys a
// contract for token whose channels have at least minDelay seconds of delay.
func InitCode(token common.Address, minDelay uint64) ([]byte, error) {
	if minDelay == 0 || minDelay > MaxDelay {
		return nil, fmt.Errorf("shortest delay of %d s, at most %d: %w", minDelay, MaxDelay, ErrConfig)
	}
	_, code, _, err := load()
	return slices.Concat(code, addressWord(token), uintWord(minDelay)), err
}

// Deploy sends the transaction that deploys a contract, and returns where it
// will be once that is mined.
func Deploy(opts *bind.TransactOpts, backend bind.ContractBackend, token common.Address, minDelay uint64) (common.Address, *types.Transaction, error) {
	code, err := InitCode(token, minDelay)
	if err != nil {
		return common.Address{}, nil, err
	}
	return bind.DeployContract(opts, code, backend, nil)
}

// CheckCode returns ErrForeign unless code, as a node tells it, is that of this
// contract. The token and the shortest delay, which lie within it, are not
// looked at: Terms asks for them.
func CheckCode(code []byte) error {
	c, _, want, err := load()
	if err != nil {
		return err
	}
	if len(code) != len(want) {
		return fmt.Errorf("code of %d bytes, not %d: %w", len(code), len(want), ErrForeign)
	}
	code = slices.Clone(code)
	for _, i := range c.Immutables {
		copy(code[i.Start:i.Start+i.Length], want[i.Start:])
	}
	if !slices.Equal(code, want) {
		return fmt.Errorf("code differs: %w", ErrForeign)
	}
	return nil
}
