package blob

import (
	"bytes"
	"container/heap"
	"context"
	"errors"

	"github.com/ipfs/go-cid"
)

// GCOptions says how much GC removes.
type GCOptions struct {
	// DryRun only tells what would be removed.
	DryRun bool
	// Target ends the collection when no more than so many bytes are left,
	// what was used longest ago having gone first; 0 removes all that nothing
	// needs.
	Target uint64
}

// GC removes what is not pinned, in use or below such, longest unused first,
// unfinished fetches included; a folder goes before what is in it. Then it
// rewrites the packs that hold mostly what is removed.
func (s *Store) GC(ctx context.Context, opt GCOptions) (GCReport, error) {
	s.room.making.Lock()
	defer s.room.making.Unlock()
	k := &collector{s: s, dry: opt.DryRun, target: opt.Target}
	err := k.run(ctx)
	if err == nil && !opt.DryRun {
		err = s.compact(ctx, opt.Target, opt.Target == 0)
	}
	return k.rep, err
}

// evict makes the store as small as low if it can; it rewrites packs only as
// far as high demands it. The caller holds room.making.
func (s *Store) evict(low, high uint64) error {
	ctx := context.Background() // it ends by itself, and half of it helps nobody
	// What packers have written and not made visible cannot be removed.
	pending := s.packs.pendingBytes()
	k := &collector{s: s, target: max(low, pending+1) - pending}
	if err := k.run(ctx); err != nil {
		return err
	}
	return s.compact(ctx, max(high, 1), false)
}

// batch is how many files are removed at once at most: as long nobody can
// begin to use anything.
const batch = 200

// collector is one collection.
type collector struct {
	s      *Store
	dry    bool
	target uint64
	rep    GCReport
	g      *survey
	left   uint64 // bytes on the store's account
	queue  byUse
}

func (k *collector) run(ctx context.Context) (err error) {
	defer k.s.watchUses()()
	if k.g, err = k.s.survey(); err != nil {
		return err
	}
	k.left = k.g.total
	for _, e := range k.g.all {
		if !e.keep && e.parents == 0 {
			k.queue = append(k.queue, e)
		}
		if err := k.dropExtra(e); err != nil {
			return err
		}
	}
	heap.Init(&k.queue)
	for len(k.queue) > 0 && (k.target == 0 || k.left > k.target) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.removeSome(); err != nil {
			return err
		}
	}
	for _, e := range k.g.all {
		if e.whole {
			k.rep.Kept++
		}
	}
	k.rep.Kept -= len(k.rep.Removed)
	return nil
}

// removeSome removes the next folder, or the files next in turn.
func (k *collector) removeSome() error {
	var some []*surveyed
	var cids []cid.Cid
	left := k.left
	for len(k.queue) > 0 && len(some) < batch && (k.target == 0 || left > k.target) {
		folder := len(k.queue[0].kids) > 0
		if folder && len(some) > 0 {
			break // what is in it takes part in the order once it is gone
		}
		e := heap.Pop(&k.queue).(*surveyed)
		if k.target > 0 && e.whole && k.gain(e) == 0 {
			continue // to remove it would not help
		}
		some, cids = append(some, e), append(cids, e.c)
		left -= min(left, k.size(e))
		if folder {
			break
		}
	}
	if len(some) == 0 {
		return nil
	}
	gone := cids
	if !k.dry {
		var err error
		if gone, err = k.s.erase(cids); err != nil {
			return err
		}
	}
	erased := make(map[cid.Cid]bool, len(gone))
	for _, c := range gone {
		erased[c] = true
	}
	for _, e := range some {
		if erased[e.c] { // the others were taken into use meanwhile
			k.removed(e)
		}
	}
	return nil
}

// removed takes note of what is gone; what was in a folder may now go too.
func (k *collector) removed(e *surveyed) {
	k.left -= min(k.left, k.size(e))
	k.rep.Bytes += k.size(e)
	if e.whole {
		k.rep.Removed = append(k.rep.Removed, k.s.infoAt(e.c, e.r, e.used))
	}
	for _, c := range e.kids {
		kid := k.g.all[c]
		if kid == nil || kid.keep {
			continue
		}
		if kid.parents--; kid.parents == 0 {
			heap.Push(&k.queue, kid)
		}
	}
}

func (k *collector) size(e *surveyed) uint64 { return e.r.stored() }

// gain is what removing e can give back, with all that is below it.
func (k *collector) gain(e *surveyed) (sum uint64) {
	seen := map[cid.Cid]bool{}
	todo := []*surveyed{e}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if e == nil || e.keep || seen[e.c] {
			continue
		}
		seen[e.c] = true
		if sum += k.size(e); sum > 0 {
			return sum
		}
		for _, c := range e.kids {
			todo = append(todo, k.g.all[c])
		}
	}
	return 0
}

// dropExtra removes files that the record does not need.
func (k *collector) dropExtra(e *surveyed) error {
	if len(e.extra) == 0 || k.dry || e.keep {
		return nil
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, touched := s.touched[e.c]; touched || s.uses[e.c] > 0 || s.claims[e.c] != nil {
		return nil
	}
	var errs []error
	for _, path := range e.extra {
		errs = append(errs, remove(path))
	}
	s.room.recount()
	return errors.Join(errs...)
}

// watchUses lets erase know what is taken into use from now on, because a
// survey does not.
func (s *Store) watchUses() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touched = map[cid.Cid]struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.touched = nil
	}
}

// byUse is a heap, longest unused first.
type byUse []*surveyed

func (q byUse) Len() int      { return len(q) }
func (q byUse) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q byUse) Less(i, j int) bool {
	if q[i].used != q[j].used {
		return q[i].used < q[j].used
	}
	return bytes.Compare(q[i].c.Bytes(), q[j].c.Bytes()) < 0
}
func (q *byUse) Push(x any) { *q = append(*q, x.(*surveyed)) }
func (q *byUse) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}
