package chain

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// receipt is what is read of one.
type receipt struct {
	TxHash    common.Hash    `json:"transactionHash"`
	BlockHash common.Hash    `json:"blockHash"`
	Block     hexutil.Uint64 `json:"blockNumber"`
	Status    hexutil.Uint64 `json:"status"`
	GasUsed   hexutil.Uint64 `json:"gasUsed"`
	GasPrice  hexutil.Uint64 `json:"effectiveGasPrice"`
}

// receipt returns the receipt of one of x's transactions, nil when no endpoint
// knows one, and whether all that answered say the same. Two receipts of final
// blocks that differ are ErrDisagree.
func (c *Client) receipt(ctx context.Context, v View, x Sent) (rec *receipt, all bool, err error) {
	n := 0
	all = true
	for _, a := range ask(ctx, v.good, func(ctx context.Context, e *endpoint) (*receipt, error) { return e.receiptOf(ctx, x.Tries) }) {
		if a.err != nil {
			err = a.err
			continue
		}
		n++
		switch {
		case n == 1:
			rec = a.value
		case rec == nil && a.value == nil, rec != nil && a.value != nil && *rec == *a.value:
		case rec != nil && a.value != nil && uint64(max(rec.Block, a.value.Block)) <= v.Final.Number:
			err := fmt.Errorf("%w: on the receipt of %s", ErrDisagree, x.Op.Ref)
			c.disagreed(err)
			return nil, false, err
		default:
			all = false
			if rec == nil {
				rec = a.value
			}
		}
	}
	if n < c.cfg.Quorum {
		return nil, false, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return rec, all, nil
}

// receiptOf asks one endpoint for each try, the newest first.
func (e *endpoint) receiptOf(ctx context.Context, tries []Try) (*receipt, error) {
	for _, try := range slices.Backward(tries) {
		var rec *receipt
		if err := e.call(ctx, &rec, "eth_getTransactionReceipt", try.Hash); err != nil {
			return nil, err
		}
		if rec == nil {
			continue
		}
		if rec.TxHash != try.Hash || rec.BlockHash == (common.Hash{}) {
			return nil, fmt.Errorf("%s: %w: a receipt of another transaction", e.name, ErrAnswer)
		}
		return rec, nil
	}
	return nil, nil
}
