package polygon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// Deps is what the rail works with. All must be there but Log and Unpaid.
type Deps struct {
	Key     *identity.Key  // the node's; it signs documents and never money
	Store   store.Store    // the rail's own view; Ceiling uses the same
	Dial    account.Dialer // to a peer's ServeStream
	Client  *chain.Client
	Sender  *chain.Sender // of the wallet's account
	Wallet  chain.Signer  // holds the USDC: pays deposits, is paid
	Voucher chain.Signer  // signs vouchers; another key than the wallet's
	Ceiling *ceiling.Daily
	Clock   func() time.Time
	Log     *slog.Logger
	// Unpaid is told of a peer that owes for longer than Config.Patience or
	// started a close; it must not block.
	Unpaid func(peer identity.PubKey, refs []payments.Ref, why string)
}

// Rail implements payments.Rail, payments.Funder and payments.Reconciler. It is
// safe for use by many goroutines.
type Rail struct {
	cfg     Config
	acct    *account.Rail
	key     *identity.Key
	s       store.Store
	l       ledger
	ceiling *ceiling.Daily
	clock   func() time.Time
	log     *slog.Logger
	unpaid  func(identity.PubKey, []payments.Ref, string)
	limited atomic.Pointer[Limits]
	lastly  time.Duration // const lastly, and more in tests

	settling  keyed[identity.PubKey] // held while a voucher to that peer is made, shown, answered
	funding   keyed[identity.PubKey] // held while room to that peer is made
	taking    keyed[identity.PubKey] // held while a voucher of that peer is judged
	redeeming keyed[struct{}]
	catching  keyed[struct{}]

	mu      sync.Mutex
	due     map[identity.PubKey]bool // to be settled with
	hints   map[common.Hash]bool     // channels whose close was seen
	late    map[identity.PubKey]debtAge
	trouble map[identity.PubKey]string // why the last settling did not end
	freshAt time.Time
	caught  time.Time
	waking  chan struct{} // wakes the settling loop
	tending chan struct{} // wakes the loop that looks at the chain
}

var (
	_ payments.Rail       = (*Rail)(nil)
	_ payments.Funder     = (*Rail)(nil)
	_ payments.Reconciler = (*Rail)(nil)
	_ account.Settler     = (*Rail)(nil)
	_ account.Coverer     = (*Rail)(nil)
)

// New returns the rail. It starts nothing and asks nobody; it returns what
// Config.Validate returns, and ErrConfig for keys or a chain that do not fit.
func New(cfg Config, d Deps) (*Rail, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if p := d.Client.Profile(); cfg.MinDelay < p.MinDelay {
		return nil, fmt.Errorf("%w: a delay of %s, %s asks for %s at least", ErrConfig, cfg.MinDelay, p.Name, p.MinDelay)
	}
	o, err := newOnchain(cfg, d)
	if err != nil {
		return nil, err
	}
	r, err := newRail(cfg, d, o)
	if err != nil {
		return nil, err
	}
	return r, o.watch(r, d.Store, cfg.Start)
}

func newRail(cfg Config, d Deps, l ledger) (*Rail, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Account.Name, cfg.Account.Unit, cfg.Account.Net = Name, payments.MicroUSDC, false
	acct, err := account.New(cfg.Account, d.Key, d.Store, d.Dial, d.Clock, d.Log)
	if err != nil {
		return nil, err
	}
	r := &Rail{
		cfg: cfg, acct: acct, key: d.Key, s: d.Store, l: l, ceiling: d.Ceiling, clock: d.Clock, log: d.Log, unpaid: d.Unpaid,
		due: map[identity.PubKey]bool{}, hints: map[common.Hash]bool{}, late: map[identity.PubKey]debtAge{},
		trouble: map[identity.PubKey]string{}, lastly: lastly,
		waking: make(chan struct{}, 1), tending: make(chan struct{}, 1),
	}
	given := cfg.Limits()
	r.limited.Store(&given)
	acct.Use(r)
	return r, nil
}

// Name returns "polygon".
func (r *Rail) Name() string { return Name }

// Unit returns payments.MicroUSDC.
func (r *Rail) Unit() payments.Unit { return payments.MicroUSDC }

// Journal returns the rail's journal, to be listed.
func (r *Rail) Journal() *payments.Journal { return r.acct.Journal() }

// Status implements payments.Rail.
func (r *Rail) Status(ctx context.Context, peer identity.PubKey, ref payments.Ref) (payments.Entry, error) {
	return r.acct.Status(ctx, peer, ref)
}

// Pay implements payments.Rail: a countersigned note, which is the charge. The
// voucher that makes it good follows at once and is not waited for.
func (r *Rail) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	proof, err := r.acct.Pay(ctx, p)
	if err != nil {
		return proof, err
	}
	if err := r.Release(ctx, p.Ref, "paid"); err != nil {
		return proof, payments.Fail(p.Ref, payments.Charged, err)
	}
	return proof, nil
}

// Due implements account.Settler.
func (r *Rail) Due(peer identity.PubKey) {
	r.mu.Lock()
	r.due[peer] = true
	r.mu.Unlock()
	wake(r.waking)
}

// ServeStream answers what peer sends over conn; see account.Rail.
func (r *Rail) ServeStream(ctx context.Context, peer identity.PubKey, conn account.Conn) error {
	return r.acct.ServeStream(ctx, peer, conn)
}

// fresh asks whether the endpoints can be relied upon; a good answer holds for
// Config.FreshAge.
func (r *Rail) fresh(ctx context.Context) error {
	r.mu.Lock()
	good := !r.freshAt.IsZero() && r.clock().Sub(r.freshAt) < r.cfg.FreshAge
	r.mu.Unlock()
	if good {
		return nil
	}
	at := r.clock()
	if err := r.l.fresh(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	r.freshAt = at
	r.mu.Unlock()
	return nil
}

// catchUp reads the events up to the final block, at most once in a while
// however often it is called: a stranger can call for it.
func (r *Rail) catchUp(ctx context.Context) error {
	unlock, err := r.catching.lock(ctx, struct{}{})
	if err != nil {
		return err
	}
	defer unlock()
	if !r.caught.IsZero() && r.clock().Sub(r.caught) < r.cfg.Poll {
		return nil
	}
	if err = r.l.look(ctx); err == nil {
		r.caught = r.clock()
	}
	return err
}
