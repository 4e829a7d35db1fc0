package blob

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store/blob/swarm"
)

const (
	// openParts is how many files of several blocks are fetched at once at
	// least, openBytes how much is missing of them before no more are begun.
	openParts = 4
	openBytes = 256 << 20
	mostParts = 64
	// lookAhead is how many items may be ready and not asked for.
	lookAhead = 2048
)

// item is a file or folder to fetch.
type item struct {
	cid     cid.Cid
	depth   int
	parent  *item // the folder it was met in
	claimed bool
	counted bool   // in the total
	from    uint64 // payload byte of the first node that is missing
	levels  uint64 // of nodes that are here
	askers  int
	since   time.Time // when it was asked for last
	here    bool
	shown   bool // it is here, and a source is to show that it has it too
}

// filePart is a file of several blocks that the sources share out.
type filePart struct {
	it        *item
	part      *part
	plan      *swarm.Plan
	release   func() // of the room reserved for it
	finishing bool
}

// prepare looks at what was met and opens files, so that the sources have
// something to be asked for.
func (f *fetch) prepare(ctx context.Context) error {
	for ctx.Err() == nil {
		f.mu.Lock()
		if n := len(f.deferred); n > 0 && f.left == n && f.s.claimEnd(f.deferred[0].cid) == nil {
			f.fresh = append(f.fresh, f.deferred...)
			f.deferred = nil
		}
		var it *item
		var file bool
		switch {
		case len(f.files) > 0 && f.roomForPart():
			it, file = f.files[0], true
			f.files = f.files[1:]
		case len(f.fresh) > 0 && len(f.ready) < lookAhead:
			it = f.fresh[0]
			f.fresh = f.fresh[1:]
		}
		f.mu.Unlock()
		if it == nil {
			return nil
		}
		var err error
		if file {
			err = f.openFile(ctx, it)
		} else {
			err = f.look(ctx, it)
		}
		if err != nil {
			f.abandon(it)
			if !anotherMayHelp(err) && ctx.Err() == nil && !errors.Is(err, ErrNoSpace) {
				err = errors.Join(err, f.dropBad(it, err))
			}
			return err
		}
	}
	return ctx.Err()
}

// dropBad removes what is here of an item whose content is not acceptable.
func (f *fetch) dropBad(it *item, why error) error {
	for _, e := range []error{ErrDAG, ErrTooBig, ErrName, ErrCID} {
		if errors.Is(why, e) {
			return f.s.dropPart(it.cid)
		}
	}
	return nil
}

// roomForPart tells whether another file should be begun; the lock is held.
func (f *fetch) roomForPart() bool {
	var missing uint64
	for _, fp := range f.parts {
		missing += fp.part.missing()
	}
	return len(f.parts) < openParts || (missing < openBytes && len(f.parts) < mostParts)
}

// look finds out how much of an item is here.
func (f *fetch) look(ctx context.Context, it *item) error {
	f.hold(it.cid)
	if !f.s.claim(it.cid) {
		if f.s.usable(it.cid) {
			return f.whole(it)
		}
		f.mu.Lock()
		f.deferred = append(f.deferred, it)
		f.mu.Unlock()
		return nil
	}
	it.claimed = true
	if f.s.usable(it.cid) {
		return f.whole(it)
	}
	if isRaw(it.cid) {
		f.makeReady(it)
		return nil
	}
	block, err := f.s.node(it.cid, it.cid)
	if errors.Is(err, ErrNotHave) {
		f.makeReady(it)
		return nil
	}
	if err != nil {
		return err
	}
	if f.mustShow(it) {
		return nil
	}
	n, err := decodeBlock(block)
	if err != nil {
		return err
	}
	if !n.dir {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.files = append(f.files, it)
		return nil
	}
	walk, err := readFolder(it.cid, func(c cid.Cid) ([]byte, error) { return f.s.node(it.cid, c) })
	if errors.Is(err, ErrNotHave) {
		f.makeReady(it)
		return nil
	}
	if err != nil {
		return err
	}
	return f.expand(it, walk.links())
}

func (f *fetch) makeReady(its ...*item) {
	f.mu.Lock()
	f.ready = append(f.ready, its...)
	f.mu.Unlock()
	f.wakePeers()
}

// mustShow has a source asked for an item that is here, where that is wanted.
func (f *fetch) mustShow(it *item) bool {
	if it.parent == nil || f.lim.MustShow == nil || !f.lim.MustShow(it.cid.String()) {
		return false
	}
	it.shown = true
	f.makeReady(it)
	return true
}

// whole takes an item that is whole.
func (f *fetch) whole(it *item) error {
	if f.mustShow(it) {
		return nil
	}
	return f.already(it)
}

// already counts content that is whole.
func (f *fetch) already(it *item) error {
	r, err := f.s.record(it.cid)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.entries += r.Entries
	f.bytes += r.Size
	err = f.grow(r.Size)
	f.mu.Unlock()
	if err == nil {
		f.finished(it)
	}
	return err
}

// grow counts payload that belongs to the whole and holds it to the limits
// before any of it is asked for or stored; the lock is held.
func (f *fetch) grow(size uint64) error {
	f.total += size
	if err := f.lim.check(f.total, f.entries); err != nil || f.total < size {
		return fmt.Errorf("%w: %d bytes of at most %d, %d entries of at most %d",
			ErrTooBig, f.total, f.lim.Bytes, f.entries, f.lim.Entries)
	}
	return nil
}

// growOnce counts the size of an item when it becomes known.
func (f *fetch) growOnce(it *item, size uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if it.counted {
		return nil
	}
	it.counted = true
	return f.grow(size)
}

// expand takes the entries of a folder, whose nodes are here, for items.
func (f *fetch) expand(it *item, links []link) error {
	if it.depth >= f.lim.Depth && len(links) > 0 {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, f.lim.Depth)
	}
	f.mu.Lock()
	if it.here {
		f.mu.Unlock()
		return nil
	}
	f.entries += len(links)
	err := f.grow(0)
	for _, l := range links {
		if err == nil && !f.seen[l.cid] {
			f.seen[l.cid] = true
			f.left++
			f.fresh = append(f.fresh, &item{cid: l.cid, depth: it.depth + 1, parent: it})
		}
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	f.finished(it)
	return nil
}

// finished takes note that all of an item is here.
func (f *fetch) finished(it *item) {
	f.mu.Lock()
	first := !it.here
	it.here, f.cleared[it.cid] = true, true
	if first {
		f.left--
	}
	f.mu.Unlock()
	if first {
		f.abandon(it)
		f.poke()
	}
}

// abandon gives up the claim of an item.
func (f *fetch) abandon(it *item) {
	if it.claimed {
		it.claimed = false
		f.s.unclaim(it.cid)
	}
}

// openFile begins, or goes on with, a file whose nodes should be here.
func (f *fetch) openFile(ctx context.Context, it *item) error {
	if it.shown {
		if r, err := f.s.record(it.cid); err == nil {
			f.mu.Lock()
			f.bytes += r.Size
			f.mu.Unlock()
			f.finished(it)
			return nil
		}
	}
	table := &leafTable{get: func(c cid.Cid) (*node, error) {
		block, err := f.s.node(it.cid, c)
		if err != nil {
			return nil, err
		}
		return decodeNode(block)
	}}
	w := newWalker(it.cid)
	w.leaves, w.table = false, table
	missing, whole, err := f.s.resumeNodes(it.cid, w)
	if err == nil && w.size > 0 {
		err = f.growOnce(it, w.size)
	}
	if err != nil {
		return err
	}
	if !whole {
		it.from, it.levels = missing.offset, uint64(min(1, missing.level))
		f.makeReady(it)
		return nil
	}
	release, err := f.s.reserve(table.size)
	if err != nil {
		return err
	}
	p, err := f.s.startPart(it.cid, table, w.blocks)
	if err == nil {
		if err = p.resume(ctx); err != nil {
			_ = p.leave()
		}
	}
	if err != nil {
		release()
		return err
	}
	f.openPart(&filePart{it: it, part: p, release: release})
	return nil
}

// openPart lets the sources share out what is missing.
func (f *fetch) openPart(fp *filePart) {
	p := fp.part
	var heldLeaves []swarm.Span
	_ = p.have.runs(p.table.count, func(from, to uint64) error {
		heldLeaves = append(heldLeaves, swarm.Span{From: from, To: to})
		return nil
	})
	f.mu.Lock()
	cfg := swarm.Config{}
	if f.lim.Discover != nil || len(f.peers)+len(f.queue) > 1 {
		cfg.Start = rand.Uint64N(p.table.count)
	}
	fp.plan = swarm.New(p.table.count, heldLeaves, cfg)
	f.bytes += p.bytes
	f.parts = append(f.parts, fp)
	f.cleared[fp.it.cid] = true
	f.mu.Unlock()
	f.complete(fp)
	f.wakePeers()
}

// complete publishes a file once all its leaves are here.
func (f *fetch) complete(fp *filePart) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fp.finishing || fp.part.missing() > 0 || f.closed {
		return
	}
	fp.finishing = true
	f.work.Go(func() {
		err := fp.part.finish()
		_ = fp.part.close()
		fp.release()
		f.mu.Lock()
		f.parts = slices.DeleteFunc(f.parts, func(other *filePart) bool { return other == fp })
		for _, p := range f.peers {
			delete(p.maps, fp)
		}
		f.mu.Unlock()
		if err != nil {
			f.abandon(fp.it)
			f.stop(err)
			return
		}
		f.finished(fp.it)
	})
}
