package contract

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"
)

// Refusal is how the contract refused a call: the error's name, and for
// "Refused" the reason. Nothing has moved.
type Refusal struct {
	Name   string
	Reason Reason
}

// Error returns the refusal in words.
func (r Refusal) Error() string {
	if r.Name == "Refused" {
		return "the contract refuses: " + r.Reason.String()
	}
	return "the contract refuses: " + r.Name
}

// refusals are the contract's errors, and its reentrancy guard's.
func refusals() []string {
	return []string{
		"Refused(uint8)", "BadConfig()", "BadAmount()", "BadRows()", "NotPayer()", "ChannelExists()",
		"AlreadyClosing()", "NotClosable()", "WrongDeposit()", "ReentrancyGuardReentrantCall()",
	}
}

// ParseRevert reads the data that a failed call returned. It returns ErrForeign
// for data that is not the contract's, such as a token's.
func ParseRevert(data []byte) (Refusal, error) {
	for _, signature := range refusals() {
		if len(data) < 4 || string(crypto.Keccak256([]byte(signature))[:4]) != string(data[:4]) {
			continue
		}
		name, arguments, _ := strings.Cut(signature, "(")
		r := Refusal{Name: name}
		if arguments != ")" {
			if len(data) != 4+32 || data[35] > byte(BadSignature) {
				return Refusal{}, fmt.Errorf("refusal %.80x: %w", data, ErrAnswer)
			}
			r.Reason = Reason(data[35])
		}
		return r, nil
	}
	return Refusal{}, fmt.Errorf("revert with %.80x: %w", data, ErrForeign)
}

// RefusalOf finds the contract's refusal in the error of an RPC call, as
// ethclient's CallContract and EstimateGas return it. A node's word: good for
// leaving out what would fail, not for deciding about money.
func RefusalOf(err error) (Refusal, bool) {
	var withData rpc.DataError
	if !errors.As(err, &withData) {
		return Refusal{}, false
	}
	text, ok := withData.ErrorData().(string)
	if !ok || len(text) > 1024 {
		return Refusal{}, false
	}
	data, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return Refusal{}, false
	}
	r, err := ParseRevert(data)
	return r, err == nil
}
