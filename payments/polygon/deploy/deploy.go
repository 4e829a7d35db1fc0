// Package deploy puts a contract of channels on a chain, once, for an operator
// whose network has none yet. It is not part of a node: nobody else ever needs
// to, the contract has no owner, and whoever deployed it has no right over it.
//
// Plan asks what it will cost and where it will be; Do sends that transaction
// and no other, waits until it is final, and holds the code on the chain against
// the one that was compiled in. It refuses to spend more than the plan says.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/contract"
)

var (
	// ErrConfig is returned for a chain, token or delay that cannot be right.
	// Nothing was sent.
	ErrConfig = errors.New("deploy: bad configuration")
	// ErrFunds is returned when the account cannot pay for it. Nothing was sent.
	ErrFunds = errors.New("deploy: the account cannot pay for it")
	// ErrFailed is returned when the transaction was mined and failed, or what is
	// on the chain now is another contract.
	ErrFailed = errors.New("deploy: the contract is not there")
)

// Config is which contract goes where.
type Config struct {
	Profile  chain.Profile
	RPC      string
	Token    common.Address // zero: the network's own USDC
	MinDelay time.Duration  // the shortest that a channel's close takes; whole seconds
}

// Plan is one deployment, priced.
type Plan struct {
	Account  common.Address
	Contract common.Address // where it will be
	Token    common.Address
	MinDelay uint64 // seconds
	Nonce    uint64
	Gas      uint64
	TipCap   *big.Int // wei a gas
	FeeCap   *big.Int // wei a gas, with the tip
	Data     []byte
}

// Most is what it can cost at most, in wei.
func (p Plan) Most() *big.Int { return new(big.Int).Mul(new(big.Int).SetUint64(p.Gas), p.FeeCap) }

// Deployed is what became of a Plan.
type Deployed struct {
	Tx    common.Hash
	Block uint64
	Paid  *big.Int // wei
}

// Deployer talks to one endpoint, which its user trusts: what it says of the
// contract is checked again by each node that connects to it.
type Deployer struct {
	cfg  Config
	node *ethclient.Client
}

// Dial connects to the endpoint and asks for its chain; ErrConfig where that is
// another one, or the token is not there. Close ends it.
func Dial(ctx context.Context, cfg Config) (*Deployer, error) {
	if cfg.Token == (common.Address{}) {
		cfg.Token = cfg.Profile.Token
	}
	if cfg.Token == (common.Address{}) {
		return nil, fmt.Errorf("%w: network %s has no USDC of its own: name a token", ErrConfig, cfg.Profile.Name)
	}
	node, err := ethclient.DialContext(ctx, cfg.RPC)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	d := &Deployer{cfg, node}
	if err := d.check(ctx); err != nil {
		node.Close()
		return nil, err
	}
	return d, nil
}

func (d *Deployer) check(ctx context.Context) error {
	id, err := d.node.ChainID(ctx)
	if err != nil {
		return err
	}
	if p := d.cfg.Profile; !id.IsUint64() || id.Uint64() != p.ChainID {
		return fmt.Errorf("%w: the endpoint serves chain %s, %s is %d", ErrConfig, id, p.Name, p.ChainID)
	}
	code, err := d.node.CodeAt(ctx, d.cfg.Token, nil)
	if err == nil && len(code) == 0 {
		err = fmt.Errorf("%w: there is no token at %s", ErrConfig, d.cfg.Token)
	}
	return err
}

// Close ends the connection.
func (d *Deployer) Close() { d.node.Close() }

// Plan prices a deployment by account. It returns ErrFunds, and the plan, where
// that has too little of the chain's coin.
func (d *Deployer) Plan(ctx context.Context, account common.Address) (p Plan, err error) {
	if d.cfg.MinDelay < time.Second || d.cfg.MinDelay%time.Second != 0 {
		return p, fmt.Errorf("%w: a shortest delay of %s: whole seconds", ErrConfig, d.cfg.MinDelay)
	}
	p = Plan{Account: account, Token: d.cfg.Token, MinDelay: uint64(d.cfg.MinDelay / time.Second)}
	if p.Data, err = contract.InitCode(p.Token, p.MinDelay); err != nil {
		return p, err
	}
	if p.Nonce, err = d.node.PendingNonceAt(ctx, account); err != nil {
		return p, err
	}
	p.Contract = crypto.CreateAddress(account, p.Nonce)
	head, err := d.node.HeaderByNumber(ctx, nil)
	if err != nil {
		return p, err
	}
	if p.TipCap, err = d.node.SuggestGasTipCap(ctx); err != nil {
		return p, err
	}
	if least := new(big.Int).SetUint64(d.cfg.Profile.MinTip); p.TipCap.Cmp(least) < 0 {
		p.TipCap = least
	}
	base := head.BaseFee
	if base == nil {
		base = new(big.Int)
	}
	p.FeeCap = new(big.Int).Add(p.TipCap, new(big.Int).Lsh(base, 1))
	gas, err := d.node.EstimateGas(ctx, ethereum.CallMsg{From: account, Data: p.Data})
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	p.Gas = gas + gas/10
	have, err := d.node.BalanceAt(ctx, account, nil)
	if err == nil && have.Cmp(p.Most()) < 0 {
		err = fmt.Errorf("%w: %s has %s wei, it can cost %s", ErrFunds, account, have, p.Most())
	}
	return p, err
}

// Do sends the planned transaction and returns when it is final and the contract
// is as it was compiled, or when ctx ends: then it may still come about, at
// Plan.Contract, and the same plan can be done again, once at most.
func (d *Deployer) Do(ctx context.Context, p Plan, by chain.Signer) (Deployed, error) {
	id := new(big.Int).SetUint64(d.cfg.Profile.ChainID)
	tx, err := by.SignTx(ctx, types.NewTx(&types.DynamicFeeTx{
		ChainID: id, Nonce: p.Nonce, GasTipCap: p.TipCap, GasFeeCap: p.FeeCap, Gas: p.Gas, Data: p.Data,
	}), id)
	if err != nil {
		return Deployed{}, err
	}
	out := Deployed{Tx: tx.Hash()}
	sent := d.node.SendTransaction(ctx, tx)
	tick := time.NewTicker(d.cfg.Profile.Poll)
	defer tick.Stop()
	for {
		receipt, err := d.final(ctx, tx.Hash())
		switch {
		case err != nil && sent != nil:
			return out, errors.Join(sent, err) // neither sent nor known from before
		case err == nil && receipt != nil:
			out.Block = receipt.BlockNumber.Uint64()
			out.Paid = new(big.Int).Mul(new(big.Int).SetUint64(receipt.GasUsed), receipt.EffectiveGasPrice)
			return out, d.there(ctx, p, receipt)
		}
		select {
		case <-ctx.Done():
			return out, fmt.Errorf("transaction %s is on its way: %w", tx.Hash(), ctx.Err())
		case <-tick.C:
		}
	}
}

// final returns the receipt once its block is; nil before.
func (d *Deployer) final(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	receipt, err := d.node.TransactionReceipt(ctx, tx)
	if err != nil {
		return nil, err
	}
	at := big.NewInt(rpc.FinalizedBlockNumber.Int64())
	if d.cfg.Profile.Depth > 0 {
		at = nil
	}
	head, err := d.node.HeaderByNumber(ctx, at)
	if err != nil {
		return nil, err
	}
	most := new(big.Int).Sub(head.Number, new(big.Int).SetUint64(d.cfg.Profile.Depth))
	if receipt.BlockNumber.Cmp(most) > 0 {
		return nil, nil
	}
	return receipt, nil
}

// there holds what is on the chain against what was meant.
func (d *Deployer) there(ctx context.Context, p Plan, receipt *types.Receipt) error {
	if receipt.Status != types.ReceiptStatusSuccessful || receipt.ContractAddress != p.Contract {
		return fmt.Errorf("%w: transaction %s failed", ErrFailed, receipt.TxHash)
	}
	code, err := d.node.CodeAt(ctx, p.Contract, nil)
	if err != nil {
		return err
	}
	if err := contract.CheckCode(code); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	token, delay, err := contract.At(d.cfg.Profile.ChainID, p.Contract).Terms(ctx, d.node, nil)
	if err == nil && (token != p.Token || delay != p.MinDelay) {
		err = fmt.Errorf("%w: it is for token %s with a delay of %d s", ErrFailed, token, delay)
	}
	return err
}
