package chaintest_test

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/contract"
)

func TestChain(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := chaintest.Start(t)
	t.Logf("up in %s at %s", time.Since(start), c.URL())
	cfg := contract.Config{Payer: c.Address(0), Signer: c.Address(1), Payee: c.Address(2), Delay: 3600, Salt: 1}
	id := c.Open(c.Key(0), cfg, 1000)

	over, err := ethclient.DialContext(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	final := big.NewInt(int64(rpc.FinalizedBlockNumber))
	if s, err := c.Contract.State(t.Context(), over, id, nil); err != nil || s.Balance != 1000 {
		t.Fatalf("at the head: %+v, %v", s, err)
	}
	// Before a block is final there may be no contract at all to ask.
	if s, err := c.Contract.State(t.Context(), over, id, final); err == nil && s.Balance != 0 {
		t.Fatalf("final before its time: %+v", s)
	}
	start = time.Now()
	c.Finalize()
	t.Logf("final after %s", time.Since(start))
	if s, err := c.Contract.State(t.Context(), over, id, final); err != nil || s.Balance != 1000 {
		t.Fatalf("final: %+v, %v", s, err)
	}
	code, err := over.CodeAt(t.Context(), c.Contract.Address, nil)
	if err != nil || contract.CheckCode(code) != nil {
		t.Fatalf("code: %v, %v", err, contract.CheckCode(code))
	}
}

func TestReorg(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	cfg := contract.Config{Payer: c.Address(0), Signer: c.Address(1), Payee: c.Address(2), Delay: 3600, Salt: 1}
	c.Finalize()
	before, err := c.Client().BlockNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Do(c.Key(0), c.Token.Address, c.Token.Approve(c.Contract.Address, 1000), nil)
	data, err := contract.Open(cfg, 1000)
	receipt := c.Do(c.Key(0), c.Contract.Address, data, err)
	if err := c.Reorg(1); err != nil {
		t.Fatal(err)
	}
	after, err := c.Client().BlockNumber(t.Context())
	if err != nil || after != before+3 {
		t.Fatalf("head is %d after %d, %v", after, before, err)
	}
	if _, err := c.Client().TransactionReceipt(t.Context(), receipt.TxHash); !errors.Is(err, ethereum.NotFound) {
		t.Fatalf("the transaction is still there: %v", err)
	}
	if s, err := c.Contract.State(t.Context(), c.Client(), c.Contract.ChannelID(cfg), nil); err != nil || s != (contract.State{}) {
		t.Fatalf("the channel is still there: %+v, %v", s, err)
	}
	// The approval, one block deeper, is where it was.
	if _, err := c.Send(t.Context(), c.Key(0), &c.Contract.Address, data, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	then := c.Now()
	if err := c.Advance(48 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if now := c.Now(); now != then+48*3600+1 {
		t.Fatalf("%d s passed", now-then)
	}
}
