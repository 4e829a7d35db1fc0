package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// Call is one read of a contract; From may be zero.
type Call struct {
	From, To common.Address
	Data     []byte
	Value    *big.Int
}

func (c Call) args() map[string]any {
	m := map[string]any{"from": c.From, "to": c.To, "input": hexutil.Bytes(c.Data)}
	if c.Value != nil && c.Value.Sign() > 0 {
		m["value"] = (*hexutil.Big)(c.Value)
	}
	return m
}

// said is the outcome of a call at one endpoint that answered.
type said struct {
	bytes    []byte
	reverted *RevertError
}

func (s said) same(t said) bool {
	return (s.reverted == nil) == (t.reverted == nil) && bytes.Equal(s.bytes, t.bytes)
}

// CallFinal makes the calls at one final block, the same answers from all
// endpoints. A call that reverts is ErrReverted.
func (c *Client) CallFinal(ctx context.Context, calls ...Call) ([][]byte, Block, error) {
	v, err := c.View(ctx)
	if err != nil {
		return nil, Block{}, err
	}
	out := make([][]byte, 0, len(calls))
	for _, call := range calls {
		b, err := c.agreed(ctx, v, "eth_call", call.args(), atBlock(v.Final))
		if err != nil {
			return nil, v.Final, err
		}
		out = append(out, b)
	}
	return out, v.Final, nil
}

// atBlock names a block by its hash (EIP-1898), so that an endpoint cannot
// answer for another of the same number.
func atBlock(b Block) any {
	return map[string]any{"blockHash": b.Hash, "requireCanonical": true}
}

// agreed asks all good endpoints of v for bytes and returns what all say.
func (c *Client) agreed(ctx context.Context, v View, method string, args ...any) ([]byte, error) {
	s, err := settle(c, method, ask(ctx, v.good, func(ctx context.Context, e *endpoint) (said, error) {
		var b hexutil.Bytes
		err := e.call(ctx, &b, method, args...)
		var reverted *RevertError
		if errors.As(err, &reverted) {
			return said{nil, reverted}, nil
		}
		return said{b, nil}, err
	}), said.same)
	if err == nil && s.reverted != nil {
		err = s.reverted
	}
	return s.bytes, err
}

// settle returns the value that all say who answered, if they are a quorum.
func settle[T any](c *Client, what string, answers []answer[T], same func(a, b T) bool) (value T, err error) {
	var (
		n       int
		first   *endpoint
		missing error
	)
	for _, a := range answers {
		switch {
		case a.err != nil:
			missing = a.err
		case n > 0 && !same(value, a.value):
			err := fmt.Errorf("%w: %s and %s on %s", ErrDisagree, first.name, a.e.name, what)
			c.disagreed(err)
			return value, err
		default:
			value, first = a.value, a.e
			n++
		}
	}
	if n < c.cfg.Quorum {
		return value, fmt.Errorf("%w: %d of %d, %d needed: %w", ErrUnreachable, n, len(c.endpoints), c.cfg.Quorum, missing)
	}
	return value, nil
}

// Try makes the call at the newest block: a simulation, no truth. A call that
// reverts at every endpoint that answers is ErrReverted; *RevertError has the
// contract's error.
func (c *Client) Try(ctx context.Context, call Call) ([]byte, error) {
	var reverted, other error
	for _, a := range ask(ctx, c.endpoints, func(ctx context.Context, e *endpoint) (hexutil.Bytes, error) {
		var b hexutil.Bytes
		err := e.call(ctx, &b, "eth_call", call.args(), "latest")
		return b, err
	}) {
		switch {
		case a.err == nil:
			return a.value, nil
		case errors.Is(a.err, ErrReverted):
			reverted = a.err
		default:
			other = a.err
		}
	}
	if reverted != nil {
		return nil, reverted
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, other)
}

// CodeHash is the keccak256 of the code at the final block, or ErrNoCode.
func (c *Client) CodeHash(ctx context.Context, at common.Address) (common.Hash, error) {
	v, err := c.View(ctx)
	if err != nil {
		return common.Hash{}, err
	}
	code, err := c.agreed(ctx, v, "eth_getCode", at, atBlock(v.Final))
	if err != nil {
		return common.Hash{}, err
	}
	if len(code) == 0 {
		return common.Hash{}, fmt.Errorf("%w: %s", ErrNoCode, at)
	}
	return crypto.Keccak256Hash(code), nil
}

// Balance is an account's in wei at the final block.
func (c *Client) Balance(ctx context.Context, of common.Address) (*big.Int, error) {
	v, err := c.View(ctx)
	if err != nil {
		return nil, err
	}
	return settle(c, "a balance", ask(ctx, v.good, func(ctx context.Context, e *endpoint) (*big.Int, error) {
		var b hexutil.Big
		err := e.call(ctx, &b, "eth_getBalance", of, atBlock(v.Final))
		return (*big.Int)(&b), err
	}), func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
}

// nonces are how many transactions of an account are in the chain: at the
// final block, as all say, and at the newest, the least and the most told.
type nonces struct{ final, least, most uint64 }

func (c *Client) nonces(ctx context.Context, v View, of common.Address) (n nonces, err error) {
	count := func(at any) []answer[uint64] {
		return ask(ctx, v.good, func(ctx context.Context, e *endpoint) (uint64, error) {
			var n hexutil.Uint64
			err := e.call(ctx, &n, "eth_getTransactionCount", of, at)
			return uint64(n), err
		})
	}
	n.final, err = settle(c, "a nonce", count(atBlock(v.Final)), func(a, b uint64) bool { return a == b })
	if err != nil {
		return n, err
	}
	var told []uint64
	for _, a := range count("latest") {
		if a.err == nil {
			told = append(told, a.value)
		}
	}
	if len(told) < c.cfg.Quorum {
		return n, fmt.Errorf("%w: %d of %d tell the newest nonce", ErrUnreachable, len(told), len(c.endpoints))
	}
	n.least, n.most = max(n.final, slices.Min(told)), max(n.final, slices.Max(told))
	return n, nil
}

// Fees are what a transaction has to offer now, in wei a gas.
type Fees struct{ Base, Tip uint64 }

// Fees are what is asked now: of what the endpoints say the lower middle, so
// that one alone cannot make us pay more; the tip at least the profile's.
func (c *Client) Fees(ctx context.Context) (Fees, error) {
	v, err := c.View(ctx)
	if err != nil {
		return Fees{}, err
	}
	return c.fees(ctx, v)
}

func (c *Client) fees(ctx context.Context, v View) (Fees, error) {
	answers := ask(ctx, v.good, func(ctx context.Context, e *endpoint) (Fees, error) {
		head, err := e.block(ctx, "latest")
		if err != nil {
			return Fees{}, err
		}
		var tip hexutil.Uint64
		err = e.call(ctx, &tip, "eth_maxPriorityFeePerGas")
		return Fees{Base: head.BaseFee, Tip: uint64(tip)}, err
	})
	var base, tip []uint64
	var missing error
	for _, a := range answers {
		if a.err != nil {
			missing = a.err
			continue
		}
		base, tip = append(base, a.value.Base), append(tip, a.value.Tip)
	}
	if len(base) == 0 {
		return Fees{}, fmt.Errorf("%w: %w", ErrUnreachable, missing)
	}
	slices.Sort(base)
	slices.Sort(tip)
	middle := (len(base) - 1) / 2
	return Fees{Base: base[middle], Tip: max(tip[middle], c.cfg.Profile.MinTip)}, nil
}
