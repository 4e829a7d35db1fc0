package polygon

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/store"
)

var (
	errRefused = errors.New("connection refused")
	errCrash   = errors.New("the process was killed")
)

// world connects rails by pipes over one chain and breaks both on demand.
type world struct {
	t      testing.TB
	m      *model
	c      *chaintest.Chain   // instead of m: the contract itself
	far    *chaintest.Process // the same in a process of its own
	purse  uint64             // what each node begins with
	began  time.Time          // the clock goes on from then, whatever becomes of the machine's
	skew   atomic.Int64       // nanoseconds that the clock is ahead
	mu     sync.Mutex
	nodes  map[identity.PubKey]*node
	faults []paymentstest.Fault
	late   []func()
	served sync.WaitGroup
}

// node is a rail that can be killed and opened again on the same store.
type node struct {
	w      *world
	cfg    Config
	perDay uint64
	key    *identity.Key
	v      view
	s      *mortal
	wallet *ecdsa.PrivateKey
	hot    *ecdsa.PrivateKey
	mu     sync.Mutex
	rail   *Rail
	unpaid []string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, nodes: map[identity.PubKey]*node{}, purse: purse, began: time.Now()}
	w.m = newModel(w.now)
	t.Cleanup(w.served.Wait)
	return w
}

func (w *world) now() time.Time {
	return w.began.Add(time.Since(w.began) + time.Duration(w.skew.Load()))
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.skew.Add(int64(d))
	switch {
	case w.c != nil:
		if err := w.c.Advance(d); err != nil {
			w.t.Fatal(err)
		}
	case w.far != nil:
		w.far.Advance(d)
	}
}

// mine makes n blocks; before each, what waits is sent.
func (w *world) mine(n int) {
	if w.c == nil {
		w.m.mine(n)
		return
	}
	for range n {
		w.send()
		w.c.Commit()
	}
	w.send()
}

func (w *world) send() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		_ = n.now().l.step(context.Background()) // a dead node sends nothing
	}
}

const purse = 10_000_000 // ten USDC each

func testConfig() Config {
	cfg := Default()
	cfg.Account.Limit, cfg.Account.Growth = 100_000, nil
	cfg.Deposit, cfg.MaxLocked = 1_000_000, 4_000_000
	cfg.Contract[0] = 1
	cfg.Poll, cfg.FreshAge, cfg.StateAge = time.Millisecond, time.Nanosecond, time.Nanosecond
	return cfg
}

func (w *world) add(cfg Config) *node {
	w.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		w.t.Fatal(err)
	}
	wallet, err := crypto.GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	hot, err := crypto.GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{
		w: w, cfg: cfg, key: key, perDay: 100_000_000, s: &mortal{Store: store.NewMem(), left: -1},
		v: view{m: w.m, sent: &sync.Map{}, wallet: wallet, voucher: hot}, wallet: wallet, hot: hot,
	}
	if w.evm() {
		n.wallet = evm.Key(len(w.nodes))
	} else {
		w.m.give(n.v.place().Wallet, purse)
	}
	n.restart()
	w.mu.Lock()
	w.nodes[key.PubKey()] = n
	w.mu.Unlock()
	return n
}

// pair adds a payer and a payee.
func (w *world) pair() (a, b *node) {
	cfg := testConfig()
	if w.evm() {
		cfg = realConfig(w)
	}
	return w.add(cfg), w.add(cfg)
}

func (n *node) id() identity.PubKey { return n.key.PubKey() }

// restart forgets all that was in memory.
func (n *node) restart() {
	n.w.t.Helper()
	d := Deps{
		Key: n.key, Store: n.s, Clock: n.w.now, Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, peer identity.PubKey) (account.Conn, error) {
			return n.w.dial(ctx, n.id(), peer)
		},
		Ceiling: ceiling.New(n.s, payments.MicroUSDC, n.perDay, n.w.now),
		Unpaid: func(_ identity.PubKey, refs []payments.Ref, why string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.unpaid = append(n.unpaid, fmt.Sprint(why, refs))
		},
	}
	var rail *Rail
	var err error
	if n.w.evm() {
		rail, err = n.real(d)
	} else {
		v := n.v
		v.each = n.s.each
		rail, err = newRail(n.cfg, d, &v)
		v.rail = rail
	}
	if err != nil {
		n.w.t.Fatal(err)
	}
	rail.lastly = time.Minute // nothing here is about how long that takes
	n.mu.Lock()
	n.rail = rail
	n.mu.Unlock()
}

func (n *node) now() *Rail {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rail
}

func (n *node) ledger() *view { return n.now().l.(*view) }

// mortal is a store of a process that dies at a chosen write or call of the
// chain: before it, or after it happened but before anyone heard so.
type mortal struct {
	store.Store
	mu    sync.Mutex
	left  int // writes and calls until death; below zero it does not come
	after bool
	dead  bool
	seen  int // writes and calls so far
	rpc   func(what string) error
}

func (c *mortal) View(fn func(store.Reader) error) error {
	if c.isDead() {
		return errCrash
	}
	return c.Store.View(fn)
}

func (c *mortal) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// strike counts one write or call, and reports whether death comes at it.
func (c *mortal) strike() (now bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false, errCrash
	}
	c.seen++
	if c.left < 0 {
		return false, nil
	}
	c.left--
	if c.left >= 0 {
		return false, nil
	}
	c.dead = true
	return true, nil
}

func (c *mortal) Update(fn func(store.Txn) error) error {
	now, err := c.strike()
	switch {
	case err != nil:
		return err
	case now && !c.after:
		return errCrash
	case now:
		if err := c.Store.Update(fn); err != nil {
			return err
		}
		return errCrash
	}
	return c.Store.Update(fn)
}

func (c *mortal) each(what string, after bool) error {
	if after {
		if c.isDead() {
			return errCrash
		}
		return nil
	}
	if c.rpc != nil {
		if err := c.rpc(what); err != nil {
			return err
		}
	}
	now, err := c.strike()
	if now && !c.after {
		return errCrash
	}
	return err
}

// crashAt starts the node anew with a death ahead of it.
func (n *node) crashAt(at int, after bool) {
	n.s = &mortal{Store: n.s.Store, left: at, after: after, rpc: n.s.rpc}
	n.restart()
}

// revive starts the node anew on what is on its disk. Whatever still runs of the
// old one stays dead.
func (n *node) revive() {
	n.s.mu.Lock()
	n.s.dead = true
	n.s.mu.Unlock()
	n.s = &mortal{Store: n.s.Store, left: -1}
	n.restart()
}

func to(n *node, ref string, v uint64) payments.Payment {
	return payments.Payment{Ref: payments.Ref(ref), Peer: n.id(), Amount: payments.Amount{Value: v, Unit: payments.MicroUSDC}}
}

func (n *node) expect(from *node, ref string, v uint64) {
	n.w.t.Helper()
	if err := n.now().Expect(context.Background(), to(from, ref, v)); err != nil {
		n.w.t.Fatalf("expect %s: %v", ref, err)
	}
}

// fund opens or tops up, with a chain that goes on meanwhile.
func (n *node) fund(peer *node, ref string, v uint64) {
	n.w.t.Helper()
	if err := n.tryFund(peer, ref, v); err != nil {
		n.w.t.Fatalf("fund %s: %v", ref, err)
	}
}

// ready funds and waits for the channel even where credit would do.
func (n *node) ready(peer *node, ref string, v uint64) {
	n.w.t.Helper()
	n.fund(peer, ref, v)
	n.w.mine(3)
	if err := n.now().pass(context.Background()); err != nil {
		n.w.t.Fatal(err)
	}
	n.w.mine(3)
}

func (n *node) tryFund(peer *node, ref string, v uint64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.now().Fund(ctx, to(peer, ref, v)) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(time.Millisecond):
			n.w.mine(1)
		}
	}
}

// work is one shard: expected, paid, and made good.
func (n *node) work(payee *node, ref string, v uint64) {
	n.w.t.Helper()
	payee.expect(n, ref, v)
	n.pay(payee, ref, v)
}

func (n *node) pay(payee *node, ref string, v uint64) {
	n.w.t.Helper()
	if _, err := n.now().Pay(context.Background(), to(payee, ref, v)); err != nil {
		n.w.t.Fatalf("pay %s: %v", ref, err)
	}
}

func (n *node) settle(payee *node) {
	n.w.t.Helper()
	if err := n.now().Settle(context.Background(), payee.id()); err != nil {
		n.w.t.Fatalf("settle: %v", err)
	}
}

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

// coins is what the node's wallet holds in the newest block.
func (n *node) coins() uint64 {
	if n.w.evm() {
		return n.w.balance(crypto.PubkeyToAddress(n.wallet.PublicKey))
	}
	return n.w.m.wallet(n.v.place().Wallet)
}

// channel is the one channel of n in that direction.
func (n *node) channel(d payments.Direction) Channel {
	n.w.t.Helper()
	list, err := n.now().Channels(context.Background())
	if err != nil {
		n.w.t.Fatal(err)
	}
	for _, c := range list {
		if c.Direction == d {
			return c
		}
	}
	n.w.t.Fatalf("no channel %s", d)
	return Channel{}
}

// quiet lets chain and nodes come to rest.
func (w *world) quiet(nodes ...*node) {
	w.t.Helper()
	w.mu.Lock()
	w.faults = nil
	w.mu.Unlock()
	for range 6 {
		for _, n := range nodes {
			if _, err := n.now().Reconcile(context.Background()); err != nil {
				w.t.Fatal(err)
			}
		}
		w.mine(3)
	}
	w.sound(nodes...)
}

// total is all the money there is, in wallets and in the contract.
func (w *world) total() uint64 {
	if !w.evm() {
		return w.m.total()
	}
	sum := w.balance(w.at().Address)
	for _, n := range w.nodes {
		sum += n.coins()
	}
	return sum
}

// sound requires that no money came or went and all books add up.
func (w *world) sound(nodes ...*node) {
	w.t.Helper()
	if got, want := w.total(), uint64(len(w.nodes))*w.purse; got != want {
		w.t.Fatalf("there are %d of %d", got, want)
	}
	for _, n := range nodes {
		if err := n.now().Check(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
}
