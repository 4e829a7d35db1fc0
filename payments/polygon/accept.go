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

// refusal is why a payee does not take a voucher: a code and words for people.
type refusal struct{ code, text string }

func (e *refusal) Error() string { return e.code + ": " + e.text }

func refuse(code, format string, args ...any) error {
	return &refusal{code, clip(fmt.Sprintf(format, args...))}
}

// takeVoucher judges a voucher and keeps it, and returns the answer.
func (r *Rail) takeVoucher(ctx context.Context, peer identity.PubKey, e wire.Event) (wire.Event, error) {
	by, err := r.accept(ctx, peer, e)
	if err == nil {
		return by, nil
	}
	return r.refusalFor(peer, e, err)
}

// refusalFor is the answer to a document that was not taken because of err.
func (r *Rail) refusalFor(peer identity.PubKey, e wire.Event, err error) (wire.Event, error) {
	var no *refusal
	if !errors.As(err, &no) {
		// Ours to mend: nothing was decided, and a stranger need not know more.
		r.log.Error("polygon: not decided", "peer", peer.Short(), "kind", e.Kind, "err", err)
		no = &refusal{CodeBusy, "not decided, send again"}
	}
	return r.refusal(e, no)
}

func (r *Rail) countersign(e wire.Event) (wire.Event, error) {
	return wire.Seal(r.key, wire.Countersign{Of: e.ID, Role: wire.RolePayee}, r.clock())
}

func (r *Rail) refusal(e wire.Event, no *refusal) (wire.Event, error) {
	return wire.Seal(r.key, wire.Error{Ref: e.ID, Code: no.code, Text: no.text}, r.clock())
}

func (r *Rail) accept(ctx context.Context, peer identity.PubKey, e wire.Event) (by wire.Event, err error) {
	doc, err := wire.Decode[wire.Voucher](e)
	if err != nil {
		return by, refuse(CodeBadVoucher, "%v", err)
	}
	id, v, err := r.readVoucher(doc)
	if err != nil {
		return by, err
	}
	unlock, err := r.taking.lock(ctx, peer)
	if err != nil {
		return by, err
	}
	defer unlock()
	c, known, err := r.taken(peer, id)
	if err != nil {
		return by, err
	}
	if known && v.Cum > 0 && c.Last.Cum == v.Cum && c.Last.Total == v.Total && c.Last.Root == v.Root {
		return r.countersign(e)
	}
	if v.Cum == 0 || known && v.Cum <= max(c.Last.Cum, c.Claimed) {
		return by, refuse(CodeStale, "%d is not above %d", v.Cum, max(c.Last.Cum, c.Claimed))
	}
	if c, err = r.look(ctx, peer, id, c, known, v.Cum); err != nil {
		return by, err
	}
	if err := r.judge(c, id, v); err != nil {
		return by, err
	}
	d, err := r.acct.Owed(ctx, peer)
	if err != nil {
		return by, err
	}
	if err := fits(c, d, v); err != nil {
		return by, err
	}
	return r.keep(c, d, v, e)
}

// readVoucher returns what the document says when it is of this rail, network
// and contract.
func (r *Rail) readVoucher(doc wire.Voucher) (id common.Hash, v voucher, err error) {
	p := r.l.place()
	switch {
	case doc.Rail != Name, doc.Network != p.Network:
		return id, v, refuse(CodeForeign, "this is %s on %s", Name, p.Network)
	case !common.IsHexAddress(doc.Contract) || common.HexToAddress(doc.Contract) != p.Contract:
		return id, v, refuse(CodeForeign, "the contract here is %s", p.Contract)
	}
	id, err = parseID(doc.Channel)
	if err != nil {
		return id, v, refuse(CodeBadChannel, "%v", err)
	}
	sig, err := hex.DecodeString(doc.Signature)
	if err != nil {
		return id, v, refuse(CodeBadVoucher, "signature is not hex")
	}
	return id, voucher{
		Cum: doc.Cumulative, Total: doc.Total, Root: common.Hash(doc.Root), Signature: sig, At: r.now(),
	}, nil
}

// look returns the channel as the chain has it, not older than Config.StateAge
// and fresh where cum is above what was known to be deposited.
func (r *Rail) look(ctx context.Context, peer identity.PubKey, id common.Hash, c incoming, known bool, cum uint64) (incoming, error) {
	err := r.fresh(ctx)
	if err != nil {
		return c, refuse(CodeBusy, "the chain cannot be relied upon now")
	}
	if known && r.clock().Sub(c.Seen) < r.cfg.StateAge && cum <= c.Balance {
		return c, nil
	}
	if known {
		if err := r.refresh(ctx, id, ""); err != nil {
			r.log.Warn("polygon: channel not read", "channel", id, "err", err)
			return c, refuse(CodeBusy, "the chain cannot be read now")
		}
		return r.in(id)
	}
	if c.Terms, err = r.seen(ctx, peer, id); err != nil {
		return c, err
	}
	on, err := r.l.channel(ctx, id, c.Terms)
	switch {
	case errors.Is(err, ErrNoChannel):
		return c, refuse(CodeNoChannel, "no such channel at a finalised block")
	case err != nil:
		r.log.Warn("polygon: channel not read", "channel", id, "err", err)
		return c, refuse(CodeBusy, "the chain cannot be read now")
	}
	c.ID, c.Peer, c.State, c.Before = id, peer, StateOpen, on.Claimed
	c.enter(on)
	return c, nil
}

// enter takes over what the chain says.
func (c *incoming) enter(on onChain) {
	// Two looks may be entered in the other order: a deposit, what was redeemed
	// and a close never go back.
	c.Terms, c.Claimed, c.Seen = on.Terms, max(c.Claimed, on.Claimed), on.At
	if !on.CloseAt.IsZero() {
		c.CloseAt = on.CloseAt
	}
	if !on.Ended {
		c.Balance = max(c.Balance, on.Balance)
	}
	switch {
	case on.Ended:
		if c.State != StateClosed {
			c.Lost = c.Last.Cum - min(c.Last.Cum, c.Claimed)
		}
		c.State = StateClosed
	case !on.CloseAt.IsZero() && c.State == StateOpen:
		c.State = StateClosing
	}
}

// suits asks whether we are paid through such a channel, whatever a voucher says.
func (r *Rail) suits(c incoming) error {
	p := r.l.place()
	delay := time.Duration(min(c.Terms.Delay, uint64(r.cfg.MaxDelay/time.Second)+1)) * time.Second
	switch {
	case c.Terms.Payee != p.Wallet:
		return refuse(CodeBadChannel, "it pays %s, not %s", c.Terms.Payee, p.Wallet)
	case delay < r.cfg.MinDelay:
		return refuse(CodeBadChannel, "its delay is %s, at least %s is asked", delay, r.cfg.MinDelay)
	case c.State != StateOpen || !c.CloseAt.IsZero() || c.Agreed:
		return refuse(CodeClosing, "its close was started")
	}
	return nil
}

// judge asks all that the channel alone decides; c is as fresh as it must be.
func (r *Rail) judge(c incoming, id common.Hash, v voucher) error {
	if err := r.suits(c); err != nil {
		return err
	}
	switch {
	case v.Cum <= c.Claimed:
		return refuse(CodeStale, "%d is not above %d", v.Cum, c.Claimed)
	case v.Cum > c.Balance:
		return refuse(CodeOverDeposit, "%d is above the final deposit of %d", v.Cum, c.Balance)
	}
	// Last, because it is the dearest.
	by, err := r.l.signedBy(id, v)
	if err != nil || by != c.Terms.Signer {
		return refuse(CodeBadVoucher, "not signed by the channel's signer")
	}
	return nil
}

// fits asks whether the voucher makes good what it says it does of the notes d.
func fits(c incoming, d account.Debt, v voucher) error {
	gives := c.gives(v)
	switch {
	case v.Total > d.Total:
		return refuse(CodeDiverged, "it makes good %d, noted are %d", v.Total, d.Total)
	case v.Total > d.Settled && v.Total-d.Settled > gives:
		return refuse(CodeDiverged, "it gives %d and makes good %d after %d", gives, v.Total, d.Settled)
	case v.Total == d.Total && v.Root != common.Hash(d.Root):
		return refuse(CodeDiverged, "it is of other notes")
	}
	return nil
}

// seen returns what a channel is that no voucher came through yet. It keeps a
// peer from filling the store with channels.
func (r *Rail) seen(ctx context.Context, peer identity.PubKey, id common.Hash) (t terms, err error) {
	n, known := 0, false
	read := func(tx store.Reader) error {
		n = 0
		list, err := incomingFrom(tx, peer)
		for _, c := range list {
			if !c.State.ended() {
				n++
			}
		}
		if err == nil {
			known, err = get(tx, seenKey(id), &t)
		}
		return err
	}
	if err := r.s.View(read); err != nil {
		return t, err
	}
	if n >= r.cfg.Channels {
		return t, refuse(CodeBadChannel, "at most %d channels are open at once", r.cfg.Channels)
	}
	if !known {
		// The watcher may be a moment behind the payer's.
		if err := r.catchUp(ctx); err != nil {
			r.log.Warn("polygon: events not read", "err", err)
			return t, refuse(CodeBusy, "the chain cannot be read now")
		}
		if err := r.s.View(read); err != nil {
			return t, err
		}
	}
	if !known {
		return t, refuse(CodeNoChannel, "no such channel at a finalised block")
	}
	return t, nil
}

// gives is how much more than before a voucher is worth. What was redeemed
// before this node knew the channel is worth nothing now.
func (c incoming) gives(v voucher) uint64 {
	had := max(c.Last.Cum, c.Claimed)
	return v.Cum - min(had, v.Cum)
}

// keep stores the voucher as the channel's last, and what it makes good. The
// peer's lock is held, so that only redeeming writes beside it.
func (r *Rail) keep(c incoming, d account.Debt, v voucher, doc wire.Event) (by wire.Event, err error) {
	if by, err = r.countersign(doc); err != nil {
		return by, err
	}
	return by, r.s.Update(func(tx store.Txn) error {
		var now incoming
		known, err := get(tx, inKey(c.ID), &now)
		switch {
		case err != nil:
			return err
		case known && now.Peer != c.Peer:
			return refuse(CodeBadChannel, "channel is another peer's")
		case known && (now.Agreed || now.State != StateOpen):
			return refuse(CodeClosing, "its close was started")
		case !known:
			now = c
			if err := tx.Set(ofKey(c.Peer, c.ID), []byte{1}); err != nil {
				return err
			}
		}
		if now.unclaimed() == 0 {
			now.First = v.At
		}
		// What was redeemed meanwhile was of the vouchers before this one.
		delta := v.Cum - max(now.Last.Cum, now.Before)
		now.Last = v
		_, err = r.acct.Journal().Put(tx, payments.Entry{
			Direction: payments.In, Ref: settleRef(c.ID, v.Cum), Peer: c.Peer, Amount: r.amount(delta),
			State: payments.StateCaptured, Reason: "voucher countersigned", Doc: doc.Bytes(), Answer: by.Bytes(),
		})
		if err != nil {
			return err
		}
		if err := r.acct.SettledIn(tx, c.Peer, max(d.Settled, v.Total), r.clock()); err != nil {
			return err
		}
		return put(tx, inKey(c.ID), now)
	})
}
