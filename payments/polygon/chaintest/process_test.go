package chaintest_test

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
)

// TestE2EProcess kills the chain after a deposit and finds the deposit, and time,
// where they were.
func TestE2EProcess(t *testing.T) {
	t.Parallel()
	p := chaintest.StartProcess(t, 0)
	cfg := contract.Config{Payer: evm.Address(0), Signer: evm.Address(1), Payee: evm.Address(2), Delay: 3600, Salt: 1}
	send(t, p, p.Token.Address, p.Token.Approve(p.Contract.Address, 1000))
	data, err := contract.Open(cfg, 1000)
	if err != nil {
		t.Fatal(err)
	}
	receipt := send(t, p, p.Contract.Address, data)
	p.Advance(time.Hour)

	before := head(t, p)
	p.Kill()
	p.Restart()
	if after := head(t, p); after.Number.Cmp(receipt.BlockNumber) < 0 || after.Time < before.Time {
		t.Fatalf("the chain is at %d, %d s after it was at %d", after.Number, before.Time-after.Time, before.Number)
	}
	id := p.Contract.ChannelID(cfg)
	if s, err := p.Contract.State(t.Context(), p.Client, id, nil); err != nil || s.Balance != 1000 {
		t.Fatalf("after a kill: %+v, %v", s, err)
	}
	if data, err = contract.StartClose(cfg); err != nil {
		t.Fatal(err)
	}
	send(t, p, p.Contract.Address, data)
	p.Stop()
	p.Restart()
	p.Finalize()
	if s, err := p.Contract.State(t.Context(), p.Client, id, big.NewInt(-3)); err != nil || !s.Closing() {
		t.Fatalf("after a stop: %+v, %v", s, err)
	}
}

func head(t *testing.T, p *chaintest.Process) *types.Header {
	t.Helper()
	h, err := p.Client.HeaderByNumber(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send sends a transaction of account 0 and waits until it is mined.
func send(t *testing.T, p *chaintest.Process, to common.Address, data []byte) *types.Receipt {
	t.Helper()
	nonce, err := p.Client.PendingNonceAt(t.Context(), evm.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	gas, err := p.Client.EstimateGas(t.Context(), ethereum.CallMsg{From: evm.Address(0), To: &to, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := types.SignNewTx(evm.Key(0), types.LatestSignerForChainID(big.NewInt(evm.ChainID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(evm.ChainID), Nonce: nonce, To: &to, Data: data, Gas: gas,
		GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Client.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for every := time.NewTicker(10 * time.Millisecond); ; {
		if receipt, err := p.Client.TransactionReceipt(ctx, tx.Hash()); err == nil && receipt.Status == 1 {
			every.Stop()
			return receipt
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			t.Fatalf("transaction %s is not mined", tx.Hash())
		}
	}
}
