package lightning_test

import (
	"bufio"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

const (
	sat     = lightning.Sat
	perDay  = 10_000_000 * sat
	channel = 1_000_000 * sat // on each side of every channel
)

// world connects rails by pipes, and their Lightning nodes by a fake network,
// and breaks both on demand. Its clock is ahead by as much as it was told to.
type world struct {
	t      testing.TB
	ln     *lntest.Net
	mu     sync.Mutex
	ahead  time.Duration
	nodes  map[identity.PubKey]*node
	faults []paymentstest.Fault
	late   []func()
	router *node // between the two, if any
	served sync.WaitGroup
}

// node is a rail that can be closed and opened again on the same store, with the
// Lightning node beside it.
type node struct {
	w      *world
	cfg    lightning.Config
	perDay uint64
	key    *identity.Key
	disk   store.Store
	ln     *lntest.Node // nil where the node is a real one
	real   ln.Node
	told   []string // of peers that do not pay
	evil   evil
	mu     sync.Mutex
	fate   *fate
	rail   *lightning.Rail
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, nodes: map[identity.PubKey]*node{}}
	w.ln = lntest.New(w.clock)
	t.Cleanup(w.served.Wait)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *world) add(name string, cfg lightning.Config) *node {
	w.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{w: w, cfg: cfg, perDay: perDay, key: key, disk: store.NewMem(), ln: w.ln.Node(name)}
	w.nodes[key.PubKey()] = n
	n.restart(nil)
	return n
}

// addReal is add with a Lightning node that runs by itself.
func (w *world) addReal(wallet ln.Node, cfg lightning.Config) *node {
	w.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{w: w, cfg: cfg, perDay: perDay, key: key, disk: store.NewMem(), real: wallet}
	w.nodes[key.PubKey()] = n
	n.restart(nil)
	return n
}

func (n *node) wallet() ln.Node {
	if n.real != nil {
		return n.real
	}
	return n.ln
}

// pair is a payer and a payee with a channel between them.
func pair(t testing.TB, cfg lightning.Config) (*world, *node, *node) {
	w := newWorld(t)
	a, b := w.add("payer", cfg), w.add("payee", cfg)
	w.ln.Open(a.ln, b.ln, channel, channel)
	return w, a, b
}

// routed is a pair with a node between them.
func routed(t testing.TB, cfg lightning.Config) (*world, *node, *node) {
	w := newWorld(t)
	a, b := w.add("payer", cfg), w.add("payee", cfg)
	w.router = w.add("router", cfg)
	w.ln.Open(a.ln, w.router.ln, channel, channel)
	w.ln.Open(w.router.ln, b.ln, channel, channel)
	return w, a, b
}

func (n *node) id() identity.PubKey { return n.key.PubKey() }

// restart forgets all that was in memory and goes on under that fate.
func (n *node) restart(f *fate) {
	n.w.t.Helper()
	n.mu.Lock()
	if n.fate != nil {
		n.fate.kill() // whatever still runs of the old one stays dead
	}
	if f == nil {
		f = &fate{left: -1}
	}
	n.fate = f
	n.mu.Unlock()
	dial := func(ctx context.Context, peer identity.PubKey) (account.Conn, error) {
		if f.isDead() {
			return nil, errCrash
		}
		return n.w.dial(ctx, n.id(), peer)
	}
	s := mortal{n.disk, f}
	rail, err := lightning.New(n.cfg, lightning.Deps{
		Key: n.key, Dial: dial, Node: driver{n.wallet(), f, &n.evil}, Store: s, Clock: n.w.clock, Log: slog.New(slog.DiscardHandler),
		Ceiling: ceiling.New(s, payments.MilliSat, n.perDay, n.w.clock),
		Unpaid: func(peer identity.PubKey, refs []payments.Ref, why string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.told = append(n.told, string(refs[0])+": "+why)
		},
	})
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.mu.Lock()
	n.rail = rail
	n.mu.Unlock()
}

func (n *node) now() *lightning.Rail {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rail
}

func (n *node) dead() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fate.isDead()
}

func (w *world) fault(f paymentstest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

// dial opens a conn under the next fault; messages that are late arrive first.
func (w *world) dial(_ context.Context, from, to identity.PubKey) (account.Conn, error) {
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
	if peer == nil || peer.dead() {
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

// config gives so many millisatoshi on credit, and no more over time.
func config(limit uint64) lightning.Config {
	cfg := lightning.Default()
	cfg.Account.Growth = nil
	cfg.Account.Limit, cfg.Account.Ceiling = limit, payments.MaxValue
	return cfg
}

func pay(to *node, ref string, v uint64) payments.Payment {
	return payments.Payment{Ref: payments.Ref(ref), Peer: to.id(), Amount: payments.Amount{Value: v, Unit: payments.MilliSat}}
}

func reader(conn account.Conn) *bufio.Reader { return bufio.NewReader(conn) }

func (n *node) expect(t testing.TB, from *node, ref string, v uint64) {
	t.Helper()
	if err := n.now().Expect(context.Background(), pay(from, ref, v)); err != nil {
		t.Fatalf("expect %s: %v", ref, err)
	}
}

func (n *node) pays(t testing.TB, to *node, ref string, v uint64) payments.Proof {
	t.Helper()
	proof, err := n.now().Pay(context.Background(), pay(to, ref, v))
	if err != nil {
		t.Fatalf("pay %s: %v", ref, err)
	}
	return proof
}

// fataler is a test, or a run of a drawn one.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func (n *node) reconcile(t fataler) payments.Report {
	t.Helper()
	rep, err := n.now().Reconcile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// state is that of the journal's entry in that direction, or empty.
func (n *node) state(t testing.TB, d payments.Direction, ref string) payments.State {
	t.Helper()
	list, err := n.now().Journal().List(payments.Filter{Direction: d, Prefix: ref})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if string(e.Ref) == ref {
			return e.State
		}
	}
	return ""
}

// balance is the account with the other node.
func (n *node) balance(t testing.TB, with *node) payments.Balance {
	t.Helper()
	all, err := n.now().Balances(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Peer == with.id() {
			return b
		}
	}
	return payments.Balance{}
}

// coins is what a node has in channels, in millisatoshi.
func (n *node) coins(t testing.TB) uint64 {
	t.Helper()
	b, err := n.wallet().Balance(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b.LocalMsat
}

// agree requires that both books add up and say the same of each other, that
// what was made good is what moved, to the millisatoshi, and that nothing is on
// its way.
func (w *world) agree(t testing.TB, a, b *node) {
	t.Helper()
	for _, n := range []*node{a, b} {
		if err := n.now().Check(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	x, y := a.balance(t, b), b.balance(t, a)
	if x.Paid != y.Received || x.Received != y.Paid || x.Net != -y.Net || x.SettledOut != y.Settled || x.Settled != y.SettledOut {
		t.Fatalf("books differ:\n%+v\n%+v", x, y)
	}
	if x.Locked+y.Locked+x.Pending+y.Pending != 0 {
		t.Fatalf("still on its way:\n%+v\n%+v", x, y)
	}
	if got, want := int64(b.coins(t)-channel), int64(x.SettledOut)-int64(x.Settled); got != want {
		t.Fatalf("%d msat moved, the books say %d", got, want)
	}
	w.spentOnFees(t, a, b)
	if err := w.ln.Conserved(); err != nil {
		t.Fatal(err)
	}
	if w.ln.Forced() != 0 {
		t.Fatal("a channel was closed by force")
	}
}

// spentOnFees requires that what both spent and did not get is with the routers,
// and that the ceilings counted exactly what was spent.
func (w *world) spentOnFees(t testing.TB, a, b *node) {
	t.Helper()
	var earned uint64
	if w.router != nil {
		earned = w.router.coins(t) - 2*channel
	}
	if got := a.coins(t) + b.coins(t) + earned; got != 2*channel {
		t.Fatalf("%d msat of %d are there, %d of it fees", got, uint64(2*channel), earned)
	}
	x := a.balance(t, b)
	if got, want := a.spent(t)+b.spent(t), x.SettledOut+x.Settled+earned; got != want {
		t.Fatalf("the ceilings count %d, %d was spent, %d of it fees", got, want, earned)
	}
}

// spent is what a node's ceiling has counted.
func (n *node) spent(t testing.TB) uint64 {
	t.Helper()
	left, err := n.now().Left(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n.perDay - left.Value
}
