package polygon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// closeWord begins the Ref of a Release that asks the payee to sign a close.
const closeWord = "close/"

// Close ends a channel we pay through. What is owed is settled first as far as
// it goes, then no more vouchers are signed. Where the payee signs, too, the
// rest comes back at once; else the contract's delay begins, and Run fetches the
// rest when it is over. Closing what is closing changes nothing.
func (r *Rail) Close(ctx context.Context, id common.Hash) error {
	c, err := r.out(id)
	if err != nil {
		return err
	}
	if c.State == StateOpen {
		// What cannot be settled now stays owed; it is no reason to keep the
		// channel.
		if err := r.Settle(ctx, c.Peer); err != nil {
			r.log.Info("polygon: closing with a debt left", "peer", c.Peer.Short(), "err", err)
		}
	}
	unlock, err := r.settling.lock(ctx, c.Peer)
	if err != nil {
		return err
	}
	defer unlock()
	if c, err = r.stop(id); err != nil || c.Op != nil || c.State != StateStopped {
		return err
	}
	agreed, err := r.askClose(ctx, c)
	why := "closed by us"
	if err != nil {
		why += "; the payee does not sign: " + clip(err.Error())
	}
	return r.beginClose(ctx, id, agreed, why)
}

// stop has a channel sign no more vouchers.
func (r *Rail) stop(id common.Hash) (c outgoing, err error) {
	err = r.s.Update(func(tx store.Txn) error {
		if c, err = loadOut(tx, id); err != nil {
			return err
		}
		switch c.State {
		case StateOpen:
			if c.Op != nil {
				return fmt.Errorf("%s is under way: %w", c.Op.Kind, ErrState)
			}
			c.State, c.Reason = StateStopped, "closed by us"
			return put(tx, outKey(id), c)
		case StateOpening:
			return fmt.Errorf("%s: %w", c.State, ErrState)
		case StateStopped, StateClosing, StateClosed, StateFailed:
		}
		return nil
	})
	return c, err
}

// askClose has the payee sign a close; nil where there is nothing to agree on.
func (r *Rail) askClose(ctx context.Context, c outgoing) (*voucher, error) {
	if c.Last.Cum == 0 && c.Shown == 0 {
		return nil, nil // the payee knows no such channel and signs for none
	}
	e, err := wire.Seal(r.key, wire.Release{Rail: Name, Ref: closeWord + c.ID.Hex(), Hold: wire.ID(c.ID)}, r.clock())
	if err != nil {
		return nil, err
	}
	answers, err := r.acct.Ask(ctx, c.Peer, e)
	if err != nil {
		return nil, err
	}
	if len(answers) == 0 {
		return nil, errors.New("no answer")
	}
	if m, err := wire.Decode[wire.Error](answers[0]); err == nil {
		return nil, fmt.Errorf("%w: %s: %q", ErrRefused, m.Code, clip(m.Text))
	}
	doc, err := wire.Decode[wire.Voucher](answers[0])
	if err != nil {
		return nil, err
	}
	id, v, err := r.readVoucher(doc)
	if err != nil {
		return nil, err
	}
	by, err := r.l.agreedBy(c.ID, v.Cum, v.Signature)
	switch {
	case err != nil:
		return nil, err
	case id != c.ID || by != c.Terms.Payee:
		return nil, errors.New("it is not the payee's signature for this channel")
	case v.Cum > c.Last.Cum:
		return nil, fmt.Errorf("payee asks for %d, we signed for %d: %w", v.Cum, c.Last.Cum, payments.ErrDiverged)
	}
	return &v, nil
}

// beginClose writes down and sends the close: agreed on, or ours alone.
func (r *Rail) beginClose(ctx context.Context, id common.Hash, agreed *voucher, why string) error {
	err := r.s.Update(func(tx store.Txn) error {
		c, err := loadOut(tx, id)
		if err != nil || c.Op != nil || c.State != StateStopped {
			return err
		}
		c.Reason = why
		kind := opClose
		if agreed != nil {
			kind = opAgreed
		}
		return r.begin(tx, &c, kind, 0, agreed)
	})
	if err != nil {
		return err
	}
	return r.advanceOut(ctx, id)
}

// serveClose signs, as the payee, that a channel of peer may close at the last
// voucher accepted. From then on no other is.
func (r *Rail) serveClose(ctx context.Context, peer identity.PubKey, e wire.Event, m wire.Release) (wire.Event, error) {
	v, err := r.agreeClose(ctx, peer, m)
	if err != nil {
		return r.refusalFor(peer, e, err)
	}
	return wire.Seal(r.key, v, r.clock())
}

func (r *Rail) agreeClose(ctx context.Context, peer identity.PubKey, m wire.Release) (doc wire.Voucher, err error) {
	word, ok := strings.CutPrefix(m.Ref, closeWord)
	id, err := parseID(word)
	if !ok || m.Rail != Name || err != nil {
		return doc, refuse(CodeForeign, "ask with %s and a channel", closeWord)
	}
	unlock, err := r.taking.lock(ctx, peer)
	if err != nil {
		return doc, err
	}
	defer unlock()
	var c incoming
	err = r.s.Update(func(tx store.Txn) error {
		c = incoming{}
		known, err := get(tx, inKey(id), &c)
		switch {
		case err != nil:
			return err
		case !known || c.Peer != peer || c.Last.Cum > 0 && c.Last.Total == 0:
			// The last is of money that was redeemed before this node's books began.
			return refuse(CodeNoChannel, "no voucher of yours came through it")
		case c.State.ended():
			return refuse(CodeClosing, "it is closed")
		case c.Agreed:
			return nil
		}
		c.Agreed = true
		if err := put(tx, inKey(id), c); err != nil {
			return err
		}
		return r.mayLeave(tx, peer)
	})
	if err != nil {
		return doc, err
	}
	sig, err := r.l.agree(ctx, id, c.Last.Cum)
	if err != nil {
		return doc, err
	}
	root := wire.ID(c.Last.Root)
	if c.Last.Cum == 0 {
		root = wire.ID(id) // there are no notes, and no document says nothing
	}
	p := r.l.place()
	return wire.Voucher{
		Rail: Name, Network: p.Network, Contract: p.Contract.Hex(), Channel: id.Hex(),
		Cumulative: c.Last.Cum, Total: c.Last.Total, Root: root, Signature: hex.EncodeToString(sig),
	}, nil
}

// mayLeave refuses, in the transaction that agrees to a close, where peer owes or
// is worked for beyond the credit that it has without the channel: it would get
// back at once what covers that. Its own close takes the delay, in which it can pay.
func (r *Rail) mayLeave(tx store.Reader, peer identity.PubKey) error {
	over, err := r.acct.Overdrawn(tx, peer)
	if err == nil && over > 0 {
		err = refuse(CodeOwing, "%s above your credit is owed, or being worked for", r.amount(over).Human())
	}
	return err
}

// finish fetches the rest of a channel whose delay is over.
func (r *Rail) finish(ctx context.Context, c outgoing) error {
	err := r.s.Update(func(tx store.Txn) error {
		now, err := loadOut(tx, c.ID)
		if err != nil || now.Op != nil || now.State != StateClosing {
			return err
		}
		return r.begin(tx, &now, opFinish, 0, nil)
	})
	if err != nil {
		return err
	}
	return r.advanceOut(ctx, c.ID)
}
