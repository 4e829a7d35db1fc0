package blob

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// room is the account of the bytes that count against the quota: the plain
// files and packs of the store, and what was reserved.
type room struct {
	mu       sync.Mutex
	known    bool // stored was counted since the store was opened
	stored   int64
	reserved int64
	// making is held by who removes things, so that two do not remove for the
	// same lack.
	making sync.Mutex
}

// add changes the account when something was stored or removed.
func (r *room) add(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored += n
}

// recount has the account made up again from the disk.
func (r *room) recount() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = false
}

// reserve makes room for n more bytes under the quota, by removing what was
// used longest ago, and keeps it until release. A fetch reserves the size of a
// file when it has claimed it and learns that, held bytes included, and
// releases it after the file is committed or given up; a packer reserves for
// itself. Errors: ErrQuota.
func (s *Store) reserve(n uint64) (release func(), err error) {
	if s.cfg.Quota == 0 {
		return func() {}, nil
	}
	if n > s.cfg.Quota {
		return nil, s.quotaError(n)
	}
	ok, err := s.take(int64(n))
	if err == nil && !ok {
		err = s.makeRoom(n)
	}
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		s.room.mu.Lock()
		defer s.room.mu.Unlock()
		s.room.reserved -= int64(n)
	}), nil
}

// take reserves n bytes if they fit.
func (s *Store) take(n int64) (bool, error) {
	if err := s.countStored(); err != nil {
		return false, err
	}
	parts, err := s.idleParts()
	if err != nil {
		return false, err
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.room.stored+s.room.reserved+parts+n > int64(s.cfg.Quota) {
		return false, nil
	}
	s.room.reserved += n
	return true, nil
}

// makeRoom removes things until n bytes could be reserved.
func (s *Store) makeRoom(n uint64) error {
	s.room.making.Lock()
	defer s.room.making.Unlock()
	if ok, err := s.take(int64(n)); ok || err != nil { // somebody else made it
		return err
	}
	s.room.mu.Lock()
	reserved := s.room.reserved
	s.room.mu.Unlock()
	left := int64(s.cfg.Quota) - reserved - int64(n)
	if left < 0 {
		return s.quotaError(n)
	}
	// A little more than is needed, or a full store would look for room at
	// every small file; but only what is needed must be found.
	spare := min(int64(s.cfg.Quota/64), left)
	if err := s.evict(uint64(left-spare), uint64(left)); err != nil {
		return err
	}
	ok, err := s.take(int64(n))
	if err == nil && !ok {
		err = s.quotaError(n)
	}
	return err
}

// quotaError tells how much is there and why it stays.
func (s *Store) quotaError(n uint64) error {
	g, err := s.survey()
	if err != nil {
		return err
	}
	s.room.mu.Lock()
	reserved := s.room.reserved
	s.room.mu.Unlock()
	return fmt.Errorf("%w: %s more are wanted of %s; %s are here, %s of them pinned and %s in use, and %s are promised to what is coming",
		ErrQuota, sized(n), sized(s.cfg.Quota), sized(g.total), sized(g.pinned), sized(g.inUse), sized(uint64(reserved)))
}

// sized is a number of bytes in words.
func sized(n uint64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// countStored counts what the store holds, once; add keeps the account.
func (s *Store) countStored() error {
	s.room.mu.Lock()
	known := s.room.known
	before := s.room.stored
	s.room.mu.Unlock()
	if known {
		return nil
	}
	total, err := s.diskBytes()
	if err != nil {
		return err
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if !s.room.known { // what was added meanwhile may count twice, never not at all
		s.room.known, s.room.stored = true, total+max(0, s.room.stored-before)
	}
	return nil
}

// diskBytes is the length of the store's own files and packs.
func (s *Store) diskBytes() (total int64, err error) {
	for _, dir := range []string{s.filesDir(), s.packsDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if st, err := e.Info(); err == nil { // else it was removed just now
				total += st.Size()
			}
		}
	}
	return total, nil
}

// idleParts is what unfinished fetches that nobody continues take on the disk.
// The others have reserved their room.
func (s *Store) idleParts() (total int64, err error) {
	entries, err := os.ReadDir(s.tmpDir())
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), partSuffix)
		c, err := parseCID(name)
		if !ok || err != nil || s.claimed(c) {
			continue
		}
		if n, err := allocated(filepath.Join(s.tmpDir(), e.Name())); err == nil {
			total += n
		}
	}
	return total, nil
}
