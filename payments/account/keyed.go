package account

import (
	"context"
	"sync"

	"infernet.tech/infernet/p2p/identity"
)

// keyed is one lock for each peer; locks nobody uses take no memory.
type keyed struct {
	mu    sync.Mutex
	slots map[identity.PubKey]*slot
}

type slot struct {
	token chan struct{}
	users int // those who hold the lock or wait for it
	// waiting are the payments that no note has been signed for.
	waiting []*turn
}

// lock waits for the peer's lock and returns how to give it back, or ctx's
// error.
func (k *keyed) lock(ctx context.Context, peer identity.PubKey) (func(), error) {
	s := k.join(peer)
	select {
	case s.token <- struct{}{}:
		return func() { <-s.token; k.leave(peer, s) }, nil
	case <-ctx.Done():
		k.leave(peer, s)
		return nil, ctx.Err()
	}
}

func (k *keyed) join(peer identity.PubKey) *slot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.slots == nil {
		k.slots = map[identity.PubKey]*slot{}
	}
	s := k.slots[peer]
	if s == nil {
		s = &slot{token: make(chan struct{}, 1)}
		k.slots[peer] = s
	}
	s.users++
	return s
}

func (k *keyed) leave(peer identity.PubKey, s *slot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(k.slots, peer)
	}
}
