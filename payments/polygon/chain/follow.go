package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"infernet.tech/infernet/store"
)

const (
	// gapRef begins the refs of the sender's own Ops, that fill a gap.
	gapRef = "gap/"
	// transferGas is the limit for a transfer of nothing: it uses 21,000, or what
	// a later fork makes of that.
	transferGas = 50_000
	// maxGap is the widest gap that is filled.
	maxGap = 64
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

// markLowest keeps which transaction is next in the chain and since when: only
// that one can be helped by a higher fee.
func (s *Sender) markLowest(given []Sent, r *round) {
	if n := r.nonces.least; n != s.memory.next {
		s.memory.next, s.memory.nextSince = n, r.now
	}
	s.memory.lowest = ""
	for _, x := range given {
		if *x.Nonce >= r.nonces.least {
			s.memory.lowest = x.Op.Ref
			return
		}
	}
}

// follow brings one Op that has a nonce up to what the chain says.
func (s *Sender) follow(ctx context.Context, r *round, x Sent) error {
	if !x.signed() { // journalled, and then the process ended
		_, err := s.sign(ctx, r, x)
		return ignoreGone(err)
	}
	if r.nonces.most > *x.Nonce || x.State == Mined {
		done, err := s.mined(ctx, r, x)
		if done || err != nil {
			return err
		}
		if x, err = s.Status(x.Op.Ref); err != nil {
			return err
		}
	}
	since := x.last().At
	if s.memory.nextSince.After(since) {
		since = s.memory.nextSince // it was another's turn before
	}
	stuck := x.Op.Ref == s.memory.lowest && r.now.Sub(since) >= s.cfg.BumpEvery
	if stuck {
		if signed, err := s.sign(ctx, r, x); signed || err != nil {
			return err
		}
	}
	// After a start, and because pools forget.
	if sent, known := s.memory.sent[x.Op.Ref]; !known || r.now.Sub(sent) >= s.cfg.BumpEvery {
		if why := s.broadcast(ctx, r, x); !stuck {
			s.wait(x.Op.Ref, why)
		}
	}
	return nil
}

// mined looks for receipts. It reports true when there is no more to do in
// this round.
func (s *Sender) mined(ctx context.Context, r *round, x Sent) (bool, error) {
	rec, all, err := s.c.receipt(ctx, r.view, x)
	ref := x.Op.Ref
	switch {
	case err != nil:
		s.wait(ref, err)
		return true, nil
	case rec == nil:
		return s.gone(r, x)
	}
	delete(s.memory.missing, ref)
	final := all && uint64(rec.Block) <= r.view.Final.Number
	if !final && uint64(rec.Block) <= r.view.Final.Number {
		s.wait(ref, errors.New("not every endpoint has its receipt yet"))
	} else {
		s.wait(ref, nil)
	}
	if !final && x.State == Mined && x.BlockHash == rec.BlockHash {
		return true, nil
	}
	return true, s.change(ref, func(tx store.Txn, x *Sent) error {
		x.State, x.Hash, x.Block, x.BlockHash = Mined, rec.TxHash, uint64(rec.Block), rec.BlockHash
		x.GasUsed, x.GasPrice, x.Reverted = uint64(rec.GasUsed), uint64(rec.GasPrice), rec.Status == 0
		if !final {
			return nil
		}
		x.State, x.Raw = Final, nil
		cost := inGwei(min(x.GasUsed, maxGas), min(x.GasPrice, maxFeeWei))
		if x.Reverted {
			x.State, x.Reason = Failed, fmt.Sprintf("reverted in block %d", rec.Block)
		} else {
			cost += valueGwei(x.Op)
		}
		return s.settleBudget(tx, ref, cost)
	})
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

// gone handles a nonce that is used, or was, while no endpoint knows a receipt
// of ours: a reorg took it out, an endpoint's index lags, or another
// transaction has the nonce. The last is believed when the nonce is used in a
// final block and it stayed so for two bumps.
func (s *Sender) gone(r *round, x Sent) (bool, error) {
	ref := x.Op.Ref
	if r.nonces.final <= *x.Nonce {
		delete(s.memory.missing, ref)
		if x.State != Mined {
			return r.nonces.least > *x.Nonce, nil // one endpoint may be ahead, or wrong
		}
		delete(s.memory.sent, ref)
		return false, s.change(ref, func(_ store.Txn, x *Sent) error {
			x.State, x.Block, x.BlockHash, x.GasUsed, x.GasPrice, x.Reverted = Pending, 0, common.Hash{}, 0, 0, false
			x.Hash = x.last().Hash
			return nil
		})
	}
	since, ok := s.memory.missing[ref]
	if !ok {
		since = r.now
		s.memory.missing[ref] = since
	}
	if r.now.Sub(since) < 2*s.cfg.BumpEvery {
		s.wait(ref, fmt.Errorf("nonce %d is used and no receipt of it is known yet", *x.Nonce))
		return true, nil
	}
	return true, s.change(ref, func(tx store.Txn, x *Sent) error {
		x.State, x.Raw = Replaced, nil
		x.Reason = fmt.Sprintf("another transaction has nonce %d", *x.Nonce)
		return s.settleBudget(tx, ref, 0)
	})
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

// fillGaps sends nothing to ourselves under nonces that no Op has and that
// transactions of ours wait behind: an endpoint told a nonce too high once, or
// a transaction of before this journal was lost.
func (s *Sender) fillGaps(ctx context.Context, r *round) error {
	missing, err := s.gaps(r)
	if err != nil || len(missing) == 0 {
		clear(s.memory.gap)
		return err
	}
	for n := range s.memory.gap {
		if !slices.Contains(missing, n) {
			delete(s.memory.gap, n)
		}
	}
	for _, n := range missing {
		since, seen := s.memory.gap[n]
		if !seen {
			s.memory.gap[n] = r.now
		}
		if !seen || r.now.Sub(since) < s.cfg.BumpEvery || s.cheap(ctx, r) != nil {
			continue
		}
		if err := s.fill(ctx, r, n); err != nil {
			return err
		}
	}
	return nil
}

// gaps lists the nonces from the chain's next to ours that no Op has.
func (s *Sender) gaps(r *round) (missing []uint64, err error) {
	open, err := s.open()
	if err != nil {
		return nil, err
	}
	given, _ := split(open)
	if len(given) == 0 {
		return nil, nil
	}
	high := given[len(given)-1]
	err = s.s.View(func(rd store.Reader) error {
		missing = nil
		for n := r.nonces.most; n < *high.Nonce; n++ {
			if n-r.nonces.most >= maxGap {
				s.wait(high.Op.Ref, fmt.Errorf("nonce %d is too far from the chain's %d", *high.Nonce, r.nonces.most))
				missing = nil
				return nil
			}
			switch _, err := rd.Get(s.nonceKey(n)); {
			case errors.Is(err, store.ErrNotFound):
				missing = append(missing, n)
			case err != nil:
				return err
			}
		}
		return nil
	})
	return missing, err
}

// fill journals and sends the filler of one nonce.
func (s *Sender) fill(ctx context.Context, r *round, nonce uint64) error {
	op := Op{Ref: fmt.Sprintf("%s%d", gapRef, nonce), To: s.addr, Gas: transferGas, Why: "a nonce that transactions wait behind"}
	var x Sent
	err := s.s.Update(func(tx store.Txn) error {
		// One that was not signed before is begun anew.
		if old, err := s.get(tx, op.Ref); err == nil && old.Nonce == nil {
			if err := tx.Delete(s.key("op", op.Ref)); err != nil {
				return err
			}
		}
		if err := s.add(tx, op); err != nil {
			return err
		}
		var err error
		if x, err = s.get(tx, op.Ref); err != nil {
			return err
		}
		x.Gas = transferGas
		if err := s.budget.Take(tx, gasRef(op.Ref), s.most(x)); err != nil {
			return errors.Join(errBudget, err)
		}
		return errors.Join(s.give(tx, &x, nonce), s.put(tx, x))
	})
	if errors.Is(err, errBudget) {
		return nil // told at the Ops that wait
	}
	if err != nil {
		return err
	}
	s.log.Warn("filling a gap of nonces", "nonce", nonce, "chain", r.nonces.most)
	_, err = s.sign(ctx, r, x)
	return ignoreGone(err)
}

// isFiller tells the sender's own Ops.
func isFiller(ref string) bool { return strings.HasPrefix(ref, gapRef) }
