package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// maxLogs is how many logs one answer may have.
const maxLogs = 20_000

// LogQuery selects logs of blocks From to To, both included; Topics as in
// eth_getLogs: by place, any of the hashes, none for all.
type LogQuery struct {
	Address  common.Address
	Topics   [][]common.Hash
	From, To uint64
}

// Logs returns the logs of final blocks that all endpoints agree on, in order.
// Blocks after the final one are left out. Ranges are cut to what endpoints
// take.
func (c *Client) Logs(ctx context.Context, q LogQuery) ([]types.Log, error) {
	v, err := c.View(ctx)
	if err != nil {
		return nil, err
	}
	q.To = min(q.To, v.Final.Number)
	var out []types.Log
	for q.From <= q.To {
		part := q
		part.To = min(q.To, q.From+c.cfg.Profile.MaxLogs-1)
		logs, err := c.span(ctx, v, part)
		if err != nil {
			return nil, err
		}
		out = append(out, logs...)
		q.From = part.To + 1
	}
	return out, nil
}

// span asks for one range, in halves where it is too much for an endpoint.
func (c *Client) span(ctx context.Context, v View, q LogQuery) ([]types.Log, error) {
	logs, err := settle(c, "logs", ask(ctx, v.good, func(ctx context.Context, e *endpoint) ([]types.Log, error) {
		return e.logs(ctx, q)
	}), sameLogs)
	if err == nil || errors.Is(err, ErrDisagree) || q.From == q.To || !(errors.Is(err, errAnswered) || errors.Is(err, errTooLarge)) {
		return logs, err
	}
	first, second := q, q
	first.To = q.From + (q.To-q.From)/2
	second.From = first.To + 1
	logs, err = c.span(ctx, v, first)
	if err != nil {
		return nil, err
	}
	more, err := c.span(ctx, v, second)
	return append(logs, more...), err
}

// logs asks one endpoint and checks that it answers the question.
func (e *endpoint) logs(ctx context.Context, q LogQuery) ([]types.Log, error) {
	var logs []types.Log
	arg := map[string]any{"address": q.Address, "fromBlock": hexutil.Uint64(q.From), "toBlock": hexutil.Uint64(q.To)}
	if len(q.Topics) > 0 {
		topics := make([]any, len(q.Topics)) // null, not [], matches all
		for i, t := range q.Topics {
			if len(t) > 0 {
				topics[i] = t
			}
		}
		arg["topics"] = topics
	}
	if err := e.call(ctx, &logs, "eth_getLogs", arg); err != nil {
		return nil, err
	}
	if len(logs) > maxLogs {
		return nil, fmt.Errorf("%s: %w: %d logs", e.name, errTooLarge, len(logs))
	}
	for i, l := range logs {
		if !q.matches(l) {
			return nil, fmt.Errorf("%s: %w: a log that was not asked for", e.name, ErrAnswer)
		}
		if i > 0 && !before(logs[i-1], l) {
			return nil, fmt.Errorf("%s: %w: logs out of order", e.name, ErrAnswer)
		}
	}
	return logs, nil
}

func before(a, b types.Log) bool {
	return a.BlockNumber < b.BlockNumber || a.BlockNumber == b.BlockNumber && a.BlockHash == b.BlockHash && a.Index < b.Index
}

func (q LogQuery) matches(l types.Log) bool {
	if l.Address != q.Address || l.Removed || l.BlockNumber < q.From || l.BlockNumber > q.To || l.BlockHash == (common.Hash{}) {
		return false
	}
	for i, any := range q.Topics {
		if len(any) > 0 && (i >= len(l.Topics) || !slices.Contains(any, l.Topics[i])) {
			return false
		}
	}
	return true
}

func sameLogs(a, b []types.Log) bool { return slices.EqualFunc(a, b, sameLog) }

// sameLog compares what a log is and where, not how endpoints adorn it.
func sameLog(a, b types.Log) bool {
	return a.Address == b.Address && slices.Equal(a.Topics, b.Topics) && bytes.Equal(a.Data, b.Data) &&
		a.BlockHash == b.BlockHash && a.BlockNumber == b.BlockNumber && a.TxHash == b.TxHash && a.Index == b.Index
}
