package lightning

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// Node is what the rail asks of a Lightning node.
type Node interface {
	ln.Viewer
	ln.Receiver
	ln.Sender
}

// Deps is what the rail works with.
type Deps struct {
	Key  *identity.Key // of this node: signs documents, opens no money
	Dial account.Dialer
	Node Node
	// Store is the rail's own (see store.Prefix); Ceiling keeps its state in the
	// same one, so that spending and journal change together.
	Store   store.Store
	Ceiling *ceiling.Daily
	Clock   func() time.Time
	Log     *slog.Logger
	// Unpaid, where set, is told of a peer that left refs unpaid, or kept what was
	// locked for them, for longer than Config.ReportAfter: once, or again after a
	// crash at that moment. It must not call the rail.
	Unpaid func(peer identity.PubKey, refs []payments.Ref, why string)
}

// Rail implements payments.Rail, payments.Funder and payments.Reconciler. It is
// safe for use by many goroutines.
type Rail struct {
	cfg     Config
	acc     *account.Rail
	key     *identity.Key
	node    Node
	s       store.Store
	ceiling *ceiling.Daily
	clock   func() time.Time
	log     *slog.Logger
	unpaid  func(identity.PubKey, []payments.Ref, string)

	windows keyed[lane] // held while a window is asked for, paid or looked at
	holds   keyed[berth]
	wake    chan struct{}

	mu      sync.Mutex
	hot     map[lane]bool           // of which something was heard
	due     map[identity.PubKey]due // debts that wait to be settled
	retries map[identity.PubKey]retry
}

// lane is one direction of one peer, berth one ref in it.
type lane struct {
	dir  payments.Direction
	peer identity.PubKey
}

type berth struct {
	lane
	ref payments.Ref
}

var (
	_ payments.Rail       = (*Rail)(nil)
	_ payments.Funder     = (*Rail)(nil)
	_ payments.Reconciler = (*Rail)(nil)
)

// New returns the rail of the node with that key. It starts nothing; it returns
// what Config.Validate and that of its account return.
func New(cfg Config, d Deps) (*Rail, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Node == nil || d.Ceiling == nil {
		return nil, fmt.Errorf("%w: without a node or a ceiling nothing can be paid", ErrConfig)
	}
	cfg.Account.Name, cfg.Account.Unit, cfg.Account.Net = Name, payments.MilliSat, false
	acc, err := account.New(cfg.Account, d.Key, d.Store, d.Dial, d.Clock, d.Log)
	if err != nil {
		return nil, err
	}
	r := &Rail{
		cfg: cfg, acc: acc, key: d.Key, node: d.Node, s: d.Store, ceiling: d.Ceiling,
		clock: d.Clock, log: d.Log, unpaid: d.Unpaid, wake: make(chan struct{}, 1),
		hot: map[lane]bool{}, due: map[identity.PubKey]due{}, retries: map[identity.PubKey]retry{},
	}
	if r.unpaid == nil {
		r.unpaid = func(identity.PubKey, []payments.Ref, string) {}
	}
	acc.Use(settler{r})
	return r, nil
}

// Name returns "lightning".
func (r *Rail) Name() string { return Name }

// Unit returns payments.MilliSat.
func (r *Rail) Unit() payments.Unit { return payments.MilliSat }

// Journal returns the rail's journal, to be listed.
func (r *Rail) Journal() *payments.Journal { return r.acc.Journal() }

// Status implements payments.Rail.
func (r *Rail) Status(ctx context.Context, peer identity.PubKey, ref payments.Ref) (payments.Entry, error) {
	return r.acc.Status(ctx, peer, ref)
}

// RoomFor returns how much more work for that peer may be accepted on credit.
func (r *Rail) RoomFor(ctx context.Context, peer identity.PubKey) (payments.Amount, error) {
	return r.acc.RoomFor(ctx, peer)
}

// ServeStream answers what peer sends over conn, notes and documents of
// settlement alike; see account.Rail.
func (r *Rail) ServeStream(ctx context.Context, peer identity.PubKey, conn account.Conn) error {
	return r.acc.ServeStream(ctx, peer, conn)
}

func (r *Rail) seal(m wire.Message) (wire.Event, error) { return wire.Seal(r.key, m, r.clock()) }

func msat(v uint64) payments.Amount { return payments.Amount{Value: v, Unit: payments.MilliSat} }
