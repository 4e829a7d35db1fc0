// Package chaintest gives tests a chain with a test USDC and the channel
// contract on it: Start in the test's own process, with blocks made on demand,
// StartProcess as a process that can be killed and started again on the same
// data. Both serve JSON-RPC over HTTP on loopback.
//
// It is for tests only: every account's key is public.
package chaintest

import (
	"context"
	"crypto/ecdsa"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// Chain is a chain in the test's process. The chain's own methods make blocks,
// let time pass and take blocks back; those here fail the test.
type Chain struct {
	*evm.Chain
	Token    contract.Token
	Contract contract.Contract
	tb       testing.TB
}

// Start brings up a chain, in memory, that ends with the test. Accounts 0 to 8
// (Key, Address) have a thousand ether and a million USDC each. Blocks are made
// by Commit and by Do; Instant makes them by themselves.
func Start(tb testing.TB) *Chain {
	tb.Helper()
	inner, err := evm.Start(evm.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := inner.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := inner.Deploy(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return &Chain{Chain: inner, Token: evm.Token(), Contract: evm.Contract(), tb: tb}
}

// Key returns the i-th account's key.
func (c *Chain) Key(i int) *ecdsa.PrivateKey { return evm.Key(i) }

// Address returns the i-th account's address.
func (c *Chain) Address(i int) common.Address { return evm.Address(i) }

// Instant makes a block for each transaction that comes, and every period if
// that is not zero, until the test ends or stop is called.
func (c *Chain) Instant(period time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Mine(ctx, period) })
	stop = func() { cancel(); wg.Wait() }
	c.tb.Cleanup(stop)
	return stop
}

// Do sends a transaction and makes a block of it; to fail is to fail the test.
func (c *Chain) Do(key *ecdsa.PrivateKey, to common.Address, data []byte, err error) *types.Receipt {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatal(err)
	}
	receipt, err := c.Send(c.tb.Context(), key, &to, data, nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	return receipt
}

// Open opens a channel with amount in it by key, the payer's, and returns its id.
func (c *Chain) Open(key *ecdsa.PrivateKey, cfg contract.Config, amount uint64) contract.ChannelID {
	c.tb.Helper()
	c.Do(key, c.Token.Address, c.Token.Approve(c.Contract.Address, amount), nil)
	data, err := contract.Open(cfg, amount)
	c.Do(key, c.Contract.Address, data, err)
	return c.Contract.ChannelID(cfg)
}

// Mint gives who amount of USDC.
func (c *Chain) Mint(who common.Address, amount uint64) {
	c.tb.Helper()
	c.Do(c.Key(0), c.Token.Address, tokens.Mint(who, amount), nil)
}

// Ether gives who so much wei.
func (c *Chain) Ether(who common.Address, wei *big.Int) {
	c.tb.Helper()
	if _, err := c.Send(c.tb.Context(), c.Key(0), &who, nil, wei); err != nil {
		c.tb.Fatal(err)
	}
}

// Balance returns who's USDC in the newest block.
func (c *Chain) Balance(who common.Address) uint64 {
	c.tb.Helper()
	v, err := c.Token.Balance(c.tb.Context(), c.Client(), who, nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	return v
}
