package bench

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// till makes notes good by vouchers, in the steps of package polygon: written
// down, signed, shown, checked, entered, countersigned, entered. What needs a
// chain is left out, for none is here: whether the channel is open and holds
// enough, its two records in the stores, and the day's ceiling.
type till struct {
	n        *payNode
	hot      *ecdsa.PrivateKey
	channels map[identity.PubKey]payChannel // written only while the world is made
}

// payChannel is what the chain would say of a channel with a peer.
type payChannel struct {
	id     contract.ChannelID
	signer common.Address
}

var _ account.Settler = (*till)(nil)

// newTill attaches a till to the node's rail.
func newTill(n *payNode) (*till, error) {
	hot, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	t := &till{n: n, hot: hot, channels: map[identity.PubKey]payChannel{}}
	n.rail.Use(t)
	return t, nil
}

func (t *till) address() common.Address { return crypto.PubkeyToAddress(t.hot.PublicKey) }

// know enters the channel from payer to payee as the one with peer.
func (t *till) know(peer identity.PubKey, payer, payee *till) {
	c := contract.Config{Payer: payer.address(), Signer: payer.address(), Payee: payee.address(), Delay: 86_400}
	t.channels[peer] = payChannel{id: payContract().ChannelID(c), signer: c.Signer}
}

// Due implements account.Settler; settle is called for each payment.
func (t *till) Due(identity.PubKey) {}

func settleRef(c payChannel, total uint64) payments.Ref {
	return payments.Ref(fmt.Sprintf("%s%s/%d", payments.ClassSettle, c.id, total))
}

// settle shows peer a voucher over all that is owed to it.
func (t *till) settle(ctx context.Context, peer identity.PubKey) error {
	c, j := t.channels[peer], t.n.rail.Journal()
	var d account.Debt
	var e payments.Entry
	err := t.n.s.Update(func(tx store.Txn) (err error) {
		if d, err = t.n.rail.OwingIn(tx, peer); err != nil {
			return err
		}
		e, err = j.Put(tx, payments.Entry{
			Direction: payments.Out, Ref: settleRef(c, d.Total), Peer: peer, State: payments.StateHeld,
			Amount: payments.Amount{Value: d.Total - d.Settled, Unit: t.n.rail.Unit()},
			Reason: fmt.Sprintf("voucher of %d to be signed", d.Total),
		})
		return err
	})
	if err != nil {
		return err
	}
	sig, err := contract.Sign(payContract().VoucherDigest(c.id, d.Total, d.Root), t.hot)
	if err != nil {
		return err
	}
	doc, err := wire.Seal(t.n.key, wire.Voucher{
		Rail: polygon.Name, Network: "local", Contract: payContract().Address.Hex(), Channel: c.id.String(),
		Cumulative: d.Total, Total: d.Total, Root: d.Root, Signature: sig.String(),
	}, time.Now())
	if err != nil {
		return err
	}
	answers, err := t.n.rail.Ask(ctx, peer, doc)
	if err != nil {
		return err
	}
	by, err := wire.Decode[wire.Countersign](answers[0])
	if err != nil || by.Of != doc.ID || by.Role != wire.RolePayee {
		return fmt.Errorf("%w: voucher not countersigned: %w", ErrJob, err)
	}
	return t.n.s.Update(func(tx store.Txn) error {
		e.State, e.Reason, e.Doc, e.Answer = payments.StateCaptured, "voucher countersigned", doc.Bytes(), answers[0].Bytes()
		_, err := j.Put(tx, e)
		return errors.Join(err, t.n.rail.SettledOut(tx, peer, d.Total, time.Now()))
	})
}

// Serve implements account.Settler: it checks a voucher, keeps it and what it
// makes good, and countersigns.
func (t *till) Serve(_ context.Context, peer identity.PubKey, e wire.Event) ([]wire.Event, error) {
	v, err := wire.Decode[wire.Voucher](e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", account.ErrNote, err)
	}
	c, at := t.channels[peer], payContract()
	sig, err := contract.ParseSignature(v.Signature)
	if err != nil || v.Channel != c.id.String() || !common.IsHexAddress(v.Contract) || common.HexToAddress(v.Contract) != at.Address {
		return nil, fmt.Errorf("%w: voucher of another channel", account.ErrNote)
	}
	if err := contract.Verify(at.VoucherDigest(c.id, v.Cumulative, v.Root), sig, c.signer); err != nil {
		return nil, fmt.Errorf("%w: %w", account.ErrNote, err)
	}
	by, err := wire.Seal(t.n.key, wire.Countersign{Of: e.ID, Role: wire.RolePayee}, time.Now())
	if err != nil {
		return nil, err
	}
	err = t.n.s.Update(func(tx store.Txn) error {
		d, err := t.n.rail.OwedIn(tx, peer)
		if err != nil {
			return err
		}
		if v.Total != d.Total || v.Root != d.Root || v.Total <= d.Settled || v.Cumulative < v.Total {
			return fmt.Errorf("%w: voucher of other notes", account.ErrNote)
		}
		_, err = t.n.rail.Journal().Put(tx, payments.Entry{
			Direction: payments.In, Ref: settleRef(c, v.Cumulative), Peer: peer, State: payments.StateCaptured,
			Amount: payments.Amount{Value: v.Total - d.Settled, Unit: t.n.rail.Unit()}, Reason: "voucher countersigned",
			Doc: e.Bytes(), Answer: by.Bytes(),
		})
		return errors.Join(err, t.n.rail.SettledIn(tx, peer, v.Total, time.Now()))
	})
	return []wire.Event{by}, err
}
