package polygon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// Settle makes good what we owe peer, as far as its channel and the ceiling
// permit, and returns once the payee signed for it. What is left owing is no
// error where nothing could be done about it by asking again: ErrNoRoom says
// that a channel is missing or full, ErrRefused that the payee would not have
// the voucher, payments.ErrCeiling that today's money is spent.
func (r *Rail) Settle(ctx context.Context, peer identity.PubKey) error {
	unlock, err := r.settling.lock(ctx, peer)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		d, err := r.acct.Owing(ctx, peer)
		if err != nil {
			return err
		}
		c, todo, err := r.promise(d)
		if err != nil || !todo {
			return err
		}
		if err := r.present(ctx, c); err != nil {
			return err
		}
	}
}

// settleRef names the entry of a voucher.
func settleRef(id common.Hash, cum uint64) payments.Ref {
	return payments.Ref(fmt.Sprintf("settle/%s/%d", id, cum))
}

// promise writes down the next voucher to be shown, signed by nobody yet, and
// reports whether there is one. One that has no answer is shown again before
// the next is made, so that the payee never has to guess what one covers.
func (r *Rail) promise(d account.Debt) (c outgoing, todo bool, err error) {
	err = r.s.Update(func(tx store.Txn) error {
		c, todo = outgoing{}, false
		var ok bool
		if c, ok, err = current(tx, d.Peer); err != nil {
			return err
		}
		if ok && c.Last.Cum > 0 && !c.Acked && c.State == StateOpen {
			todo = true
			return nil
		}
		owed := d.Total - min(d.Total, d.Settled)
		if owed == 0 {
			return nil
		}
		delta := min(owed, c.room())
		if !ok || delta == 0 || c.Last.Cum > 0 && !c.Acked {
			return fmt.Errorf("%d owed to %s: %w", owed, d.Peer.Short(), ErrNoRoom)
		}
		todo = true
		return r.hold(tx, &c, d, delta)
	})
	return c, todo, err
}

// hold enters a voucher that says delta more than the last one.
func (r *Rail) hold(tx store.Txn, c *outgoing, d account.Debt, delta uint64) error {
	c.Last = voucher{
		Cum: c.Last.Cum + delta, Total: d.Settled + delta,
		Root: common.Hash(d.Root), At: r.now(),
	}
	c.Acked = false
	ref := settleRef(c.ID, c.Last.Cum)
	if err := r.takeCeiling(tx, c, delta); err != nil {
		return err
	}
	_, err := r.acct.Journal().Put(tx, payments.Entry{
		Direction: payments.Out, Ref: ref, Peer: c.Peer, Amount: r.amount(delta),
		State: payments.StateHeld, Reason: fmt.Sprintf("voucher of %s to be signed", r.amount(c.Last.Cum).Human()),
	})
	if err != nil {
		return err
	}
	return put(tx, outKey(c.ID), *c)
}

const (
	// perMilleSpare is how much of the day's ceiling is taken at once, so that
	// vouchers of a thousandth of a cent do not fill its book.
	perMilleSpare = 1
	// spareFor is how long what was taken and not promised may be used; then it
	// is lost to the day, so that no day spends more than its ceiling.
	spareFor = 10 * time.Minute
)

// takeCeiling takes delta from the day's ceiling before it is promised.
func (r *Rail) takeCeiling(tx store.Txn, c *outgoing, delta uint64) error {
	now := r.now()
	if now.Sub(c.Spare.At) >= spareFor {
		c.Spare.Left = 0
	}
	if r.ceiling.PerDay().IsZero() {
		return fmt.Errorf("no daily ceiling is set: %w", payments.ErrCeiling)
	}
	if delta <= c.Spare.Left {
		c.Spare.Left -= delta
		return nil
	}
	c.Spare.N++
	ref := fmt.Sprintf("%s%s/t%d", payments.ClassSettle, c.ID, c.Spare.N)
	more := max(delta-c.Spare.Left, r.ceiling.PerDay().Value/1000*perMilleSpare)
	err := r.ceiling.Take(tx, ref, more)
	if errors.Is(err, payments.ErrCeiling) && more > delta-c.Spare.Left {
		more = delta - c.Spare.Left
		err = r.ceiling.Take(tx, ref, more)
	}
	c.Spare.Left, c.Spare.At = c.Spare.Left+more-delta, now
	return err
}

// present signs the channel's last voucher, shows it to the payee and enters
// the answer.
func (r *Rail) present(ctx context.Context, c outgoing) error {
	sig, err := r.l.sign(ctx, c.ID, c.Last)
	if err != nil {
		return fmt.Errorf("sign voucher: %w", err)
	}
	p := r.l.place()
	e, err := wire.Seal(r.key, wire.Voucher{
		Rail: Name, Network: p.Network, Contract: p.Contract.Hex(), Channel: c.ID.Hex(),
		Cumulative: c.Last.Cum, Total: c.Last.Total, Root: wire.ID(c.Last.Root),
		Signature: hex.EncodeToString(sig),
	}, r.clock())
	if err != nil {
		return err
	}
	answers, err := r.acct.Ask(ctx, c.Peer, e)
	if err != nil {
		return r.unanswered(c, fmt.Errorf("voucher to %s: %w", c.Peer.Short(), err))
	}
	if len(answers) == 0 || answers[0].PubKey != c.Peer {
		return r.unanswered(c, fmt.Errorf("voucher to %s: no answer of its own", c.Peer.Short()))
	}
	switch answers[0].Kind {
	case wire.KindCountersign:
		m, err := wire.Decode[wire.Countersign](answers[0])
		if err != nil || m.Of != e.ID || m.Role != wire.RolePayee {
			return r.unanswered(c, errors.Join(errors.New("countersignature of something else"), err))
		}
		return r.acked(c, e, answers[0])
	case wire.KindError:
		m, err := wire.Decode[wire.Error](answers[0])
		if err != nil || m.Ref != e.ID {
			return r.unanswered(c, errors.Join(errors.New("refusal of something else"), err))
		}
		return r.refused(c, m)
	}
	return r.unanswered(c, fmt.Errorf("answered by a %s", answers[0].Kind))
}

// acked enters that the payee signed for the channel's last voucher.
func (r *Rail) acked(c outgoing, doc, by wire.Event) error {
	return r.s.Update(func(tx store.Txn) error {
		now, err := loadOut(tx, c.ID)
		if err != nil {
			return err
		}
		if now.Last.Cum != c.Last.Cum || now.Acked {
			return nil // entered already, from the chain
		}
		now.Acked = true
		e, err := r.acct.Journal().Get(tx, payments.Out, c.Peer, settleRef(c.ID, c.Last.Cum))
		if err != nil {
			return err
		}
		e.State, e.Reason = payments.StateCaptured, "voucher countersigned"
		e.Doc, e.Answer = doc.Bytes(), by.Bytes()
		if _, err := r.acct.Journal().Put(tx, e); err != nil {
			return err
		}
		if err := r.acct.SettledOut(tx, c.Peer, c.Last.Total, r.clock()); err != nil {
			return err
		}
		return put(tx, outKey(c.ID), now)
	})
}

// unanswered enters that the payee may have the voucher; it stays promised.
func (r *Rail) unanswered(c outgoing, cause error) error {
	return errors.Join(cause, r.doubt(c, cause.Error(), ""))
}

// refused enters what the payee said against a voucher. It has seen it all the
// same and could redeem it, so nothing is released before the chain has spoken.
func (r *Rail) refused(c outgoing, m wire.Error) error {
	why := fmt.Sprintf("%s: %q", m.Code, clip(m.Text))
	stop := ""
	switch m.Code {
	case CodeClosing, CodeBadChannel, CodeOverDeposit, CodeBadVoucher, CodeDiverged, CodeStale, CodeForeign:
		stop = "the payee refused a voucher: " + why
	case CodeBusy, CodeNoChannel: // as long as that may take
	}
	r.log.Info("polygon: voucher refused", "peer", c.Peer.Short(), "channel", c.ID, "code", m.Code)
	return errors.Join(fmt.Errorf("%s: %w: %s", c.Peer.Short(), ErrRefused, why), r.doubt(c, why, stop))
}

// doubt enters why a voucher has no countersignature, and stops the channel
// where stop says why.
func (r *Rail) doubt(c outgoing, cause, stop string) error {
	return r.s.Update(func(tx store.Txn) error {
		e, err := r.acct.Journal().Get(tx, payments.Out, c.Peer, settleRef(c.ID, c.Last.Cum))
		if err != nil || e.State == payments.StateCaptured {
			return err
		}
		if e.State != payments.StateUnknown || e.Reason != clip(cause) {
			e.State, e.Reason = payments.StateUnknown, clip(cause)
			if _, err := r.acct.Journal().Put(tx, e); err != nil {
				return err
			}
		}
		if stop == "" {
			return nil
		}
		now, err := loadOut(tx, c.ID)
		if err != nil || now.State != StateOpen {
			return err
		}
		now.State, now.Reason = StateStopped, stop
		return put(tx, outKey(c.ID), now)
	})
}

func (r *Rail) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }
