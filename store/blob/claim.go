package blob

import (
	"context"

	"github.com/ipfs/go-cid"
)

// claim reserves the temporary file of c; false when somebody else has it.
func (s *Store) claim(c cid.Cid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims[c] != nil {
		return false
	}
	s.claims[c] = make(chan struct{})
	return true
}

func (s *Store) unclaim(c cid.Cid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.claims[c])
	delete(s.claims, c)
}

// awaitClaim waits until nobody has c reserved.
func (s *Store) awaitClaim(ctx context.Context, c cid.Cid) error {
	ch := s.claimEnd(c)
	if ch == nil {
		return nil
	}
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claimEnd returns what is closed when c is not reserved any more, nil when it
// is not.
func (s *Store) claimEnd(c cid.Cid) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims[c]
}

// streams counts the streams of all fetches, to share memory among them.
func (s *Store) addStream(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams += n
}

// crowded tells that a fetch which has a stream should not open another.
func (s *Store) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams >= sharedStreams
}

const (
	// sharedStreams is how many streams at once still come in crowds.
	sharedStreams        = 64
	leastWindow   uint64 = 256 << 10
	mostWindow    uint64 = 16 << 20
)

// window is how many bytes may be under way on one stream: its share of the
// memory for buffers.
func (s *Store) window() uint64 {
	s.mu.Lock()
	n := s.streams
	s.mu.Unlock()
	return min(max(s.cfg.Memory/uint64(max(n, 1)), leastWindow), mostWindow)
}

// fetches says that f is at work on root, until the function it returns is
// called.
func (s *Store) fetches(root cid.Cid, f *fetch) (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roots == nil {
		s.roots = map[cid.Cid]*fetch{}
	}
	s.roots[root] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.roots[root] == f {
			delete(s.roots, root)
		}
	}
}

// belongs tells whether c, which the folder root lists, may be served as part
// of it: always when that is whole, else what its fetch has made part of it.
// A folder on its way in may list what is here for other reasons.
func (s *Store) belongs(root, c cid.Cid) bool {
	if _, err := s.record(root); root == c || err == nil {
		return true
	}
	s.mu.Lock()
	f := s.roots[root]
	s.mu.Unlock()
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cleared[c]
}
