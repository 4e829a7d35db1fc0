package polygon

import (
	"context"
	"sync"
)

// keyed is one lock for each key; locks nobody uses take no memory.
type keyed[K comparable] struct {
	mu    sync.Mutex
	slots map[K]*slot
}

type slot struct {
	token chan struct{}
	users int // those who hold the lock or wait for it
}

// lock waits for the key's lock and returns how to give it back, or ctx's
// error.
func (k *keyed[K]) lock(ctx context.Context, key K) (func(), error) {
	k.mu.Lock()
	if k.slots == nil {
		k.slots = map[K]*slot{}
	}
	s := k.slots[key]
	if s == nil {
		s = &slot{token: make(chan struct{}, 1)}
		k.slots[key] = s
	}
	s.users++
	k.mu.Unlock()
	select {
	case s.token <- struct{}{}:
		return func() { <-s.token; k.leave(key, s) }, nil
	case <-ctx.Done():
		k.leave(key, s)
		return nil, ctx.Err()
	}
}

func (k *keyed[K]) leave(key K, s *slot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(k.slots, key)
	}
}
