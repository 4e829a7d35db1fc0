package blob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	// packFlush is after how many bytes or files small files become visible.
	packFlush      = 32 << 20
	packFlushItems = 4096
)

// packing gathers the small files of folders.
type packing struct {
	mu    sync.Mutex
	p     *packer
	items []*item // put and not visible
	bytes int
	// aside has room for the one goroutine that makes earlier files visible.
	aside chan struct{}
}

// store keeps a verified file of one block: in a pack if it is a small one of
// a folder.
func (f *fetch) store(p *peer, it *item, buf []byte) error {
	f.mu.Lock()
	fresh := f.asked[it]
	delete(f.asked, it)
	f.came(p, uint64(len(buf)), fresh)
	f.mu.Unlock()
	if !fresh {
		return nil
	}
	if it.shown {
		f.finished(it)
		return nil
	}
	if it.parent == nil || len(buf) > packLimit {
		if err := f.s.storeBlock(it.cid, buf); err != nil {
			f.abandon(it)
			return err
		}
		f.finished(it)
		return nil
	}
	k := &f.pack
	k.mu.Lock()
	defer k.mu.Unlock()
	k.items = append(k.items, it)
	if err := k.p.put(it.cid, buf); err != nil {
		return err
	}
	if k.bytes += len(buf); k.bytes >= packFlush || len(k.items) >= packFlushItems {
		return f.flushAside()
	}
	if f.onlyPacked(len(k.items)) {
		f.poke()
	}
	return nil
}

// onlyPacked tells that nothing is left but so many packed items, and what
// others are fetching.
func (f *fetch) onlyPacked(items int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return items > 0 && f.left == items+len(f.deferred)
}

// flushLast makes the small files visible when there will be no more.
func (f *fetch) flushLast() error {
	f.pack.mu.Lock()
	defer f.pack.mu.Unlock()
	if !f.onlyPacked(len(f.pack.items)) {
		return nil
	}
	return f.flushPack()
}

// flush makes the small files visible.
func (f *fetch) flush() error {
	f.pack.mu.Lock()
	defer f.pack.mu.Unlock()
	return f.flushPack()
}

// flushPack is flush with the pack locked.
func (f *fetch) flushPack() error {
	k := &f.pack
	if len(k.items) == 0 {
		return nil
	}
	if err := k.p.flush(); err != nil {
		return err
	}
	for _, it := range k.items {
		f.finished(it)
	}
	k.items, k.bytes = nil, 0
	return nil
}

// flushAside makes the small files visible while more come in, once those
// before them are. The pack is locked: who brings more waits meanwhile.
func (f *fetch) flushAside() error {
	k := &f.pack
	select {
	case k.aside <- struct{}{}:
	case <-f.over:
		return nil // the last flush takes them
	}
	full, items := k.p, k.items
	k.p, k.items, k.bytes = f.s.newPacker(), nil, 0
	f.mu.Lock()
	f.storing++ // none of them is due from a source
	f.mu.Unlock()
	f.work.Go(func() {
		defer func() { <-k.aside }()
		err := errors.Join(full.flush(), full.close())
		for _, it := range items {
			if err == nil {
				f.finished(it)
			} else {
				f.abandon(it)
			}
		}
		f.mu.Lock()
		f.storing--
		f.moved = time.Now()
		f.mu.Unlock()
		if err != nil {
			f.stop(err)
		}
		f.poke()
	})
	return nil
}

// storeBlock makes a verified file of one block visible; its claim is held.
func (s *Store) storeBlock(c cid.Cid, b []byte) error {
	release, err := s.reserve(uint64(len(b)))
	if err != nil {
		return err
	}
	defer release()
	out, err := os.OpenFile(s.partPath(c), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return space(err)
	}
	if _, err := out.Write(b); err != nil {
		return errors.Join(space(err), out.Close(), os.Remove(out.Name()))
	}
	if err := s.publish(out, c); err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return s.commit(c, record{Size: uint64(len(b)), Blocks: 1})
}

// finishFolders makes folders visible, children before parents, once all files
// are here. A folder that has its record is whole, so that one that appears
// often is looked into once.
func (f *fetch) finishFolders(ctx context.Context, c cid.Cid, depth int) error {
	if isRaw(c) || f.s.usable(c) {
		return nil
	}
	if depth > f.lim.Depth {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, f.lim.Depth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	walk, err := readFolder(c, func(n cid.Cid) ([]byte, error) { return f.s.node(c, n) })
	if err != nil {
		return err
	}
	for _, l := range walk.links() {
		if isRaw(l.cid) {
			continue
		}
		if err := f.finishFolders(ctx, l.cid, depth+1); err != nil {
			return err
		}
	}
	r, err := f.s.dirRecord(&node{dir: true, links: walk.links()})
	if err == nil {
		r.Blocks += walk.blocks - 1
		err = f.lim.check(r.Size, r.Entries)
	}
	if err != nil {
		return err
	}
	return f.s.commit(c, r)
}
