package blob

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

const (
	packBuffer = 512 << 10 // bytes a packer collects before it writes
	// packPending is how many files wait for their records at most: a flush
	// comes by itself then, so that memory is bounded and a crash costs little.
	packPending = 8192
	// recordsPerUpdate keeps transactions within what the index takes.
	recordsPerUpdate = 2000
)

// packer takes in many small files at the price of one. It is used by one
// goroutine; many packers share the packs.
type packer struct {
	s       *Store
	buf     []byte
	pending []packed
	spilled int                  // of pending, those that are in a pack
	seen    map[cid.Cid]struct{} // of pending
	writes  []written            // since the last flush
	// moving is for a packer that gives files another place: where they are,
	// unless somebody else changes that. It needs no room under the quota.
	moving map[cid.Cid]packed
}

// packed is a file in a pack that has no record yet.
type packed struct {
	c    cid.Cid
	pack string
	off  int64 // of its bytes in the pack; until spilled, in the buffer
	size int
}

func (s *Store) newPacker() *packer {
	return &packer{s: s, seen: map[cid.Cid]struct{}{}}
}

// put takes in a whole file of one raw block whose bytes were verified, at
// most packLimit of them. It is visible after the next flush at the latest. b
// may be reused. Errors: ErrNoSpace, ErrQuota.
func (p *packer) put(c cid.Cid, b []byte) error {
	if !isRaw(c) || len(b) > packLimit {
		return fmt.Errorf("%w: %s of %d bytes does not belong into a pack", ErrDAG, c, len(b))
	}
	if _, ok := p.seen[c]; ok {
		return nil
	}
	if len(p.buf) > 0 && len(p.buf)+packHeader+len(b) > packBuffer {
		if err := p.spill(); err != nil {
			return err
		}
	}
	var header [packHeader]byte
	putPackHeader(header[:], len(b), digest(c))
	p.buf = append(p.buf, header[:]...)
	p.pending = append(p.pending, packed{c: c, off: int64(len(p.buf)), size: len(b)})
	p.buf = append(p.buf, b...)
	p.seen[c] = struct{}{}
	if len(p.pending) >= packPending {
		return p.flush()
	}
	return nil
}

// putLaid is put for files that lie in b as they will in a pack, each behind
// its header, at the offsets that all tells. b may be reused.
func (p *packer) putLaid(b []byte, all []packed) error {
	for i, e := range all {
		if _, ok := p.seen[e.c]; !ok {
			p.seen[e.c] = struct{}{}
			continue
		}
		// One is here twice: each for itself, then.
		for _, e := range all[:i] {
			delete(p.seen, e.c)
		}
		for _, e := range all {
			if err := p.put(e.c, b[e.off:][:e.size]); err != nil {
				return err
			}
		}
		return nil
	}
	err := p.spill()
	if err == nil {
		own, n := p.buf, len(p.pending)
		p.buf, p.pending = b, append(p.pending, all...)
		if err = p.spill(); err != nil {
			p.pending = p.pending[:n]
		}
		p.buf = own[:0]
	}
	if err != nil {
		for _, e := range all {
			delete(p.seen, e.c)
		}
		return err
	}
	if len(p.pending) >= packPending {
		return p.flush()
	}
	return nil
}

// spill writes the buffer to the current pack.
func (p *packer) spill() error {
	if len(p.buf) == 0 {
		return nil
	}
	if p.moving == nil {
		release, err := p.s.reserve(uint64(len(p.buf)))
		if err != nil {
			return err
		}
		defer release() // what was written is counted as the store's
	}
	w, err := p.s.packs.write(p.buf)
	if err != nil {
		return err
	}
	p.writes = append(p.writes, w)
	for i := p.spilled; i < len(p.pending); i++ {
		p.pending[i].pack = w.pack.id
		p.pending[i].off += w.at
	}
	p.spilled, p.buf = len(p.pending), p.buf[:0]
	return nil
}

// flush makes everything that was put visible: the bytes reach the disk before
// the records that point to them. After an error it can be tried again.
// Errors: ErrNoSpace, ErrQuota.
func (p *packer) flush() error {
	if len(p.pending) == 0 {
		return nil
	}
	if err := p.spill(); err != nil {
		return err
	}
	for i, w := range p.writes {
		if i > 0 && p.writes[i-1].pack == w.pack {
			continue
		}
		if err := w.pack.sync.do(func() error { return p.s.syncFile(w.pack.f) }); err != nil {
			return space(err)
		}
	}
	if err := p.s.commitPacked(p.pending, p.moving, p.s.packs.marks(p.writes)); err != nil {
		return err
	}
	p.forget()
	return nil
}

// forget settles what was put.
func (p *packer) forget() {
	p.s.packs.settle(p.writes)
	p.writes, p.pending, p.spilled, p.buf = p.writes[:0], p.pending[:0], 0, p.buf[:0]
	clear(p.seen)
}

// close abandons what was put since the last flush. Where it was written
// already, the next Open finds it and makes it visible.
func (p *packer) close() error {
	p.forget()
	p.buf = nil
	return nil
}

// commitPacked writes the records of files whose bytes are synced, except of
// those that are here already, which stay where they are, and how far their
// packs are settled then.
func (s *Store) commitPacked(all []packed, moving map[cid.Cid]packed, marks map[string]int64) error {
	var met []packed
	for first := true; first || len(all) > 0; first = false {
		n := min(len(all), recordsPerUpdate)
		here, err := s.placeAll(all[:n], moving, marks, n == len(all))
		if err != nil {
			return err
		}
		all, met = all[n:], append(met, here...)
	}
	// One that has a record and cannot be read was not here after all.
	for _, e := range met {
		if s.usable(e.c) {
			continue
		}
		if err := s.index.Update(func(x store.Txn) error {
			_, err := place(x, e, map[cid.Cid]packed{}, s.now())
			return err
		}); err != nil {
			return space(err)
		}
	}
	return nil
}

// placeAll is commitPacked for as many as the index takes at once. It returns
// those that have a record, which stays.
func (s *Store) placeAll(all []packed, moving map[cid.Cid]packed, marks map[string]int64, last bool) (met []packed, err error) {
	if err := s.fault("commit", ""); err != nil {
		return nil, err
	}
	now := s.now()
	err = s.index.Update(func(x store.Txn) error {
		met = nil
		for _, e := range all {
			here, err := place(x, e, moving, now)
			if err != nil {
				return err
			}
			if here {
				met = append(met, e)
			}
		}
		for id, at := range marks {
			if last {
				if err := setJSON(x, settledKey(id), at); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return met, space(err)
}

// place writes the record of one file in a pack. If moving is nil, it leaves
// one that is there and tells so.
func place(x store.Txn, e packed, moving map[cid.Cid]packed, now int64) (here bool, err error) {
	r := record{Size: uint64(e.size), Blocks: 1, At: now}
	var old record
	err = getIn(x, key(recordPrefix, e.c), &old)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if err == nil && moving == nil {
		return true, nil
	}
	if from, ok := moving[e.c]; ok {
		if err != nil || old.Pack != from.pack || old.Off != from.off {
			return false, nil // removed or moved by somebody else
		}
		r = old
	}
	r.Pinned, r.Pack, r.Off = old.Pinned, e.pack, e.off
	return false, setJSON(x, key(recordPrefix, e.c), r)
}

// absent returns the files that are not here in another place.
func (s *Store) absent(all []packed) ([]packed, error) {
	out := make([]packed, 0, len(all))
	var known []packed
	err := s.index.View(func(r store.Reader) error {
		for _, e := range all {
			switch _, err := r.Get(key(recordPrefix, e.c)); {
			case errors.Is(err, store.ErrNotFound):
				out = append(out, e)
			case err != nil:
				return err
			default:
				known = append(known, e)
			}
		}
		return nil
	})
	for _, e := range known {
		if !s.usable(e.c) {
			out = append(out, e)
		}
	}
	return out, err
}
