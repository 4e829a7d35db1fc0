package dht

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ipfs/go-cid"
	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/provider"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"infernet.tech/infernet/p2p/identity"
)

// Contents finds and announces who holds which content: files and folders by
// CID, images by digest, things by an author's name. There are two: DHT and the
// one in memory of dhttest; dhttest.ContentConformance holds both.
type Contents interface {
	// ProvideContent announces that this node gives the named things to
	// everybody, instead of those it named before. They become findable soon,
	// not at once, and are kept alive. ErrBadKey: nothing changed.
	ProvideContent(refs []string) error
	// FindHolders returns at most max nodes that announced ref, in no order,
	// never this one. Nobody found is no error.
	FindHolders(ctx context.Context, ref string, max int) ([]identity.PubKey, error)
}

const (
	// MaxContent is how many things one node announces.
	MaxContent = 8192
	// maxRef is the longest name of a thing, in bytes.
	maxRef = 512
	// keysPerSecond bounds how often everything is announced again because
	// somebody joined a small network.
	keysPerSecond = 100
)

// contentPlace is where the records of a thing are: its hash, not itself. Who
// keeps the record learns of a thing only if he knows it already.
func contentPlace(ref string) multihash.Multihash {
	sum := sha256.Sum256([]byte("infernet/content/v1|" + ref))
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // the hash function is known to the library
	}
	return mh
}

func checkRef(ref string) error {
	if ref == "" || len(ref) > maxRef {
		return fmt.Errorf("%w: content of %d bytes, want 1 to %d", ErrBadKey, len(ref), maxRef)
	}
	return nil
}

// ProvideContent replaces what is announced of content. Thousands are cheap:
// those whose places lie together are given to their keepers together.
func (d *DHT) ProvideContent(refs []string) error {
	if len(refs) > MaxContent {
		return fmt.Errorf("%w: %d things, at most %d", ErrBadKey, len(refs), MaxContent)
	}
	want := make(map[string]multihash.Multihash, len(refs))
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return err
		}
		want[ref] = contentPlace(ref)
	}
	d.content.Lock()
	defer d.content.Unlock()
	var gone, fresh []multihash.Multihash
	for ref, place := range d.contents {
		if want[ref] == nil {
			gone = append(gone, place)
		}
	}
	for ref, place := range want {
		if d.contents[ref] == nil {
			fresh = append(fresh, place)
		}
	}
	d.contents = want
	if d.sweep == nil {
		return nil // announced when the table is joined
	}
	if err := d.sweep.StopProviding(gone...); err != nil {
		return fmt.Errorf("content: %w", err)
	}
	return d.sweep.StartProviding(false, fresh...)
}

// FindHolders looks a thing up. Errors: ErrBadKey, ErrAlone, ErrNotRunning, or
// that of ctx.
func (d *DHT) FindHolders(ctx context.Context, ref string, max int) ([]identity.PubKey, error) {
	var out []identity.PubKey
	err := d.EachHolder(ctx, ref, max, func(p identity.PubKey) { out = append(out, p) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EachHolder is FindHolders that tells of each node as soon as it is found.
func (d *DHT) EachHolder(ctx context.Context, ref string, max int, found func(identity.PubKey)) error {
	if err := checkRef(ref); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	table := d.getTable()
	if table == nil {
		return ErrNotRunning
	}
	if table.RoutingTable().Size() == 0 {
		return ErrAlone
	}
	within, cancel := context.WithTimeout(ctx, d.cfg.FindTimeout)
	defer cancel()
	seen := set{d.host.ID(): true}
	// Without a count, as lookup does.
	for info := range table.FindProvidersAsync(within, cid.NewCidV1(cid.Raw, contentPlace(ref)), 0) {
		p, err := identity.FromPeerID(info.ID)
		if err != nil || seen[p] || len(seen) > max {
			continue
		}
		seen[p] = true
		found(p)
		if len(seen) > max {
			cancel() // the channel closes soon
		}
	}
	return ctx.Err()
}

// newSweep starts what keeps content announced, over a table that has members.
func newSweep(ctx context.Context, table *kad.IpfsDHT) (*provider.SweepingProvider, error) {
	return provider.New(
		provider.WithHost(table.Host()),
		provider.WithRouter(closest{table}),
		provider.WithMessageSender(table.MessageSender()),
		provider.WithSelfAddrs(table.FilteredAddrs),
		provider.WithAddLocalRecord(func(h multihash.Multihash) error {
			return table.ProviderStore().AddProvider(ctx, h, peer.AddrInfo{ID: table.PeerID()})
		}),
		provider.WithReprovideInterval(republish),
		provider.WithMaxReprovideDelay(republishJitter),
		provider.WithOfflineDelay(ProvideValidity),
		provider.WithConnectivityCheckOnlineInterval(settle),
		provider.WithResumeCycle(false), // nothing outlives the process
	)
}

// closest looks members up for the sweep. A lookup that is called off at the end
// finds nobody, which is no error: an error would be tried again, and the end
// would wait for that.
type closest struct{ table *kad.IpfsDHT }

// GetClosestPeers returns the members nearest to a place.
func (c closest) GetClosestPeers(ctx context.Context, place string) ([]peer.ID, error) {
	found, err := c.table.GetClosestPeers(ctx, place)
	if ctx.Err() != nil {
		return nil, nil
	}
	return found, err
}

// keepContent announces content as long as the table is joined. In a small
// network, where a newcomer is likely to be among the keepers of everything, it
// is all given again when one comes; in a large one the regular round will do.
func (d *DHT) keepContent(ctx context.Context, table *kad.IpfsDHT, joined <-chan struct{}) error {
	for table.RoutingTable().Size() == 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-joined:
		case <-time.After(settle):
		}
	}
	sweep, err := newSweep(ctx, table)
	if err != nil {
		return fmt.Errorf("announcing content: %w", err)
	}
	defer func() {
		d.setSweep(nil)
		if err := sweep.Close(); err != nil {
			d.log.Debug("content no longer announced", "err", err)
		}
	}()
	if err := sweep.StartProviding(false, d.setSweep(sweep)...); err != nil {
		return err
	}
	var s schedule
	s.last = time.Now()
	for {
		var due <-chan time.Time
		if !s.at.IsZero() {
			due = time.After(time.Until(s.at))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-joined:
			s.joined(time.Now(), table.RoutingTable().Size())
		case <-due:
			all := d.contentPlaces()
			if err := sweep.StartProviding(true, all...); err != nil {
				return err
			}
			s.done(time.Now(), nil, rand.Float64())
			s.at, s.gap = time.Time{}, max(s.gap, time.Duration(len(all))*time.Second/keysPerSecond)
		}
	}
}

// setSweep says who announces content, and returns what is to be announced.
func (d *DHT) setSweep(s *provider.SweepingProvider) []multihash.Multihash {
	d.content.Lock()
	defer d.content.Unlock()
	d.sweep = s
	return d.places()
}

func (d *DHT) contentPlaces() []multihash.Multihash {
	d.content.Lock()
	defer d.content.Unlock()
	return d.places()
}

func (d *DHT) places() []multihash.Multihash {
	out := make([]multihash.Multihash, 0, len(d.contents))
	for _, place := range d.contents {
		out = append(out, place)
	}
	return out
}
