package polygon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// funded is what is kept of a payment that was funded and not paid yet.
type funded struct {
	Ref    payments.Ref    `json:"ref"`
	Peer   identity.PubKey `json:"peer"`
	Amount uint64          `json:"amount"`
	At     time.Time       `json:"at"`
}

// Fund implements payments.Funder: it opens a channel to p.Peer where there is
// none with room for p and for all that is owed or funded already, or tops it
// up, and has the payee know of it. Where the credit the payee gives is enough for
// p it does not wait for the chain.
func (r *Rail) Fund(ctx context.Context, p payments.Payment) error {
	if err := p.Validate(r.Unit()); err != nil {
		return payments.Fail(p.Ref, payments.NotCharged, err)
	}
	if err := r.fund(ctx, p); err != nil {
		if errors.Is(err, chain.ErrUnreachable) || errors.Is(err, chain.ErrStale) {
			err = fmt.Errorf("%w: %w", payments.ErrAway, err)
		}
		return payments.Fail(p.Ref, payments.NotCharged, err)
	}
	return nil
}

func (r *Rail) fund(ctx context.Context, p payments.Payment) error {
	f := funded{Ref: p.Ref, Peer: p.Peer, Amount: p.Amount.Value, At: r.now()}
	err := r.s.Update(func(tx store.Txn) error {
		var old funded
		known, err := get(tx, fundKey(p.Ref), &old)
		if err != nil {
			return err
		}
		if known && (old.Peer != f.Peer || old.Amount != f.Amount) {
			return fmt.Errorf("%s: %w", p.Ref, payments.ErrConflict)
		}
		return errors.Join(put(tx, fundKey(p.Ref), f), put(tx, fundsKey(p.Peer, p.Ref), f))
	})
	if err != nil {
		return err
	}
	t, err := r.termsOf(ctx, p.Peer)
	if err == nil {
		err = r.makeRoom(ctx, p.Peer, t)
	}
	if err != nil {
		return errors.Join(err, r.Release(ctx, p.Ref, "not funded"))
	}
	return nil
}

// Release implements payments.Funder. The channel stays: it is the next
// payment's.
func (r *Rail) Release(_ context.Context, ref payments.Ref, _ string) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	return r.s.Update(func(tx store.Txn) error { return r.unfund(tx, ref) })
}

func (r *Rail) unfund(tx store.Txn, ref payments.Ref) error {
	var f funded
	known, err := get(tx, fundKey(ref), &f)
	if err != nil || !known {
		return err
	}
	return errors.Join(tx.Delete(fundKey(ref)), tx.Delete(fundsKey(f.Peer, ref)))
}

// needed is what the channel to peer must have room for: what is owed and not
// made good, and what is funded for work that is under way.
func (r *Rail) needed(ctx context.Context, peer identity.PubKey) (uint64, error) {
	d, err := r.acct.Owing(ctx, peer)
	if err != nil {
		return 0, err
	}
	sum := r.amount(d.Total - min(d.Settled, d.Total))
	err = r.s.View(func(tx store.Reader) error {
		list, err := all[funded](tx, fundsPrefix(peer))
		for _, f := range list {
			if err == nil && !r.forgotten(f) {
				sum, err = sum.Add(r.amount(f.Amount))
			}
		}
		return err
	})
	return sum.Value, err
}

// forgotten reports whether what was funded was neither paid nor released for so
// long that nobody will: whoever would have was killed.
func (r *Rail) forgotten(f funded) bool { return r.clock().Sub(f.At) >= r.cfg.Account.ExpectFor }

// forget drops what is forgotten.
func (r *Rail) forget() error {
	return r.s.Update(func(tx store.Txn) error {
		list, err := all[funded](tx, refPrefix)
		for _, f := range list {
			if err == nil && r.forgotten(f) {
				err = r.unfund(tx, f.Ref)
			}
		}
		return err
	})
}

// makeRoom makes the channel to peer large enough, and waits until the payee
// counts on it, unless its credit is enough for all that is needed.
func (r *Rail) makeRoom(ctx context.Context, peer identity.PubKey, t payeeTerms) error {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		need, err := r.needed(ctx, peer)
		if err != nil {
			return err
		}
		onCredit := need <= t.Limit
		if !onCredit && need-t.Limit > t.MaxCover {
			return fmt.Errorf("%s lets no more than %s be owed, %s is needed: %w",
				peer.Short(), r.amount(t.Limit+t.MaxCover).Human(), r.amount(need).Human(), payments.ErrOverLimit)
		}
		enough, err := r.stepRoom(ctx, peer, t)
		if err != nil || onCredit {
			return err // a deposit may be on its way
		}
		if enough {
			if counted, err := r.introduceTo(ctx, peer); err != nil || counted {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("deposit for %s is on its way: %w", peer.Short(), ctx.Err())
		case <-tick.C:
		}
	}
}

// stepRoom does the next thing towards a channel with room and reports whether
// there is enough of it.
func (r *Rail) stepRoom(ctx context.Context, peer identity.PubKey, t payeeTerms) (bool, error) {
	unlock, err := r.funding.lock(ctx, peer)
	if err != nil {
		return false, err
	}
	defer unlock()
	need, err := r.needed(ctx, peer)
	if err != nil {
		return false, err
	}
	c, ok, err := r.currentTo(peer)
	if err != nil {
		return false, err
	}
	if ok && c.Op != nil {
		if err := r.advanceOut(ctx, c.ID); err != nil {
			return false, err
		}
		if c, ok, err = r.currentTo(peer); err != nil {
			return false, err
		}
	}
	switch {
	case ok && c.room() >= need:
		return true, nil
	case ok && c.coming() >= need:
		return false, nil // wait
	case ok && c.Op != nil:
		return false, nil // one thing after the other
	case r.limits().Deposit == 0:
		return false, fmt.Errorf("no deposit is configured: %w", ErrDeposit)
	case ok && c.State == StateOpen:
		return false, r.topUp(ctx, c, max(r.limits().Deposit, need-c.room()))
	case ok && !c.State.ended() && c.Spurned:
		// A payee that refuses one channel after the other must not have a deposit
		// locked, and gas paid, for each.
		return false, fmt.Errorf("%s: %w: %s", peer.Short(), ErrRefused, c.Reason)
	case ok && !c.State.ended() && c.unsettled():
		// Whether the payee counts its last voucher is not known before the
		// chain has the last word.
		return false, fmt.Errorf("channel %s ends with a voucher in doubt: %w", c.ID, ErrNoRoom)
	}
	return false, r.open(ctx, peer, t, max(r.limits().Deposit, need))
}

// open writes down a new channel and sends its deposit.
func (r *Rail) open(ctx context.Context, peer identity.PubKey, t payeeTerms, deposit uint64) error {
	if err := r.mayLock(ctx, deposit); err != nil {
		return err
	}
	p := r.l.place()
	delay := max(r.cfg.Delay, time.Duration(t.Delay)*time.Second)
	ch := outgoing{
		Peer: peer, State: StateOpening, Deposit: deposit, Created: r.now(),
		Terms: terms{Payer: p.Wallet, Payee: t.Account, Signer: p.Signer, Delay: uint64(delay / time.Second)},
	}
	ch.Terms.Salt = newSalt()
	ch.ID = r.l.identify(ch.Terms)
	err := r.s.Update(func(tx store.Txn) error {
		if err := r.underMost(tx, deposit); err != nil {
			return err
		}
		c := ch
		if err := r.begin(tx, &c, opOpen, deposit, nil); err != nil {
			return err
		}
		return put(tx, nowKey(peer), c.ID)
	})
	if err != nil {
		return err
	}
	r.log.Info("polygon: channel to be opened", "peer", peer.Short(), "channel", ch.ID, "deposit", deposit)
	return r.advanceOut(ctx, ch.ID)
}

// topUp writes down a larger deposit and sends what it adds.
func (r *Rail) topUp(ctx context.Context, c outgoing, by uint64) error {
	if err := r.mayLock(ctx, by); err != nil {
		return err
	}
	err := r.s.Update(func(tx store.Txn) error {
		now, err := loadOut(tx, c.ID)
		if err != nil {
			return err
		}
		if now.Op != nil || now.State != StateOpen {
			return nil // somebody was quicker
		}
		if err := r.underMost(tx, by); err != nil {
			return err
		}
		now.Deposit += by
		return r.begin(tx, &now, opTopUp, by, nil)
	})
	if err != nil {
		return err
	}
	return r.advanceOut(ctx, c.ID)
}

// mayLock asks whether a deposit is possible at all before anything is written.
func (r *Rail) mayLock(ctx context.Context, deposit uint64) error {
	if deposit == 0 || deposit > payments.MaxValue {
		return fmt.Errorf("a deposit of %d: %w", deposit, ErrDeposit)
	}
	if r.ceiling.PerDay().IsZero() {
		return fmt.Errorf("no daily ceiling is set: %w", payments.ErrCeiling)
	}
	if err := r.fresh(ctx); err != nil {
		return err
	}
	have, err := r.l.held(ctx)
	if err != nil {
		return err
	}
	if have < deposit {
		return fmt.Errorf("%d wanted, the wallet has %d: %w", deposit, have, ErrDeposit)
	}
	return nil
}

// underMost keeps all deposits together under Limits.MaxLocked.
func (r *Rail) underMost(tx store.Txn, more uint64) error {
	list, err := all[outgoing](tx, outPrefix)
	if err != nil {
		return err
	}
	locked := uint64(0)
	for _, c := range list {
		locked += c.locked()
	}
	if most := r.limits().MaxLocked; locked > most || more > most-locked {
		return fmt.Errorf("%d locked, %d more wanted, at most %d: %w", locked, more, most, ErrDeposit)
	}
	return r.underDay(tx, more)
}

// underDay keeps what is put into channels within a day under Limits.DayLocked:
// payees that come and go must not have us lock one deposit after the other.
func (r *Rail) underDay(tx store.Txn, more uint64) error {
	most := r.limits().DayLocked
	if most == 0 {
		return nil
	}
	since, sum := r.clock().Add(-ceiling.Day), uint64(0)
	for _, kind := range []string{opOpen, opTopUp} {
		f := payments.Filter{Direction: payments.Out, Prefix: payments.ClassChain + kind + "/"}
		err := r.acct.Journal().Each(tx, f, func(e payments.Entry) error {
			if e.Created.After(since) && (e.State.Open() || e.State == payments.StateCaptured) {
				sum = min(sum+e.Amount.Value, payments.MaxValue)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if sum > most || more > most-sum {
		return fmt.Errorf("%s were put into channels within a day, %s more is wanted, at most %s: %w",
			r.amount(sum).Human(), r.amount(more).Human(), r.amount(most).Human(), payments.ErrCeiling)
	}
	return nil
}

func fundKey(ref payments.Ref) []byte { return []byte(refPrefix + string(ref)) }

func fundsPrefix(peer identity.PubKey) string { return fundPrefix + peer.Hex() + "/" }

func fundsKey(peer identity.PubKey, ref payments.Ref) []byte {
	return []byte(fundsPrefix(peer) + string(ref))
}

func (r *Rail) currentTo(peer identity.PubKey) (c outgoing, ok bool, err error) {
	err = r.s.View(func(tx store.Reader) error {
		c, ok, err = current(tx, peer)
		return err
	})
	return c, ok, err
}

// parseID reads the 32 bytes that name a channel, as 0x and 64 digits.
func parseID(s string) (common.Hash, error) {
	var id common.Hash
	if err := id.UnmarshalText([]byte(s)); err != nil {
		return id, fmt.Errorf("channel %.80q: %w", s, payments.ErrSyntax)
	}
	return id, nil
}
