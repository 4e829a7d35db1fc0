package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/store"
)

const (
	payerName = "payer"
	payAmount = 3 // of each payment
)

// payWorld is one payer and its payees: the rails that nodes have, with pipes
// for the streams between them.
type payWorld struct {
	payer  *payNode
	payees []*payNode
	byKey  map[identity.PubKey]*payNode // written only while the world is made
	served sync.WaitGroup
}

// payNode is one side.
type payNode struct {
	key  *identity.Key
	s    store.Store
	rail *account.Rail
	till *till // where vouchers make notes good; nil on credit
}

// newPayWorld makes the nodes, each in the store of its name.
func newPayWorld(channels int, money bool, open func(name string) store.Store) (*payWorld, error) {
	w := &payWorld{byKey: map[identity.PubKey]*payNode{}}
	for i := range channels + 1 {
		name := payerName
		if i > 0 {
			name = fmt.Sprintf("payee%d", i)
		}
		n, err := w.add(money, open(name))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			w.payer = n
		} else {
			w.payees = append(w.payees, n)
		}
	}
	if money {
		for _, n := range w.payees {
			n.till.know(w.payer.key.PubKey(), w.payer.till, n.till)
			w.payer.till.know(n.key.PubKey(), w.payer.till, n.till)
		}
	}
	return w, nil
}

func (w *payWorld) add(money bool, s store.Store) (*payNode, error) {
	key, err := identity.Generate()
	if err != nil {
		return nil, err
	}
	n := &payNode{key: key, s: s}
	cfg := credit.Default()
	if money {
		cfg = polygon.Default().Account
		cfg.Growth = nil
	}
	cfg.Limit, cfg.Ceiling = payments.MaxValue, payments.MaxValue
	dial := func(ctx context.Context, peer identity.PubKey) (account.Conn, error) {
		return w.pipe(ctx, key.PubKey(), peer)
	}
	n.rail, err = account.New(cfg, key, s, dial, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if money {
		if n.till, err = newTill(n); err != nil {
			return nil, err
		}
	}
	w.byKey[key.PubKey()] = n
	return n, nil
}

func (w *payWorld) pipe(ctx context.Context, from, to identity.PubKey) (account.Conn, error) {
	peer := w.byKey[to]
	if peer == nil {
		return nil, fmt.Errorf("%w: nobody is called %s", ErrJob, to.Short())
	}
	near, far := net.Pipe()
	w.served.Go(func() { _ = peer.rail.ServeStream(ctx, from, far) }) // its error is the payer's too
	return near, nil
}

// each calls do n times at the same time, with 0 to n-1.
func (w *payWorld) each(n int, do func(i int) error) error {
	var g errgroup.Group
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// pay is the payment of one shard: the payee expects it, the payer pays.
func (w *payWorld) pay(ctx context.Context, to, shard int) error {
	payee := w.payees[to]
	p := payments.Payment{
		Peer: w.payer.key.PubKey(), Ref: payments.NewRef(fmt.Sprintf("%064x", 1), uint32(shard), 0),
		Amount: payments.Amount{Value: payAmount, Unit: payee.rail.Unit()},
	}
	if err := payee.rail.Expect(ctx, p); err != nil {
		return err
	}
	p.Peer = payee.key.PubKey()
	_, err := w.payer.rail.Pay(ctx, p)
	return err
}

// settle makes what the payer owes a payee good.
func (w *payWorld) settle(ctx context.Context, to int) error {
	return w.payer.till.settle(ctx, w.payees[to].key.PubKey())
}

// check asks whether n payments arrived, by both sides' books, and are made good
// where that is the way. It returns what all stores hold, in bytes.
func (w *payWorld) check(ctx context.Context, n int) (size int, err error) {
	want, paid, got, good := uint64(n)*payAmount, uint64(0), uint64(0), uint64(0)
	for _, payee := range w.payees {
		out, err := w.payer.rail.Owing(ctx, payee.key.PubKey())
		if err != nil {
			return 0, err
		}
		in, err := payee.rail.Owed(ctx, w.payer.key.PubKey())
		if err != nil {
			return 0, err
		}
		paid, got = paid+out.Total, got+in.Total
		good += min(in.Settled, out.Settled)
	}
	if w.payer.till == nil {
		good = want // credit: nothing was owed the other way, so nothing nets
	}
	if paid != want || got != want || good != want {
		return 0, fmt.Errorf("%w: %d to be paid, %d paid, %d arrived, %d made good", ErrJob, want, paid, got, good)
	}
	for _, node := range append([]*payNode{w.payer}, w.payees...) {
		held, err := heldIn(node.s)
		if err != nil {
			return 0, err
		}
		size += held
	}
	return size, nil
}

// heldIn is how many bytes of keys and values a store holds.
func heldIn(s store.Store) (n int, err error) {
	err = s.View(func(r store.Reader) error {
		n = 0
		return r.Scan(nil, func(k, v []byte) error { n += len(k) + len(v); return nil })
	})
	return n, err
}
