package contract

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// MaxBatch is how many vouchers one RedeemMany carries at most.
const MaxBatch = 50

// configType is how a Config is written in the signatures of methods.
const configType = "(address,address,address,uint40,uint64)"

// Redemption is one row of RedeemMany.
type Redemption struct {
	Config  Config
	Voucher Voucher
}

// Open returns the data of the call that opens a channel with amount of the
// payer's tokens. The payer sends it, having approved the contract.
func Open(cfg Config, amount uint64) ([]byte, error) {
	if err := checkDeposit(cfg, amount); err != nil {
		return nil, err
	}
	return call("open("+configType+",uint96)", configWords(cfg), uintWord(amount)), nil
}

// OpenWithAuthorization returns the data of the call that opens a channel with
// the payer's signed consent. Anyone may send it.
func OpenWithAuthorization(cfg Config, amount uint64, a Authorization) ([]byte, error) {
	return authorized("openWithAuthorization", cfg, amount, a)
}

// TopUp returns the data of the call that adds amount of the sender's tokens.
func TopUp(channel ChannelID, amount uint64) ([]byte, error) {
	if err := checkAmount(amount); err != nil {
		return nil, err
	}
	return call("topUp(bytes32,uint96)", channel[:], uintWord(amount)), nil
}

// TopUpWithAuthorization returns the data of the call that adds to a channel
// with the payer's signed consent. Anyone may send it.
func TopUpWithAuthorization(cfg Config, amount uint64, a Authorization) ([]byte, error) {
	return authorized("topUpWithAuthorization", cfg, amount, a)
}

// Redeem returns the data of the call that pays the payee what v promises beyond
// what was claimed. Anyone may send it; it reverts where RedeemMany would skip.
func Redeem(cfg Config, v Voucher) ([]byte, error) {
	if err := checkDeposit(cfg, v.Cumulative); err != nil {
		return nil, err
	}
	return call("redeem("+configType+",uint128,bytes32,bytes)",
		configWords(cfg), uintWord(v.Cumulative), v.Root[:], uintWord(8*32), bytesWords(v.Signature[:])), nil
}

// RedeemMany returns the data of the call that redeems up to MaxBatch vouchers of
// one payee with one transfer, skipping those that move nothing.
func RedeemMany(payee common.Address, rows []Redemption) ([]byte, error) {
	return batch("redeemMany(address,bytes)", payee, rows)
}

// CheckMany returns the data of the call whose answer DecodeReasons reads: what
// RedeemMany would do with each row if it stood alone.
func CheckMany(payee common.Address, rows []Redemption) ([]byte, error) {
	return batch("checkMany(address,bytes)", payee, rows)
}

// StartClose returns the data of the call that starts the withdraw delay. Only
// the payer may send it.
func StartClose(cfg Config) ([]byte, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return call("startClose("+configType+")", configWords(cfg)), nil
}

// FinishClose returns the data of the call that ends a channel whose delay is
// over. Anyone may send it; the rest goes to the payer.
func FinishClose(cfg Config) ([]byte, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return call("finishClose("+configType+")", configWords(cfg)), nil
}

// CloseCooperative returns the data of the call that ends a channel at once: the
// payee gets cumulative in all, the payer the rest. Both signatures are of
// CloseDigest. Anyone may send it.
func CloseCooperative(cfg Config, cumulative uint64, signer, payee Signature) ([]byte, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cumulative > MaxAmount {
		return nil, fmt.Errorf("%d: %w", cumulative, ErrAmount)
	}
	return call("closeCooperative("+configType+",uint128,bytes,bytes)", configWords(cfg), uintWord(cumulative),
		uintWord(8*32), uintWord(12*32), bytesWords(signer[:]), bytesWords(payee[:])), nil
}

func authorized(method string, cfg Config, amount uint64, a Authorization) ([]byte, error) {
	if err := checkDeposit(cfg, amount); err != nil {
		return nil, err
	}
	s := a.Signature
	return call(method+"("+configType+",uint96,(uint256,uint256,bytes32,uint8,bytes32,bytes32))", configWords(cfg), uintWord(amount),
		uintWord(a.ValidAfter), uintWord(a.ValidBefore), a.Salt[:], uintWord(uint64(s[64])), s[:32], s[32:64]), nil
}

// batch packs rows as the contract reads them: payer 20, signer 20, delay 5,
// salt 8, cumulative 12, root 32, signature 65 bytes.
func batch(method string, payee common.Address, rows []Redemption) ([]byte, error) {
	if len(rows) == 0 || len(rows) > MaxBatch {
		return nil, fmt.Errorf("%d vouchers, at most %d: %w", len(rows), MaxBatch, ErrBatch)
	}
	var packed []byte
	for _, row := range rows {
		c, v := row.Config, row.Voucher
		if c.Payee != payee {
			return nil, fmt.Errorf("voucher for %s among those for %s: %w", c.Payee, payee, ErrBatch)
		}
		if err := checkDeposit(c, v.Cumulative); err != nil {
			return nil, err
		}
		packed = append(packed, c.Payer[:]...)
		packed = append(packed, c.Signer[:]...)
		packed = append(packed, uintWord(c.Delay)[27:]...)
		packed = append(packed, uintWord(c.Salt)[24:]...)
		packed = append(packed, uintWord(v.Cumulative)[20:]...)
		packed = append(packed, v.Root[:]...)
		packed = append(packed, v.Signature[:]...)
	}
	return call(method, addressWord(payee), uintWord(2*32), bytesWords(packed)), nil
}

func checkDeposit(cfg Config, amount uint64) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	return checkAmount(amount)
}

func checkAmount(amount uint64) error {
	if amount == 0 || amount > MaxAmount {
		return fmt.Errorf("%d: %w", amount, ErrAmount)
	}
	return nil
}

func configWords(c Config) []byte {
	var w []byte
	for _, a := range []common.Address{c.Payer, c.Signer, c.Payee} {
		w = append(w, addressWord(a)...)
	}
	return append(append(w, uintWord(c.Delay)...), uintWord(c.Salt)...)
}

// bytesWords encodes a dynamic value: its length and it, padded to whole words.
func bytesWords(b []byte) []byte {
	padded := make([]byte, (len(b)+31)/32*32)
	copy(padded, b)
	return append(uintWord(uint64(len(b))), padded...)
}

// call returns the data of a call: the method's selector and its arguments,
// encoded already.
func call(method string, args ...[]byte) []byte {
	data := crypto.Keccak256([]byte(method))[:4]
	for _, a := range args {
		data = append(data, a...)
	}
	return data
}
