package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
