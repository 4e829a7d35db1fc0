package polygon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/contract"
)

// Gas of redeeming: of the transaction with its transfer, and of each channel.
// USDC is a proxy with a list of the refused, dearer than a plain token.
const (
	redeemBase = 60_000
	redeemEach = 20_000
)

// consentFor is how long a signed consent to a deposit can be used.
const consentFor = 7 * 24 * time.Hour

// onchain is the ledger on a real chain.
type onchain struct {
	at      contract.Contract
	token   contract.Token
	client  *chain.Client
	sender  *chain.Sender
	wallet  chain.Signer
	voucher chain.Signer
	coin    uint64 // price of a whole native coin, in millionths of a USDC
	network string
	clock   func() time.Time
	opened  *chain.Watcher
	closed  *chain.Watcher
}

func newOnchain(cfg Config, d Deps) (*onchain, error) {
	p := d.Client.Profile()
	token := cfg.Token
	if token == (common.Address{}) {
		token = p.Token
	}
	switch {
	case cfg.Contract == (common.Address{}) || token == (common.Address{}):
		return nil, fmt.Errorf("%w: network %s needs the addresses of contract and token", ErrConfig, p.Name)
	case d.Wallet.Address() == d.Voucher.Address():
		return nil, fmt.Errorf("%w: the voucher key is the wallet's", ErrConfig)
	}
	return &onchain{
		at: contract.At(p.ChainID, cfg.Contract), token: contract.USDC(p.ChainID, token), client: d.Client, sender: d.Sender,
		wallet: d.Wallet, voucher: d.Voucher, coin: cfg.CoinPrice, network: p.Name, clock: d.Clock,
	}, nil
}

func (o *onchain) place() place {
	return place{Network: o.network, Contract: o.at.Address, Wallet: o.wallet.Address(), Signer: o.voucher.Address()}
}

func (o *onchain) fresh(ctx context.Context) error {
	_, err := o.client.Last()
	if err == nil || errors.Is(err, chain.ErrDisagree) {
		return err // a lie is remembered for a while, whatever the heads say now
	}
	_, err = o.client.View(ctx)
	return err
}

// atFinal reads at a final block, alike from all endpoints; the block that the
// caller names does not matter.
type atFinal struct{ c *chain.Client }

func (f atFinal) CallContract(ctx context.Context, m ethereum.CallMsg, _ *big.Int) ([]byte, error) {
	out, _, err := f.c.CallFinal(ctx, chain.Call{From: m.From, To: *m.To, Data: m.Data})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// atHead tries at the newest block.
type atHead struct{ c *chain.Client }

func (f atHead) CallContract(ctx context.Context, m ethereum.CallMsg, _ *big.Int) ([]byte, error) {
	return f.c.Try(ctx, chain.Call{From: m.From, To: *m.To, Data: m.Data})
}

func (o *onchain) channel(ctx context.Context, id common.Hash, t terms) (onChain, error) {
	s, err := o.at.State(ctx, atFinal{o.client}, contract.ChannelID(id), nil)
	if err != nil {
		return onChain{}, err
	}
	if s == (contract.State{}) {
		return onChain{}, fmt.Errorf("%s: %w", id, ErrNoChannel)
	}
	on := onChain{Terms: t, Balance: s.Balance, Claimed: s.Claimed, Ended: s.CloseAt == contract.Closed, At: o.clock()}
	if s.Closing() {
		on.CloseAt = time.Unix(int64(s.CloseAt), 0).UTC()
	}
	return on, nil
}

func (o *onchain) held(ctx context.Context) (uint64, error) {
	return o.token.Balance(ctx, atFinal{o.client}, o.wallet.Address(), nil)
}

// check asks the contract for its token: another contract, or none, has none.
func (o *onchain) check(ctx context.Context) error {
	token, _, err := o.at.Terms(ctx, atFinal{o.client}, nil)
	if err != nil {
		return fmt.Errorf("%w: %w: it is no contract of channels, or not one of this network", ErrConfig, err)
	}
	if token != o.token.Address {
		return fmt.Errorf("%w: the channels' contract %s is for token %s, not %s", ErrConfig, o.at.Address, token, o.token.Address)
	}
	return nil
}

func (o *onchain) do(ctx context.Context, name string, c call) error {
	data, err := o.data(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return o.sender.Send(ctx, chain.Op{Ref: name, To: o.at.Address, Data: data, Why: c.Kind + " of a payment channel"})
}

func (o *onchain) data(ctx context.Context, c call) ([]byte, error) {
	cfg := c.Terms.config()
	switch c.Kind {
	case opOpen, opTopUp:
		a, err := o.consent(ctx, cfg, c)
		if err != nil {
			return nil, err
		}
		if c.Kind == opOpen {
			return contract.OpenWithAuthorization(cfg, c.Amount, a)
		}
		return contract.TopUpWithAuthorization(cfg, c.Amount, a)
	case opClose:
		return contract.StartClose(cfg)
	case opFinish:
		return contract.FinishClose(cfg)
	case opAgreed:
		v := c.Rows[0].Voucher
		ours, err := o.voucher.SignTyped(ctx, o.at.CloseTyped(contract.ChannelID(c.ID), v.Cum))
		if err != nil {
			return nil, err
		}
		theirs, err := signature(v.Signature)
		if err != nil {
			return nil, err
		}
		return contract.CloseCooperative(cfg, v.Cum, ours, theirs)
	case opRedeem:
		rows, err := redemptions(c.Rows)
		if err != nil {
			return nil, err
		}
		return contract.RedeemMany(o.wallet.Address(), rows)
	}
	return nil, fmt.Errorf("no such call as %.20q", c.Kind)
}

// consent signs that the contract may take the amount for this channel
// (EIP-3009). The same call is signed the same way again.
func (o *onchain) consent(ctx context.Context, cfg contract.Config, c call) (contract.Authorization, error) {
	a := contract.Authorization{ValidBefore: uint64(c.Since.Add(consentFor).Unix())}
	binary.BigEndian.PutUint64(a.Salt[24:], c.N)
	sig, err := o.wallet.SignTyped(ctx, o.token.AuthorizationTyped(o.at, cfg, c.Amount, a))
	a.Signature = sig
	return a, err
}

func (o *onchain) done(_ context.Context, name string) (outcome, error) {
	s, err := o.sender.Status(name)
	if errors.Is(err, chain.ErrNoOp) {
		return outcomeNone, nil
	}
	if err != nil {
		return outcomeNone, err
	}
	switch s.State {
	case chain.Final:
		return outcomeFinal, nil
	case chain.Failed, chain.Replaced:
		return outcomeFailed, nil
	case chain.Queued, chain.Pending, chain.Mined:
		return outcomePending, nil
	}
	return outcomePending, nil
}

func (o *onchain) sound(ctx context.Context, rows []claim) ([]claim, error) {
	list, err := redemptions(rows)
	if err != nil {
		return nil, err
	}
	reasons, err := o.at.Check(ctx, atHead{o.client}, o.wallet.Address(), list, nil)
	if err != nil {
		return nil, err
	}
	var good []claim
	for i, why := range reasons {
		if why == contract.None {
			good = append(good, rows[i])
		}
	}
	return good, nil
}

func (o *onchain) cost(ctx context.Context, rows int) (uint64, error) {
	fees, err := o.client.Fees(ctx)
	if err != nil {
		return 0, err
	}
	wei := new(big.Int).SetUint64(fees.Base)
	wei.Add(wei, new(big.Int).SetUint64(fees.Tip))
	wei.Mul(wei, big.NewInt(redeemBase+int64(rows)*redeemEach))
	wei.Mul(wei, new(big.Int).SetUint64(o.coin))
	wei.Div(wei, new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))
	if !wei.IsUint64() {
		return ^uint64(0), nil
	}
	return wei.Uint64(), nil
}

// digestSigner is a signer that can do without seeing what it signs, which
// costs a tenth: a key in memory.
type digestSigner interface {
	SignDigest(digest common.Hash) ([65]byte, error)
}

func (o *onchain) sign(ctx context.Context, id common.Hash, v voucher) ([]byte, error) {
	return signWith(ctx, o.voucher, o.at.VoucherDigest(contract.ChannelID(id), v.Cum, v.Root), func() apitypes.TypedData {
		return o.at.VoucherTyped(contract.ChannelID(id), v.Cum, v.Root)
	})
}

func signWith(ctx context.Context, by chain.Signer, digest common.Hash, typed func() apitypes.TypedData) ([]byte, error) {
	var sig [65]byte
	var err error
	if fast, ok := by.(digestSigner); ok {
		sig, err = fast.SignDigest(digest)
	} else {
		sig, err = by.SignTyped(ctx, typed())
	}
	return sig[:], err
}

func (o *onchain) signedBy(id common.Hash, v voucher) (common.Address, error) {
	sig, err := signature(v.Signature)
	if err != nil {
		return common.Address{}, err
	}
	return contract.Recover(o.at.VoucherDigest(contract.ChannelID(id), v.Cum, v.Root), sig)
}

func (o *onchain) agree(ctx context.Context, id common.Hash, cum uint64) ([]byte, error) {
	sig, err := o.wallet.SignTyped(ctx, o.at.CloseTyped(contract.ChannelID(id), cum))
	return sig[:], err
}

func (o *onchain) agreedBy(id common.Hash, cum uint64, raw []byte) (common.Address, error) {
	sig, err := signature(raw)
	if err != nil {
		return common.Address{}, err
	}
	return contract.Recover(o.at.CloseDigest(contract.ChannelID(id), cum), sig)
}

func (o *onchain) identify(t terms) common.Hash { return common.Hash(o.at.ChannelID(t.config())) }

func redemptions(rows []claim) ([]contract.Redemption, error) {
	out := make([]contract.Redemption, 0, len(rows))
	for _, row := range rows {
		sig, err := signature(row.Voucher.Signature)
		if err != nil {
			return nil, err
		}
		out = append(out, contract.Redemption{
			Config:  row.Terms.config(),
			Voucher: contract.Voucher{Cumulative: row.Voucher.Cum, Root: row.Voucher.Root, Signature: sig},
		})
	}
	return out, nil
}

func signature(raw []byte) (s contract.Signature, err error) {
	if len(raw) != len(s) {
		return s, fmt.Errorf("signature of %d bytes: %w", len(raw), contract.ErrSignature)
	}
	return contract.Signature(raw), nil
}
