package delivery

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Rail is what delivery needs of a payment rail, on both of its sides.
type Rail interface {
	payments.Payer
	payments.Payee
	Name() string
	Unit() payments.Unit
	Status(ctx context.Context, peer identity.PubKey, ref payments.Ref) (payments.Entry, error)
}

// Ledger keeps receipts; *reputation.Ledger is one.
type Ledger interface {
	AddReceipt(wire.Countersigned) (reputation.Record, error)
	AddOneSided(wire.Event) (reputation.Record, error)
	Issue(*identity.Key, wire.Receipt, time.Time) (wire.Event, error)
}

// Deps are the parts that a Service is composed of. Those from Penalise on may
// be nil.
type Deps struct {
	Key    *identity.Key
	Store  store.Store // keys of this package alone (see store.Prefix)
	Rail   Rail
	Ledger Ledger
	// Dial opens a stream of /infernet/job/1. Closing it must end a Read that
	// waits.
	Dial func(ctx context.Context, peer identity.PubKey) (io.ReadWriteCloser, error)

	// Penalise counts what no honest peer does; see p2p.Host.Penalise.
	Penalise func(peer identity.PubKey, points int, reason string)
	Log      *slog.Logger
	Now      func() time.Time
}

// Service accounts for the bytes that move between this node and its peers. Its
// methods are safe for concurrent use and work from New on; nothing is paid,
// written down or forgotten but by Run.
type Service struct {
	cfg Config
	d   Deps
	log *slog.Logger
	run int64 // names this run of the node

	all    *pace // of all peers together
	day    day
	prices prices

	mu        sync.Mutex
	customers map[identity.PubKey]*customer // served
	tabs      map[tabKey]*tab               // fetched from
	kept      [][]byte                      // marks of receipts that are in the ledger

	stored atomic.Int64 // served peers in the store

	kicks chan struct{} // asks Run to look at once
	flush chan struct{} // asks Run to write the meters down
}

// New checks cfg and returns a service that has read nothing yet.
func New(cfg Config, d Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	for name, missing := range map[string]bool{
		"key": d.Key == nil, "store": d.Store == nil, "rail": d.Rail == nil, "ledger": d.Ledger == nil, "dial": d.Dial == nil,
	} {
		if missing {
			return nil, fmt.Errorf("%w: %s", ErrDeps, name)
		}
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Penalise == nil {
		d.Penalise = func(identity.PubKey, int, string) {}
	}
	return &Service{
		cfg: cfg, d: d, log: d.Log, run: rand.Int64(),
		all: newPace(cfg.Rate), prices: prices{now: cfg.Price},
		customers: map[identity.PubKey]*customer{}, tabs: map[tabKey]*tab{},
		kicks: make(chan struct{}, 1), flush: make(chan struct{}, 1),
	}, nil
}

// ask sends to a channel on which one request is as good as many.
func ask(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was asked for already
	}
}

func (s *Service) rate(price uint64) payments.ByteRate {
	return payments.ByteRate{PerGiB: price, Unit: s.d.Rail.Unit()}
}
