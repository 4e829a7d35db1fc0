package contract_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum"

	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
)

// liar is a node that answers every call with the same bytes.
type liar []byte

func (l liar) CallContract(context.Context, ethereum.CallMsg, *big.Int) ([]byte, error) {
	return l, nil
}

// TestAnswers holds that what the contract cannot have said is not believed.
func TestAnswers(t *testing.T) {
	t.Parallel()
	at := contract.At(chainID, evm.Address(0))
	word := func(v uint64) []byte { return new(big.Int).SetUint64(v).FillBytes(make([]byte, 32)) }
	for name, answer := range map[string][]byte{
		"nothing":                  nil, // as of an address without code
		"short":                    bytes.Repeat([]byte{0}, 95),
		"long":                     bytes.Repeat([]byte{0}, 128),
		"claimed over the balance": bytes.Join([][]byte{word(1), word(2), word(0)}, nil),
		"closing without balance":  bytes.Join([][]byte{word(0), word(0), word(5)}, nil),
		"a time beyond 40 bits":    bytes.Join([][]byte{word(1), word(0), word(1 << 40)}, nil),
		"more than there is":       bytes.Join([][]byte{bytes.Repeat([]byte{255}, 32), word(0), word(0)}, nil),
	} {
		if s, err := at.State(t.Context(), liar(answer), contract.ChannelID{}, nil); !errors.Is(err, contract.ErrAnswer) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	row := contract.Redemption{Config: config(1), Voucher: contract.Voucher{Cumulative: 1}}
	reasons := bytes.Join([][]byte{word(32), word(1), word(6)}, nil)
	if _, err := at.Check(t.Context(), liar(reasons), row.Config.Payee, []contract.Redemption{row}, nil); !errors.Is(err, contract.ErrAnswer) {
		t.Errorf("a reason that is none: %v", err)
	}
	if _, err := at.Check(t.Context(), liar(nil), row.Config.Payee, nil, nil); !errors.Is(err, contract.ErrBatch) {
		t.Errorf("no rows: %v", err)
	}
}

// TestRefusalOf reads a refusal out of what a real node answers.
func TestRefusalOf(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	cfg := config(1)
	data, err := contract.Redeem(cfg, contract.Voucher{Cumulative: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Client().CallContract(t.Context(), ethereum.CallMsg{To: &c.Contract.Address, Data: data}, nil)
	if got, ok := contract.RefusalOf(err); !ok || got != because(contract.UnknownChannel) {
		t.Errorf("call: %v, %t of %v", got, ok, err)
	}
	_, err = c.Send(t.Context(), c.Key(0), &c.Contract.Address, data, nil)
	if got, ok := contract.RefusalOf(err); !ok || got != because(contract.UnknownChannel) || !errors.Is(err, evm.ErrReverted) {
		t.Errorf("estimate: %v, %t of %v", got, ok, err)
	}
	if got, ok := contract.RefusalOf(errors.New("execution reverted")); ok {
		t.Errorf("made up: %v", got)
	}
}

// TestAmounts holds what can be put in a call.
func TestAmounts(t *testing.T) {
	t.Parallel()
	cfg := config(1)
	for amount, want := range map[uint64]error{0: contract.ErrAmount, 1: nil, contract.MaxAmount: nil, contract.MaxAmount + 1: contract.ErrAmount, 1<<64 - 1: contract.ErrAmount} {
		_, err1 := contract.Open(cfg, amount)
		_, err2 := contract.TopUp(contract.ChannelID{}, amount)
		_, err3 := contract.Redeem(cfg, contract.Voucher{Cumulative: amount})
		_, err4 := contract.OpenWithAuthorization(cfg, amount, contract.Authorization{})
		_, err5 := contract.RedeemMany(cfg.Payee, []contract.Redemption{{Config: cfg, Voucher: contract.Voucher{Cumulative: amount}}})
		for i, err := range []error{err1, err2, err3, err4, err5} {
			if !errors.Is(err, want) {
				t.Errorf("%d in call %d: %v", amount, i, err)
			}
		}
	}
	for _, bad := range []contract.Config{{}, {Payer: cfg.Payer, Signer: cfg.Signer, Payee: cfg.Payee}, {Payer: cfg.Payer, Signer: cfg.Signer, Payee: cfg.Payee, Delay: contract.MaxDelay + 1}} {
		if _, err := contract.Open(bad, 1); !errors.Is(err, contract.ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func BenchmarkVoucherSign(b *testing.B) {
	at, key := contract.At(chainID, evm.Address(0)), evm.Key(1)
	for i := 0; b.Loop(); i++ {
		if _, err := contract.Sign(at.VoucherDigest(contract.ChannelID{1}, uint64(i), [32]byte{2}), key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVoucherVerify(b *testing.B) {
	at := contract.At(chainID, evm.Address(0))
	s, err := contract.Sign(at.VoucherDigest(contract.ChannelID{1}, 5, [32]byte{2}), evm.Key(1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := contract.Verify(at.VoucherDigest(contract.ChannelID{1}, 5, [32]byte{2}), s, evm.Address(1)); err != nil {
			b.Fatal(err)
		}
	}
}
