package blob

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

const (
	// usesKept is how many last uses are kept in memory before they are written
	// down, usesEvery how long. A crash forgets those, which costs nothing but
	// the order in which things are removed.
	usesKept  = 1024
	usesEvery = time.Minute
)

// lastUses knows when what was used last.
type lastUses struct {
	mu    sync.Mutex
	clock int64             // the last time given out, so that no two are equal
	fresh map[cid.Cid]int64 // not written down yet
	wrote time.Time
}

// now is the time in nanoseconds since 1970, later at each call.
func (s *Store) now() int64 {
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	return s.last.tick()
}

func (l *lastUses) tick() int64 {
	l.clock = max(l.clock+1, time.Now().UnixNano())
	return l.clock
}

// used takes note that c is used now. It is cheap: what is known in memory is
// written down now and then.
func (s *Store) used(c cid.Cid) {
	l := &s.last
	l.mu.Lock()
	if l.wrote.IsZero() {
		l.wrote = time.Now()
	}
	l.fresh[c] = l.tick()
	due := len(l.fresh) >= usesKept || time.Since(l.wrote) > usesEvery
	if due {
		l.wrote = time.Now() // nobody else begins to write meanwhile
	}
	l.mu.Unlock()
	if due {
		_ = s.writeUses() // it stays in memory, and a later use tries again
	}
}

// writeUses writes down what is only in memory, of what is still here.
func (s *Store) writeUses() error {
	l := &s.last
	l.mu.Lock()
	batch := make(map[cid.Cid]int64, len(l.fresh))
	for c, t := range l.fresh {
		if batch[c] = t; len(batch) == recordsPerUpdate {
			break
		}
	}
	l.mu.Unlock()
	err := s.index.Update(func(x store.Txn) error {
		for c, t := range batch {
			if _, err := x.Get(key(recordPrefix, c)); err != nil {
				continue // removed meanwhile, or not whole yet
			}
			if err := x.Set(key(usedPrefix, c), binary.BigEndian.AppendUint64(nil, uint64(t))); err != nil {
				return err
			}
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, t := range batch {
		// Unwritten ones stay, but not without bound.
		if (err == nil || len(l.fresh) > 8*usesKept) && l.fresh[c] == t {
			delete(l.fresh, c)
		}
	}
	return space(err)
}

// usedAt is when c, whose record is r, was used last, in nanoseconds since
// 1970; later than r.At or that.
func (s *Store) usedAt(x store.Reader, c cid.Cid, r record) int64 {
	at := r.At
	if raw, err := x.Get(key(usedPrefix, c)); err == nil && len(raw) == 8 {
		at = max(at, int64(binary.BigEndian.Uint64(raw)))
	}
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	return max(at, s.last.fresh[c])
}
