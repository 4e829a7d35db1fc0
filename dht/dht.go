package dht

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/provider"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

var (
	_ Router   = (*DHT)(nil)
	_ Contents = (*DHT)(nil)
)

// DHT is one node's part in the table. Its methods are safe for concurrent use.
type DHT struct {
	cfg    Config
	host   *p2p.Host
	log    *slog.Logger
	offers *offerBook

	ready   chan struct{}
	changed chan struct{} // capacity 1: the keys are other ones

	mu    sync.Mutex
	table *kad.IpfsDHT
	keys  []Key
	offer *wire.ProviderOffer
	// sealed is the offer as last signed; it is served until it is resignAfter
	// old.
	sealed wire.Event

	content  sync.Mutex
	contents map[string]multihash.Multihash // what is announced, and where
	sweep    *provider.SweepingProvider     // nil while the table has no members
}

// New checks cfg and returns a DHT that has started nothing.
func New(cfg Config, h *p2p.Host, log *slog.Logger) (*DHT, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &DHT{
		cfg: cfg, host: h, log: log, offers: newOfferBook(),
		ready: make(chan struct{}), changed: make(chan struct{}, 1),
	}, nil
}

// Ready is closed when calls are answered; the table may still be empty.
func (d *DHT) Ready() <-chan struct{} { return d.ready }

// Run joins the table and keeps this node's records alive until ctx ends. It
// waits for the host's Ready first. It runs once.
func (d *DHT) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.host.Ready():
	}
	lp := d.host.Libp2p()
	if lp == nil {
		return ErrNotRunning
	}
	table, err := d.join(lp)
	if err != nil {
		return fmt.Errorf("joining the table: %w", err)
	}
	defer func() {
		d.setTable(nil)
		if err := table.Close(); err != nil {
			d.log.Warn("leaving the table", "err", err)
		}
	}()
	d.setTable(table)
	d.host.SetFinder(func(ctx context.Context, id peer.ID) error {
		_, err := table.FindPeer(ctx, id)
		return err
	})
	joined, joinedToo := make(chan struct{}, 1), make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return watchJoins(ctx, lp, protocolOf(d.host.Network()), joined, joinedToo) })
	g.Go(func() error { d.keepAnnounced(ctx, table, joined); return nil })
	g.Go(func() error { return d.keepContent(ctx, table, joinedToo) })
	close(d.ready)
	return g.Wait()
}

// prefix parts the tables of different networks.
func prefix(network string) protocol.ID { return protocol.ID("/infernet/" + network) }

// protocolOf is what kad-dht makes of the prefix.
func protocolOf(network string) protocol.ID { return prefix(network) + "/kad/1.0.0" }

func (d *DHT) join(lp host.Host) (*kad.IpfsDHT, error) {
	mode := kad.ModeAutoServer
	if d.cfg.Client {
		mode = kad.ModeClient
	}
	opts := []kad.Option{
		kad.Mode(mode),
		kad.ProtocolPrefix(prefix(d.host.Network())),
		// Only records of providers: arbitrary values of strangers are not kept.
		kad.DisableValues(),
		kad.Datastore(newRecords(d.cfg.MaxRecords, d.cfg.MaxPerPeer)),
		kad.ProviderManagerOpts(
			records.ProvideValidity(ProvideValidity),
			records.ProviderAddrTTL(ProvideValidity/4),
			records.CleanupInterval(ProvideValidity/4),
		),
		// Keys of other kinds cannot be members: nothing we know of them.
		kad.RoutingTableFilter(func(_ any, id peer.ID) bool {
			_, err := identity.FromPeerID(id)
			return err == nil
		}),
	}
	if n := d.cfg.MaxPerIPGroup; n > 0 {
		opts = append(opts, kad.RoutingTablePeerDiversityFilter(newDiversity(lp, n)))
	}
	table, err := kad.New(lp, opts...)
	if err != nil {
		return nil, err
	}
	if err := table.Bootstrap(context.Background()); err != nil { // returns at once
		_ = table.Close()
		return nil, err
	}
	return table, nil
}

func (d *DHT) setTable(t *kad.IpfsDHT) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.table = t
}

func (d *DHT) getTable() *kad.IpfsDHT {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.table
}

// Size is how many members of the table this node knows: 0 when not joined.
func (d *DHT) Size() int {
	if t := d.getTable(); t != nil {
		return t.RoutingTable().Size()
	}
	return 0
}

// SetKeys replaces the keys that are announced and kept alive. Records under
// keys that are gone end with ProvideValidity. ErrBadKey: nothing changed.
func (d *DHT) SetKeys(keys []Key) error {
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			return err
		}
	}
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	d.mu.Lock()
	same := slices.Equal(d.keys, keys)
	d.keys = keys
	d.mu.Unlock()
	if !same {
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

func (d *DHT) announced() []Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys
}
