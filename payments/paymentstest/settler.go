package paymentstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// Settler makes the debts of an account rail good out of a Bank, in the order
// every rail of money keeps: it writes down what it will pay, pays, tells the
// payee by a voucher, and enters the answer. Whatever is cut off in between, the
// next Settle takes up.
type Settler struct {
	rail  *account.Rail
	key   *identity.Key
	s     store.Store
	bank  *Bank
	clock func() time.Time
	mu    sync.Mutex // held for a whole settlement: one at a time
}

var _ account.Settler = (*Settler)(nil)

// NewSettler returns the settler of the rail whose store and key those are, and
// attaches it.
func NewSettler(rail *account.Rail, key *identity.Key, s store.Store, bank *Bank, clock func() time.Time) *Settler {
	x := &Settler{rail: rail, key: key, s: s, bank: bank, clock: clock}
	rail.Use(x)
	return x
}

// Due implements account.Settler. Settle looks at the books and needs no hint.
func (x *Settler) Due(identity.PubKey) {}

// Settle makes all debts good that there are. Its error is the store's or the
// bank's; a peer that cannot be told is told the next time.
func (x *Settler) Settle(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	owing, _, err := x.rail.Debts(ctx)
	for _, d := range owing {
		// What was in flight is one settlement, what came since another.
		for range 2 {
			if now, derr := x.rail.Owing(ctx, d.Peer); err == nil && derr == nil && now.Total > now.Settled {
				err = x.settle(ctx, d.Peer)
			}
		}
	}
	return err
}

// ref names the settlement of a channel up to a total.
func ref(channel string, total uint64) payments.Ref {
	return payments.Ref(fmt.Sprintf("%s%s/%d", payments.ClassSettle, channel, total))
}

func (x *Settler) settle(ctx context.Context, peer identity.PubKey) error {
	var e payments.Entry
	var d account.Debt
	err := x.s.Update(func(tx store.Txn) (err error) {
		if d, err = x.rail.OwingIn(tx, peer); err != nil {
			return err
		}
		e, err = x.open(tx, d)
		return err
	})
	if err != nil {
		return err
	}
	var v wire.Event
	if v, err = wire.Parse(e.Doc); err != nil {
		return err
	}
	if err := x.bank.Move(string(e.Ref), x.key.PubKey(), peer, e.Amount.Value); err != nil {
		return err
	}
	answers, err := x.rail.Ask(ctx, peer, v)
	if err != nil {
		return nil // the money is there; the payee hears of it the next time
	}
	c, err := wire.Decode[wire.Countersign](answers[0])
	if err != nil || c.Of != v.ID {
		return nil
	}
	m, err := wire.Decode[wire.Voucher](v)
	if err != nil {
		return err
	}
	return x.s.Update(func(tx store.Txn) error {
		e.State, e.Reason, e.Answer = payments.StateCaptured, "countersigned", answers[0].Bytes()
		_, err := x.rail.Journal().Put(tx, e)
		return errors.Join(err, x.rail.SettledOut(tx, peer, m.Total, x.clock()))
	})
}

// open returns the settlement in flight to the peer, or writes down the next.
func (x *Settler) open(tx store.Txn, d account.Debt) (payments.Entry, error) {
	var found payments.Entry
	prefix := strings.TrimSuffix(string(ref(d.Channel, 0)), "0")
	err := x.rail.Journal().Each(tx, payments.Filter{Direction: payments.Out, Open: true, Prefix: prefix}, func(e payments.Entry) error {
		found = e
		return nil
	})
	if err != nil || found.Ref != "" {
		return found, err
	}
	v, err := wire.Seal(x.key, wire.Voucher{
		Rail: x.rail.Name(), Network: "test", Contract: "bank", Channel: d.Channel, Cumulative: d.Total, Total: d.Total,
		Root: d.Root, Signature: strings.Repeat("0", 130),
	}, x.clock())
	if err != nil {
		return payments.Entry{}, err
	}
	return x.rail.Journal().Put(tx, payments.Entry{
		Direction: payments.Out, Ref: ref(d.Channel, d.Total), Peer: d.Peer, State: payments.StateHeld, Doc: v.Bytes(),
		Amount: payments.Amount{Value: d.Total - d.Settled, Unit: x.rail.Unit()}, Reason: "to be paid",
	})
}

// Serve implements account.Settler.
func (x *Settler) Serve(_ context.Context, peer identity.PubKey, e wire.Event) ([]wire.Event, error) {
	if e.Kind == wire.KindPayTermsAsk {
		t, err := x.rail.Terms(peer, e.ID)
		if err != nil {
			return nil, err
		}
		t.Network, t.Account = "test", peer.Hex()
		a, err := wire.Seal(x.key, t, x.clock())
		return []wire.Event{a}, err
	}
	v, err := wire.Decode[wire.Voucher](e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", account.ErrNote, err)
	}
	var refused string
	err = x.s.Update(func(tx store.Txn) error {
		refused, err = x.take(tx, peer, e, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	var m wire.Message = wire.Countersign{Of: e.ID, Role: wire.RolePayee}
	if refused != "" {
		m = wire.Error{Ref: e.ID, Code: "voucher", Text: refused}
	}
	a, err := wire.Seal(x.key, m, x.clock())
	return []wire.Event{a}, err
}

// take enters a voucher whose money is in the bank; it says why it does not.
func (x *Settler) take(tx store.Txn, peer identity.PubKey, e wire.Event, v wire.Voucher) (string, error) {
	d, err := x.rail.OwedIn(tx, peer)
	if err != nil {
		return "", err
	}
	id := ref(d.Channel, v.Total)
	switch {
	case v.Channel != d.Channel || v.Rail != x.rail.Name():
		return "another channel", nil
	case v.Total <= d.Settled:
		return "", nil // known
	case v.Total > d.Total:
		return "more than was noted", nil
	case v.Total == d.Total && v.Root != d.Root:
		return "other notes than ours", nil
	case x.bank.Moved(string(id)) != v.Total-d.Settled:
		return "no such money came", nil
	}
	_, err = x.rail.Journal().Put(tx, payments.Entry{
		Direction: payments.In, Ref: id, Peer: peer, State: payments.StateCaptured, Doc: e.Bytes(), Reason: "money came",
		Amount: payments.Amount{Value: v.Total - d.Settled, Unit: x.rail.Unit()},
	})
	return "", errors.Join(err, x.rail.SettledIn(tx, peer, v.Total, x.clock()))
}
