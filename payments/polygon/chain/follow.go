package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/store"
)

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
