package dht

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
)

const (
	// provideTimeout bounds the announcement of one place, provideAtOnce how
	// many are announced side by side.
	provideTimeout = 20 * time.Second
	provideAtOnce  = 4
	// fewResults make a lookup go on to the last place.
	fewResults = 8
	// sameEnough is the Jaccard similarity of two places' answers below which
	// one of them may have been taken over.
	sameEnough = 0.5
)

// Provide announces this node once under the keys, at all their places. It is
// what SetKeys repeats. Errors: ErrBadKey, ErrAlone, ErrNotRunning.
func (d *DHT) Provide(ctx context.Context, keys []Key) error {
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			return err
		}
	}
	table := d.getTable()
	if table == nil {
		return ErrNotRunning
	}
	if len(keys) == 0 {
		return ctx.Err()
	}
	if table.RoutingTable().Size() == 0 {
		return ErrAlone
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(provideAtOnce)
	for _, k := range keys {
		for _, c := range places(k, time.Now()) {
			g.Go(func() error {
				ctx, cancel := context.WithTimeout(ctx, provideTimeout)
				defer cancel()
				if err := table.Provide(ctx, c, true); err != nil {
					return fmt.Errorf("announcing %s: %w", k, err)
				}
				return nil
			})
		}
	}
	return g.Wait()
}

// Find looks k up at two of its three places, and at the third when they gave
// few nodes or disagree. Errors: ErrBadKey, ErrAlone, ErrNotRunning, or that of
// ctx.
func (d *DHT) Find(ctx context.Context, k Key, max int) ([]identity.PubKey, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	table := d.getTable()
	if table == nil {
		return nil, ErrNotRunning
	}
	if table.RoutingTable().Size() == 0 {
		return nil, ErrAlone
	}
	today := day(time.Now())
	found := findSalted(ctx, rand.Perm(salts), max, func(ctx context.Context, salt int) set {
		return d.lookup(ctx, table, k, today, salt, max)
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	delete(found, d.host.ID())
	out := make([]identity.PubKey, 0, len(found))
	for p := range found {
		out = append(out, p)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), max)], nil
}

type set map[identity.PubKey]bool

// findSalted asks the first two places of order at once, then perhaps the
// third, and returns the union.
func findSalted(ctx context.Context, order []int, max int, lookup func(context.Context, int) set) set {
	second := make(chan set, 1)
	go func() { second <- lookup(ctx, order[1]) }()
	a := lookup(ctx, order[0])
	b := <-second
	like := jaccard(a, b)
	for p := range b {
		a[p] = true
	}
	if len(a) < min(fewResults, max) || like < sameEnough {
		for p := range lookup(ctx, order[2]) {
			a[p] = true
		}
	}
	return a
}

// jaccard is the size of the intersection over that of the union; 1 for two
// empty sets.
func jaccard(a, b set) float64 {
	both := 0
	for p := range a {
		if b[p] {
			both++
		}
	}
	if len(a)+len(b) == 0 {
		return 1
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// lookup collects who is recorded at one place, until the lookup ends or is out
// of time.
func (d *DHT) lookup(ctx context.Context, table *kad.IpfsDHT, k Key, day string, salt, max int) set {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.FindTimeout)
	defer cancel()
	found := make(set)
	// Without a count: with one, a few records planted at this node would end
	// the lookup before it began.
	for info := range table.FindProvidersAsync(ctx, place(k, day, salt), 0) {
		p, err := identity.FromPeerID(info.ID)
		if err != nil {
			continue
		}
		found[p] = true
		if len(found) >= 4*max {
			cancel() // the channel closes soon
		}
	}
	return found
}
