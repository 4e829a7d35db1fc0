package evm

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// ErrReverted is returned for a transaction that was mined and failed.
var ErrReverted = errors.New("transaction reverted")

// deployer deploys the token and the contract, and does nothing else, so that
// both lie at the same addresses on every chain.
const deployer = Accounts - 1

// MinDelay is the shortest withdraw delay on these chains, in seconds.
const MinDelay = 1

// Mint is how much USDC each of the first Accounts accounts has: a million.
const Mint uint64 = 1_000_000 * 1_000_000

// Token is the chain's USDC.
func Token() contract.Token {
	return contract.USDC(ChainID, crypto.CreateAddress(Address(deployer), 0))
}

// Contract is the chain's channel contract.
func Contract() contract.Contract {
	return contract.At(ChainID, crypto.CreateAddress(Address(deployer), 1))
}

// Deploy puts Token and Contract on the chain and mints, unless they are there.
func (c *Chain) Deploy(ctx context.Context) error {
	code, err := c.client.CodeAt(ctx, Contract().Address, nil)
	if err == nil && len(code) == 0 {
		err = c.deploy(ctx)
	}
	if err != nil {
		return err
	}
	return c.Indexed(ctx)
}

// Indexed waits until the chain can say that a transaction is in none of its
// blocks, for three minutes at most. It needs a block for that.
func (c *Chain) Indexed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !c.eth.BlockChain().TxIndexDone() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("index: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (c *Chain) deploy(ctx context.Context) error {
	token, err := tokens.InitCode(tokens.USDC)
	if err != nil {
		return err
	}
	channels, err := contract.InitCode(Token().Address, MinDelay)
	if err != nil {
		return err
	}
	for _, data := range [][]byte{token, channels} {
		if _, err := c.Send(ctx, Key(deployer), nil, data, nil); err != nil {
			return fmt.Errorf("deploy: %w", err)
		}
	}
	at := Token().Address
	for i := range Accounts {
		if _, err := c.Send(ctx, Key(deployer), &at, tokens.Mint(Address(i), Mint), nil); err != nil {
			return fmt.Errorf("mint: %w", err)
		}
	}
	return nil
}

// Send signs a transaction, makes a block of it and returns its receipt; to nil
// deploys. A transaction that fails is ErrReverted, with its receipt if it was
// mined: one that would surely fail is not sent.
func (c *Chain) Send(ctx context.Context, key *ecdsa.PrivateKey, to *common.Address, data []byte, value *big.Int) (*types.Receipt, error) {
	from := crypto.PubkeyToAddress(key.PublicKey)
	gas, err := c.client.EstimateGas(ctx, ethereum.CallMsg{From: from, To: to, Data: data, Value: value})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReverted, err)
	}
	return c.SendGas(ctx, key, to, data, value, gas)
}

// SendGas is Send with a gas limit of the caller's: it is sent come what may.
func (c *Chain) SendGas(ctx context.Context, key *ecdsa.PrivateKey, to *common.Address, data []byte, value *big.Int, gas uint64) (*types.Receipt, error) {
	head, err := c.client.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	nonce, err := c.client.PendingNonceAt(ctx, crypto.PubkeyToAddress(key.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	tip := big.NewInt(1e9)
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(ChainID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(ChainID), Nonce: nonce, To: to, Data: data, Value: value, Gas: gas,
		GasTipCap: tip, GasFeeCap: new(big.Int).Add(tip, new(big.Int).Mul(head.BaseFee, big.NewInt(2))),
	})
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	if err := c.client.SendTransaction(ctx, tx); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	c.Commit()
	receipt, err := c.client.TransactionReceipt(ctx, tx.Hash())
	if err != nil {
		return nil, fmt.Errorf("transaction %s: %w", tx.Hash(), err)
	}
	if receipt.Status != types.ReceiptStatusSuccessful {
		return receipt, fmt.Errorf("transaction %s: %w", tx.Hash(), ErrReverted)
	}
	return receipt, nil
}
