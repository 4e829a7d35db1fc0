package chain

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/store"
)

// A replacement is taken by a pool for at least a tenth more of both fees (geth
// and bor); it is sent for an eighth more.
const (
	bumpPerMille  = 1125
	leastPerMille = 1100
	maxTries      = 64
)

// perMille is n times m thousandths, rounded up; n is at most maxFeeWei.
func perMille(n, m uint64) uint64 { return (n*m + 999) / 1000 }

// cheap asks for the fees, once a round, and says when gas costs more than the
// ceiling.
func (s *Sender) cheap(ctx context.Context, r *round) error {
	if r.fees == nil {
		f, err := s.c.fees(ctx, r.view)
		if err != nil {
			return err
		}
		r.fees = &f
	}
	if base, tip := r.fees.Base, s.c.Profile().MinTip; base > s.cfg.MaxFee || base+tip > s.cfg.MaxFee {
		return fmt.Errorf("gas costs %d gwei, the ceiling is %d: waiting for it to fall", base/Gwei, s.cfg.MaxFee/Gwei)
	}
	return nil
}

// offer is what a first transaction offers: twice the base fee, so that it
// holds over a few full blocks, and never over the ceiling.
func (s *Sender) offer(f Fees) Try {
	cap := min(2*f.Base+min(f.Tip, s.cfg.MaxFee), s.cfg.MaxFee) // f.Base is under the ceiling here
	return Try{Tip: min(f.Tip, cap), FeeCap: cap}
}

// bumped is what the next one offers; an error says that the ceiling is there.
func (s *Sender) bumped(last Try, f Fees) (Try, error) {
	fresh := s.offer(f)
	next := Try{Tip: max(perMille(last.Tip, bumpPerMille), fresh.Tip), FeeCap: max(perMille(last.FeeCap, bumpPerMille), fresh.FeeCap)}
	next.FeeCap = min(next.FeeCap, s.cfg.MaxFee)
	next.Tip = min(next.Tip, next.FeeCap)
	if next.FeeCap < perMille(last.FeeCap, leastPerMille) || next.Tip < perMille(last.Tip, leastPerMille) {
		return Try{}, fmt.Errorf("the fee is at the ceiling of %d gwei: waiting for gas to get cheaper", s.cfg.MaxFee/Gwei)
	}
	return next, nil
}

// sign signs what has a nonce, with new fees, journals it and sends it. It
// reports false when it did not, for the reason that the Op then waits for; one
// that was never signed is queued again.
func (s *Sender) sign(ctx context.Context, r *round, x Sent) (bool, error) {
	ref := x.Op.Ref
	try, why := Try{}, s.cheap(ctx, r)
	if why == nil && x.signed() {
		try, why = s.bumped(x.last(), *r.fees)
	} else if why == nil {
		try = s.offer(*r.fees)
	}
	if r.now.Before(s.memory.refused[ref]) {
		return false, nil
	}
	var raw []byte
	if why == nil {
		raw, why = s.signed(ctx, x, &try)
		if why != nil {
			s.memory.refused[ref] = r.now.Add(s.cfg.BumpEvery) // a person is not asked at every look
		}
	}
	if why != nil {
		s.wait(ref, why)
		if x.signed() || ctx.Err() != nil {
			return false, nil
		}
		return false, s.release(ref)
	}
	try.At = r.now.UTC()
	err := s.change(ref, func(_ store.Txn, now *Sent) error {
		now.Tries, now.Raw, now.Hash = append(now.Tries, try), raw, try.Hash
		x = *now
		return nil
	})
	if err != nil {
		return false, err
	}
	s.wait(ref, s.broadcast(ctx, r, x))
	return true, nil
}

// signed has the transaction of x signed, as asked and by the account.
func (s *Sender) signed(ctx context.Context, x Sent, try *Try) ([]byte, error) {
	if len(x.Tries) >= maxTries {
		return nil, fmt.Errorf("sent %d times", len(x.Tries))
	}
	chainID := new(big.Int).SetUint64(s.c.Profile().ChainID)
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: chainID, Nonce: *x.Nonce, To: &x.Op.To, Value: x.Op.value(), Data: x.Op.Data, Gas: x.Gas,
		GasTipCap: new(big.Int).SetUint64(try.Tip), GasFeeCap: new(big.Int).SetUint64(try.FeeCap),
	})
	ctx, cancel := context.WithTimeout(ctx, s.cfg.SignTimeout)
	defer cancel()
	out, err := s.signer.SignTx(ctx, tx, chainID)
	if err != nil {
		return nil, err
	}
	if err := checkTx(tx, out, chainID, s.addr); err != nil {
		return nil, err
	}
	try.Hash = out.Hash()
	return out.MarshalBinary()
}

// release takes the nonce back from an Op that the signer did not sign, so
// that the next one is not stuck behind it.
func (s *Sender) release(ref string) error {
	return s.change(ref, func(tx store.Txn, x *Sent) error {
		if x.signed() || x.Nonce == nil {
			return ErrUnderway
		}
		nonce := *x.Nonce
		if err := s.budget.Return(tx, gasRef(ref)); err != nil {
			return err
		}
		if err := tx.Delete(s.nonceKey(nonce)); err != nil {
			return err
		}
		x.Nonce, x.Gas, x.State = nil, 0, Queued
		if isFiller(ref) {
			// It was for this nonce only, and is made anew when still needed.
			x.State, x.Reason = Failed, "not signed"
			return nil
		}
		next, err := s.number(tx, "next")
		if err != nil || next != nonce+1 {
			return err
		}
		return s.setNumber(tx, "next", nonce)
	})
}

// broadcast sends the newest transaction of x to all endpoints. What they say
// is for people only; one that has it is enough.
func (s *Sender) broadcast(ctx context.Context, r *round, x Sent) error {
	s.memory.sent[x.Op.Ref] = r.now
	var refused error
	for _, a := range ask(ctx, s.c.endpoints, func(ctx context.Context, e *endpoint) (string, error) {
		var hash string
		err := e.call(ctx, &hash, "eth_sendRawTransaction", hexutil.Bytes(x.Raw))
		return hash, err
	}) {
		if a.err == nil || strings.Contains(a.err.Error(), "already known") {
			return nil
		}
		refused = a.err
	}
	return refused
}
