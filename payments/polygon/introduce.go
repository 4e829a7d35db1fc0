package polygon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// introduction is what a channel's signer signs so that the payee knows which
// node pays it through the channel: a voucher of nothing, which no contract pays
// for, with both nodes in place of the notes. Without it whoever reads the chain
// could call a channel its own before its payer does.
func introduction(payer, payee identity.PubKey) voucher {
	h := sha256.New()
	h.Write([]byte("infernet/polygon/introduction/v1\x00"))
	h.Write(payer[:])
	h.Write(payee[:])
	return voucher{Root: common.Hash(h.Sum(nil))}
}

// known reports whether the payee has lately counted all that the channel holds.
func (r *Rail) known(c outgoing) bool {
	return c.Shown >= c.Balance && r.clock().Sub(c.ShownAt) < r.cfg.TermsAge
}

// introduceTo tells peer of the channel we pay it through, if it does not know
// all of it, and reports whether it counts what the channel has room for.
func (r *Rail) introduceTo(ctx context.Context, peer identity.PubKey) (bool, error) {
	unlock, err := r.funding.lock(ctx, peer)
	if err != nil {
		return false, err
	}
	defer unlock()
	c, ok, err := r.currentTo(peer)
	if err != nil || !ok || c.State != StateOpen {
		return false, err
	}
	if r.known(c) {
		return true, nil
	}
	sig, err := r.l.sign(ctx, c.ID, introduction(r.key.PubKey(), peer))
	if err != nil {
		return false, fmt.Errorf("sign introduction: %w", err)
	}
	t, err := r.askTerms(ctx, peer, wire.PayTermsAsk{Rail: Name, Channel: c.ID.Hex(), Proof: hex.EncodeToString(sig)})
	var no *refusal
	if errors.As(err, &no) {
		return false, r.notCounted(c, no)
	}
	if err != nil || t.Cover < min(c.room(), t.MaxCover) {
		return false, err // its endpoints are behind ours
	}
	return true, r.s.Update(func(tx store.Txn) error {
		now, err := loadOut(tx, c.ID)
		if err != nil {
			return err
		}
		now.Shown, now.ShownAt = c.Balance, r.now()
		return put(tx, outKey(c.ID), now)
	})
}

// notCounted enters why a payee will not have a channel. Where asking again
// cannot help the channel is closed: no voucher through it would be taken.
func (r *Rail) notCounted(c outgoing, no *refusal) error {
	why := fmt.Sprintf("%s: %q", no.code, clip(no.text))
	switch no.code {
	case CodeBusy, CodeNoChannel:
		return nil
	case CodeClosing, CodeBadChannel, CodeBadVoucher:
		err := r.s.Update(func(tx store.Txn) error {
			now, err := loadOut(tx, c.ID)
			if err != nil || now.State != StateOpen {
				return err
			}
			now.State, now.Spurned, now.Reason = StateStopped, true, "the payee does not take the channel: "+why
			return put(tx, outKey(c.ID), now)
		})
		return errors.Join(fmt.Errorf("%s: %w: %s", c.Peer.Short(), ErrRefused, why), err)
	}
	return fmt.Errorf("%s: %w: %s", c.Peer.Short(), ErrRefused, why)
}

// introduceAll introduces the channels that their payees do not know in full.
func (r *Rail) introduceAll(ctx context.Context) error {
	list, err := r.outgoings()
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(r.cfg.AtOnce)
	for _, c := range list {
		if c.State != StateOpen || c.Shown >= c.Balance {
			continue
		}
		g.Go(func() error {
			_, err := r.introduceTo(ctx, c.Peer)
			return err
		})
	}
	return g.Wait()
}

// meet judges a channel that peer introduces and keeps it: from then on its free
// deposit counts as cover.
func (r *Rail) meet(ctx context.Context, peer identity.PubKey, m wire.PayTermsAsk) error {
	id, err := parseID(m.Channel)
	if err != nil {
		return refuse(CodeBadChannel, "%v", err)
	}
	v := introduction(peer, r.key.PubKey())
	if v.Signature, err = hex.DecodeString(m.Proof); err != nil {
		return refuse(CodeBadVoucher, "signature is not hex")
	}
	unlock, err := r.taking.lock(ctx, peer)
	if err != nil {
		return err
	}
	defer unlock()
	c, known, err := r.taken(peer, id)
	if err != nil {
		return err
	}
	most := uint64(0)
	if r.clock().Sub(c.Seen) >= r.cfg.FreshAge {
		most = payments.MaxValue // there may be more in it than was known
	}
	if c, err = r.look(ctx, peer, id, c, known, most); err != nil {
		return err
	}
	if err := r.suits(c); err != nil {
		return err
	}
	if by, err := r.l.signedBy(id, v); err != nil || by != c.Terms.Signer {
		return refuse(CodeBadVoucher, "not signed by the channel's signer")
	}
	if known {
		return nil
	}
	// The peer's lock is held, but another peer may do the same.
	return r.s.Update(func(tx store.Txn) error {
		var now incoming
		known, err := get(tx, inKey(id), &now)
		switch {
		case err != nil:
			return err
		case known && now.Peer != peer:
			return refuse(CodeBadChannel, "channel is another peer's")
		case known:
			return nil
		}
		c.Last.Cum = c.Before
		r.log.Info("polygon: channel to us", "peer", peer.Short(), "channel", id, "deposit", c.Balance)
		return errors.Join(put(tx, inKey(id), c), tx.Set(ofKey(peer, id), []byte{1}))
	})
}

// taken returns the channel as it is kept, and whether it is; one of another
// peer is a refusal.
func (r *Rail) taken(peer identity.PubKey, id common.Hash) (c incoming, known bool, err error) {
	err = r.s.View(func(tx store.Reader) (err error) {
		known, err = get(tx, inKey(id), &c)
		return err
	})
	if err == nil && known && c.Peer != peer {
		err = refuse(CodeBadChannel, "channel is another peer's")
	}
	return c, known, err
}

// Cover implements account.Coverer: what lies in open channels of peer to us and
// no voucher promises, up to Config.MaxCover. It is told apart from a voucher by
// what it is worth: it shows that the money is there, for us alone, and for at
// least the channel's delay; it is ours only when the payer signs.
func (r *Rail) Cover(tx store.Reader, peer identity.PubKey) (uint64, error) {
	list, err := incomingFrom(tx, peer)
	sum := uint64(0)
	for _, c := range list {
		if !r.hinted(c.ID) {
			sum += min(c.free(), r.cfg.MaxCover-sum)
		}
	}
	return sum, err
}

// lookAgain has the channels of peer that cover something be no older than
// Config.StateAge.
func (r *Rail) lookAgain(ctx context.Context, peer identity.PubKey) error {
	var list []incoming
	err := r.s.View(func(tx store.Reader) (err error) {
		list, err = incomingFrom(tx, peer)
		return err
	})
	for _, c := range list {
		if err == nil && c.free() > 0 && r.clock().Sub(c.Seen) >= r.cfg.StateAge {
			err = r.refresh(ctx, c.ID, "")
		}
	}
	return err
}
