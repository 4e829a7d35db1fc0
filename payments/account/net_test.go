package account_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

// world connects rails by pipes and breaks them on demand.
type world struct {
	t      testing.TB
	mu     sync.Mutex
	nodes  map[identity.PubKey]*node
	faults []paymentstest.Fault
	late   []func()
	served sync.WaitGroup
	bank   *paymentstest.Bank // where rails have money behind them
	hold   chan struct{}      // where set, who dials waits until it is closed
}

// node is a rail that can be closed and opened again on the same store.
type node struct {
	w    *world
	cfg  account.Config
	key  *identity.Key
	s    store.Store
	mu   sync.Mutex
	rail *account.Rail
	pays *paymentstest.Settler
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, nodes: map[identity.PubKey]*node{}}
	t.Cleanup(w.served.Wait)
	return w
}

func (w *world) add(cfg account.Config, s store.Store) *node {
	w.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{w: w, cfg: cfg, key: key, s: s}
	w.nodes[key.PubKey()] = n
	n.restart()
	return n
}

func (n *node) id() identity.PubKey { return n.key.PubKey() }

// restart forgets all that was in memory.
func (n *node) restart() {
	n.w.t.Helper()
	dial := func(ctx context.Context, peer identity.PubKey) (account.Conn, error) {
		return n.w.dial(ctx, n.id(), peer)
	}
	rail, err := account.New(n.cfg, n.key, n.s, dial, time.Now, discard())
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rail, n.pays = rail, nil; n.w.bank != nil {
		n.pays = paymentstest.NewSettler(rail, n.key, n.s, n.w.bank, time.Now)
	}
}

func (n *node) now() *account.Rail {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rail
}

func (w *world) fault(f paymentstest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

// dial opens a conn under the next fault; messages that are late arrive first.
func (w *world) dial(ctx context.Context, from, to identity.PubKey) (account.Conn, error) {
	w.mu.Lock()
	hold := w.hold
	w.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.mu.Lock()
	late := w.late
	w.late = nil
	var f paymentstest.Fault
	if len(w.faults) > 0 {
		f, w.faults = w.faults[0], w.faults[1:]
	}
	peer := w.nodes[to]
	w.mu.Unlock()
	for _, arrive := range late {
		arrive()
	}
	if peer == nil {
		return nil, paymentstest.ErrConnRefused
	}
	serve := func(conn account.Conn) {
		w.served.Go(func() { _ = peer.now().ServeStream(context.Background(), from, conn) })
	}
	return paymentstest.Pipe(f, serve, func(arrive func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = append(w.late, arrive)
	})
}

func config(limit uint64) account.Config {
	cfg := account.Default("credit", payments.Credits)
	cfg.Net = true
	cfg.Limit, cfg.Ceiling = limit, 1_000_000
	return cfg
}

// settle sends what is in flight again and makes debts good.
func (n *node) settle(ctx context.Context) error {
	n.mu.Lock()
	rail, pays := n.rail, n.pays
	n.mu.Unlock()
	_, err := rail.Sweep(ctx)
	if pays != nil && err == nil {
		err = pays.Settle(ctx)
	}
	return err
}

// money is a rail with money behind it, and a bank that has so much for each.
const wealth = 1_000_000

func money(limit uint64) account.Config {
	cfg := account.Default("bank", payments.MicroUSDC)
	cfg.Limit, cfg.Ceiling = limit, 1_000_000
	return cfg
}

func newMoneyWorld(t testing.TB, s ...store.Store) (w *world, a, b *node) {
	w = newWorld(t)
	w.bank = paymentstest.NewBank(0)
	a, b = w.add(money(100), s[0]), w.add(money(100), s[1])
	w.bank = paymentstest.NewBank(wealth, a.id(), b.id())
	a.restart()
	b.restart()
	return w, a, b
}

func (w *world) pair(a, b *node, limit uint64) paymentstest.Pair {
	p := paymentstest.Pair{
		Payer: a.now(), Payee: b.now(), PayerID: a.id(), PayeeID: b.id(), Limit: limit, Fault: w.fault, Net: a.cfg.Net,
		Third: func() (payments.Rail, identity.PubKey) {
			c := w.add(a.cfg, store.NewMem())
			return c.now(), c.id()
		},
		Settle: func(ctx context.Context) error {
			return errors.Join(a.settle(ctx), a.now().Check(ctx), b.now().Check(ctx))
		},
	}
	if w.bank != nil {
		p.Money = func() paymentstest.Money {
			return paymentstest.Money{PayerBegan: wealth, PayeeBegan: wealth, Payer: w.bank.Has(a.id()), Payee: w.bank.Has(b.id())}
		}
	}
	return p
}

func pay(to *node, ref string, n uint64) payments.Payment {
	return payments.Payment{Ref: payments.Ref(ref), Peer: to.id(), Amount: payments.Amount{Value: n, Unit: to.cfg.Unit}}
}

func (n *node) expect(from *node, ref string, amount uint64) {
	n.w.t.Helper()
	if err := n.now().Expect(context.Background(), pay(from, ref, amount)); err != nil {
		n.w.t.Fatalf("expect %s: %v", ref, err)
	}
}

// balance is the account with the other node.
func (n *node) balance(with *node) payments.Balance {
	n.w.t.Helper()
	all, err := n.now().Balances(context.Background())
	if err != nil {
		n.w.t.Fatal(err)
	}
	for _, b := range all {
		if b.Peer == with.id() {
			return b
		}
	}
	return payments.Balance{}
}

// agree requires that both books add up and say the same of each other.
func agree(t testing.TB, a, b *node) {
	t.Helper()
	for _, n := range []*node{a, b} {
		if err := n.now().Check(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	x, y := a.balance(b), b.balance(a)
	if x.Paid != y.Received || x.Received != y.Paid || x.Net != -y.Net {
		t.Fatalf("books differ:\n%+v\n%+v", x, y)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
