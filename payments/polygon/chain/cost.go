package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"infernet.tech/infernet/store"
)

// marginPerMille is what an estimated gas limit is raised to: state changes
// between the estimate and the block.
const marginPerMille = 1200

// gasRef names an Op's gas in the budget.
func gasRef(ref string) string { return "gas/" + ref }

// most is the most x can cost in gwei, value included.
func (s *Sender) most(x Sent) uint64 { return inGwei(x.Gas, s.cfg.MaxFee) + valueGwei(x.Op) }

// inGwei is gas times wei a gas, in gwei, rounded up.
func inGwei(gas, fee uint64) uint64 { return (gas*((fee+999)/1000) + 999_999) / 1_000_000 }

func valueGwei(op Op) uint64 {
	n, rest := new(big.Int).QuoRem(op.value(), new(big.Int).SetUint64(Gwei), new(big.Int))
	if n.BitLen() > 62 {
		return 1 << 62 // over any ceiling
	}
	if rest.Sign() > 0 {
		return n.Uint64() + 1
	}
	return n.Uint64()
}

// settleBudget puts what an Op did cost in place of the most it could. It is
// spent already: a budget that is full by now keeps nobody from writing it down.
func (s *Sender) settleBudget(tx store.Txn, ref string, gwei uint64) error {
	if err := s.budget.Return(tx, gasRef(ref)); err != nil || gwei == 0 {
		return err
	}
	if err := s.budget.Take(tx, gasRef(ref), gwei); err != nil {
		s.log.Warn("gas was spent that the ceiling has no room for", "ref", ref, "gwei", gwei, "err", err)
	}
	return nil
}

// estimate is the gas op needs now, with a margin; the most of what endpoints
// say, because too little is paid for and fails. That it reverts is believed
// when all say so.
func (c *Client) estimate(ctx context.Context, v View, from common.Address, op Op, limit uint64) (uint64, error) {
	call := Call{From: from, To: op.To, Data: op.Data, Value: op.Value}
	var most uint64
	var reverted, other error
	for _, a := range ask(ctx, v.good, func(ctx context.Context, e *endpoint) (uint64, error) {
		var gas hexutil.Uint64
		err := e.call(ctx, &gas, "eth_estimateGas", call.args())
		return uint64(gas), err
	}) {
		switch {
		case a.err == nil && a.value > limit:
			other = fmt.Errorf("it needs %d gas, over the limit of %d", a.value, limit)
		case a.err == nil:
			most = max(most, a.value)
		case errors.Is(a.err, ErrReverted):
			reverted = a.err
		default:
			other = a.err
		}
	}
	switch {
	case most > 0:
		return min(most*marginPerMille/1000, limit), nil
	case reverted != nil && other == nil:
		return 0, reverted
	}
	return 0, fmt.Errorf("gas cannot be estimated: %w", other)
}
