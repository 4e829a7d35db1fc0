package blob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	// tick is how often a fetch tells its progress and looks whether a slow
	// source is worth taking work from.
	tick = 100 * time.Millisecond
	// patience is how long a fetch waits for sources that have nothing for it
	// any more and may get something, when nobody looks for others.
	patience = 15 * time.Second
)

// Fetch brings the file or folder c here from the sources, all at once, and
// returns when it is whole, verified and synced. Each is asked for as much as
// it is fast; what is slow near the end is asked of others too. What an earlier
// fetch brought is not asked for again. Memory stays bounded by Config.Memory
// for all fetches together. Concurrent fetches of the same content share the
// work.
//
// A failing source is told by a SourceError with ErrBadBlock, ErrProtocol,
// ErrRefused, ErrNotHave, ErrStalled or ErrCut in it; the others go on, and
// after the last all are returned under ErrNoSource. What no source can mend is
// returned at once: ErrTooBig, ErrDAG, ErrName, ErrCID, ErrNoSpace, ErrCorrupt,
// the error of ctx.
func (s *Store) Fetch(ctx context.Context, c string, lim Limits, sources ...Source) (Info, error) {
	root, err := parseCID(c)
	if err != nil {
		return Info{}, err
	}
	f := newFetch(s, root, lim.withDefaults())
	defer f.releaseAll()
	f.hold(root)
	if s.usable(root) {
		return f.result()
	}
	for _, src := range sources {
		f.add(src)
	}
	defer s.fetches(root, f)()
	if err := f.run(ctx); err != nil {
		f.report(time.Now(), false)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Info{}, err
	}
	if err := f.finishFolders(ctx, root, 0); err != nil {
		return Info{}, err
	}
	return f.result()
}

// anotherMayHelp tells the failures of one source from those of the content
// and of this machine.
func anotherMayHelp(err error) bool {
	for _, e := range []error{ErrTooBig, ErrDAG, ErrName, ErrCID, ErrNoSpace, ErrCorrupt} {
		if errors.Is(err, e) {
			return false
		}
	}
	for _, e := range []error{ErrBadBlock, ErrProtocol, ErrRefused, ErrNotHave, ErrStalled, ErrCut} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// fetch is one call of Fetch. Its coordinator, run, decides what has to come;
// one goroutine for each source asks for it and takes it in; the hasher's
// goroutines verify and store it. mu guards all fields that change.
type fetch struct {
	s    *Store
	root cid.Cid
	lim  Limits
	wake chan struct{} // pokes the coordinator
	over chan struct{} // closed when all is here or nothing more is wanted
	work sync.WaitGroup
	told sync.Mutex // held while the caller's functions run
	// budget is this fetch's share of the buffers of the store.
	budget *pool

	mu       sync.Mutex
	held     map[cid.Cid]func() // releases of everything met, kept from GC
	seen     map[cid.Cid]bool
	cleared  map[cid.Cid]bool // of those, what may be served as part of the root
	fresh    []*item          // to be looked at
	ready    []*item          // to be asked for
	asked    map[*item]bool   // asked for and not here
	files    []*item          // of which all nodes are here
	deferred []*item          // being fetched by somebody else
	parts    []*filePart
	storing  int // blocks that came and are being verified and stored
	left     int // items that are not here
	entries  int
	total    uint64 // payload bytes known to be needed
	bytes    uint64 // payload bytes here
	fetched  uint64 // of those, what came from the sources
	speed    speedometer
	moved    time.Time // when something came last

	peers       []*peer
	queue       []*peer // not begun
	keys        int
	started     time.Time
	discovering bool
	closed      bool
	failed      []error
	err         error // what ends the fetch

	pack packing
}

func newFetch(s *Store, root cid.Cid, lim Limits) *fetch {
	f := &fetch{s: s, root: root, lim: lim, wake: make(chan struct{}, 1), over: make(chan struct{}),
		held: map[cid.Cid]func(){}, seen: map[cid.Cid]bool{root: true}, cleared: map[cid.Cid]bool{}, asked: map[*item]bool{}, budget: newPool(min(fetchMemory, s.cfg.Memory))}
	f.fresh, f.left = []*item{{cid: root}}, 1
	f.pack.p, f.pack.aside = s.newPacker(), make(chan struct{}, 1)
	return f
}

func (f *fetch) hold(c cid.Cid) {
	if f.held[c] == nil {
		f.held[c] = f.s.use(c)
	}
}

func (f *fetch) releaseAll() {
	for _, release := range f.held {
		release()
	}
}

// result holds the whole to the limits, with everything counted as often as
// it appears.
func (f *fetch) result() (Info, error) {
	r, err := f.s.record(f.root)
	if err != nil {
		return Info{}, err
	}
	if err := f.lim.check(r.Size, r.Entries); err != nil {
		return Info{}, fmt.Errorf("%w: %d bytes, %d entries", err, r.Size, r.Entries)
	}
	f.s.used(f.root)
	f.bytes, f.total = r.Size, r.Size
	f.report(time.Now(), true)
	return f.s.info(f.root, r), nil
}

// run coordinates until everything is here or nothing helps.
func (f *fetch) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	f.moved = time.Now()
	f.discover(ctx)
	err := f.coordinate(ctx)
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	close(f.over)
	if err != nil {
		cancel()
	}
	// In order: the sources, whose blocks end up in the parts and the pack.
	f.endPeers()
	cancel()
	f.work.Wait()
	return f.wrapUp(err)
}

func (f *fetch) coordinate(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if err := f.prepare(ctx); err != nil {
			return err
		}
		if err := f.flushLast(); err != nil {
			return err
		}
		now := time.Now()
		f.startSources(ctx, now)
		if done, err := f.verdict(now); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
		case <-f.awaited():
		case now := <-ticker.C:
			f.report(now, false)
			f.takeTurns(now)
			f.wakePeers()
			f.s.hasher.kick() // of a block that waits for one of a slow source
		}
	}
}

// awaited is closed when somebody else has given up, or finished, the first of
// what is deferred. It is waited for only when nothing of ours is claimed, so
// that waiting cannot go in circles.
func (f *fetch) awaited() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.deferred) == 0 || f.left > len(f.deferred) {
		return nil
	}
	return f.s.claimEnd(f.deferred[0].cid)
}

// verdict tells whether the fetch is done, or why it cannot be.
func (f *fetch) verdict(now time.Time) (done bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return false, f.err
	case f.left == 0:
		return true, nil
	case f.left == len(f.deferred):
		f.moved = now
		return false, nil
	}
	alive, busy := len(f.queue), f.finishing() || f.discovering
	for _, p := range f.peers {
		if p.state == StateActive || p.state == StateIdle {
			alive++
			busy = busy || p.due()
		}
	}
	if busy {
		f.moved = now
		return false, nil
	}
	if alive > 0 && now.Sub(f.moved) < min(patience, f.s.cfg.IdleTimeout) {
		return false, nil
	}
	if alive > 0 {
		f.failed = append(f.failed, fmt.Errorf("%w: the sources have no more of it", ErrNotHave))
	}
	if len(f.failed) == 0 {
		return false, fmt.Errorf("%w: %s: nobody was found", ErrNoSource, f.root)
	}
	return false, fmt.Errorf("%w: %s: %w", ErrNoSource, f.root, errors.Join(f.failed...))
}

// finishing tells that something is being stored that needs no source; the
// lock is held.
func (f *fetch) finishing() bool {
	if f.storing > 0 {
		return true
	}
	for _, fp := range f.parts {
		if fp.finishing {
			return true
		}
	}
	return false
}

// stop ends the fetch with what no source can mend.
func (f *fetch) stop(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.mu.Unlock()
	f.poke()
}

func (f *fetch) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// wrapUp leaves what is here for another fetch to go on with.
func (f *fetch) wrapUp(err error) error {
	if e := f.flush(); err == nil {
		err = e
	}
	for _, it := range f.pack.items {
		f.abandon(it)
	}
	_ = f.pack.p.close()
	for _, fp := range f.parts {
		_ = fp.part.leave()
		fp.release()
		f.abandon(fp.it)
	}
	for _, list := range [][]*item{f.ready, f.files, slices.Collect(maps.Keys(f.asked))} {
		for _, it := range list {
			f.abandon(it)
		}
	}
	if err == nil {
		err = f.err
	}
	return err
}
