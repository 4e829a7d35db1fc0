package blob

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Fetch brings the file or folder c here from the sources, tried in order, and
// returns when it is whole, verified and synced. What an earlier fetch, or a
// source before, brought is not asked for again. Memory stays bounded by a few
// blocks. Concurrent fetches of the same content share the work.
//
// A failing source is told by a SourceError with ErrBadBlock, ErrProtocol,
// ErrRefused, ErrNotHave, ErrStalled or ErrCut in it; the next source is then
// tried, and after the last all are returned under ErrNoSource. What no source
// can mend is returned at once: ErrTooBig, ErrDAG, ErrName, ErrCID, ErrNoSpace,
// ErrCorrupt, the error of ctx.
func (s *Store) Fetch(ctx context.Context, c string, lim Limits, sources ...Source) (Info, error) {
	root, err := parseCID(c)
	if err != nil {
		return Info{}, err
	}
	lim = lim.withDefaults()
	f := &fetch{s: s, root: root, lim: lim}
	defer f.releaseAll()
	f.hold(root)
	if s.usable(root) {
		return f.result()
	}
	var failed []error
	for _, src := range sources {
		err := f.from(ctx, src)
		if err == nil {
			return f.result()
		}
		if ctx.Err() != nil {
			return Info{}, ctx.Err()
		}
		err = &SourceError{Source: src.Name, Err: err}
		if !anotherMayHelp(err) {
			return Info{}, err
		}
		failed = append(failed, err)
	}
	return Info{}, fmt.Errorf("%w: %s: %w", ErrNoSource, root, errors.Join(failed...))
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

// fetch is one call of Fetch. One goroutine owns it.
type fetch struct {
	s    *Store
	root cid.Cid
	lim  Limits
	held map[cid.Cid]func() // releases of everything met, kept from GC

	// The rest belongs to the source that is being used.
	conn     *conn
	queue    []item // to be looked at
	asked    []item // wanted, in the order of the answers to come
	deferred []item // being fetched by somebody else
	seen     map[cid.Cid]bool
	entries  int
	progress Progress
}

// item is a file or folder to fetch.
type item struct {
	cid   cid.Cid
	depth int
	part  *part // of a file that was begun
	node  *node // of a folder that is here but whose entries may not be
}

func (f *fetch) hold(c cid.Cid) {
	if f.held == nil {
		f.held = map[cid.Cid]func(){}
	}
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
	f.progress.Complete = true
	f.progress.Bytes, f.progress.Total = r.Size, r.Size
	f.report()
	return f.s.info(f.root, r), nil
}

func (f *fetch) report() {
	if f.lim.OnProgress != nil {
		f.lim.OnProgress(f.progress)
	}
}

// from fetches all that is missing from one source.
func (f *fetch) from(ctx context.Context, src Source) error {
	k, err := dial(ctx, src, f.root, f.s.cfg.IdleTimeout)
	if err != nil {
		return err
	}
	f.conn, f.seen, f.entries = k, map[cid.Cid]bool{f.root: true}, 0
	f.queue, f.asked, f.deferred = []item{{cid: f.root}}, nil, nil
	f.progress = Progress{Sources: []SourceProgress{{Name: src.Name, State: StateActive}}}
	err = readStatus(k.r)
	if err == nil {
		err = f.loop(ctx)
	}
	if err != nil {
		k.fail()
		f.abandon()
		return k.failure(err)
	}
	k.end()
	return f.finishFolders(ctx, f.root, 0)
}

// abandon gives up what was asked for and has not come.
func (f *fetch) abandon() {
	for _, it := range f.asked {
		if it.part != nil {
			_ = it.part.close()
		}
		f.s.unclaim(it.cid)
	}
	f.asked = nil
}

func (f *fetch) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := f.ask(ctx); err != nil {
			return err
		}
		switch {
		case len(f.asked) > 0:
			it := f.asked[0]
			err := f.receive(ctx, &it)
			if it.part != nil {
				err = errors.Join(err, it.part.close())
			}
			f.asked = f.asked[1:]
			f.s.unclaim(it.cid)
			if err != nil {
				return err
			}
		case len(f.deferred) > 0:
			// Nothing of ours is claimed now, so waiting cannot go in circles.
			it := f.deferred[0]
			f.deferred = f.deferred[1:]
			f.conn.timer.Stop()
			if err := f.s.awaitClaim(ctx, it.cid); err != nil {
				return err
			}
			f.conn.alive()
			f.queue = append(f.queue, it)
		default:
			return nil
		}
	}
	return ctx.Err()
}

// ask sends wants while the window has room.
func (f *fetch) ask(ctx context.Context) error {
	for len(f.queue) > 0 && len(f.asked) < window {
		it := f.queue[0]
		f.queue = f.queue[1:]
		f.hold(it.cid)
		if f.s.usable(it.cid) {
			if err := f.already(it.cid); err != nil {
				return err
			}
			continue
		}
		if !f.s.claim(it.cid) {
			f.deferred = append(f.deferred, it)
			continue
		}
		if f.s.usable(it.cid) { // finished by another fetch just before our claim
			f.s.unclaim(it.cid)
			f.queue = append(f.queue, it)
			continue
		}
		if err := f.prepare(ctx, &it); err != nil {
			f.s.unclaim(it.cid)
			return err
		}
		f.asked = append(f.asked, it)
	}
	return nil
}

// already counts content that is whole.
func (f *fetch) already(c cid.Cid) error {
	r, err := f.s.record(c)
	if err != nil {
		return err
	}
	f.entries += r.Entries
	f.progress.Bytes += r.Size
	return f.grow(r.Size)
}

// grow counts payload that belongs to the whole and holds it to the limits
// before any of it is asked for or stored.
func (f *fetch) grow(size uint64) error {
	f.progress.Total += size
	if err := f.lim.check(f.progress.Total, f.entries); err != nil || f.progress.Total < size {
		return fmt.Errorf("%w: %d bytes of at most %d, %d entries of at most %d",
			ErrTooBig, f.progress.Total, f.lim.Bytes, f.entries, f.lim.Entries)
	}
	f.report()
	return nil
}

// prepare finds out how much of an item is here and sends the want for the
// rest.
func (f *fetch) prepare(ctx context.Context, it *item) error {
	w := want{cid: it.cid}
	if !isRaw(it.cid) {
		block, err := f.s.node(it.cid, it.cid)
		if err == nil {
			if it.node, err = decodeNode(block); err != nil {
				return err
			}
		} else if !errors.Is(err, ErrNotHave) {
			return err
		}
	}
	if it.node != nil && it.node.dir {
		w.skip = 1
		f.conn.wants <- w
		return f.expand(it.node, it.depth)
	}
	if it.node != nil {
		it.node = nil
		var err error
		if it.part, err = f.s.openPart(ctx, it.cid); err != nil {
			return err
		}
		w.skip = it.part.held
		f.progress.Bytes += it.part.bytes
		if err := f.grow(it.part.total); err != nil {
			return errors.Join(err, it.part.drop())
		}
	}
	f.conn.wants <- w // as many places as the window
	return nil
}

// expand queues the entries of a folder.
func (f *fetch) expand(n *node, depth int) error {
	if depth >= f.lim.Depth && len(n.links) > 0 {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, f.lim.Depth)
	}
	f.entries += len(n.links)
	if err := f.grow(0); err != nil {
		return err
	}
	for _, l := range n.links {
		if !f.seen[l.cid] {
			f.seen[l.cid] = true
			f.queue = append(f.queue, item{cid: l.cid, depth: depth + 1})
		}
	}
	return nil
}
