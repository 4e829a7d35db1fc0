package blob

import (
	"context"
	"slices"
	"sync"
)

const (
	// smallBuffer is up to where a buffer is made to measure and thrown away.
	smallBuffer = 64 << 10
	// keptBuffers is how many buffers of one chunk wait for the next block.
	keptBuffers = 16
	// fetchMemory is how many bytes of buffers one fetch may hold.
	fetchMemory = 16 << 20
)

// pool lends the block buffers of all fetches of a Store and bounds the bytes
// lent. It is fair: who waits longest is served first.
type pool struct {
	mu      sync.Mutex
	left    int64 // may go below zero, see get
	waiting []*waiter
	free    [][]byte // of chunkSize
}

type waiter struct {
	need  int64
	ready chan struct{}
}

func newPool(limit uint64) *pool { return &pool{left: int64(min(limit, 1<<40))} }

// get waits for a buffer of n bytes. first says that the caller has no other,
// and is served at once: so nobody is stopped by those who hold buffers and
// wait for a slow peer. That adds at most a block for each stream.
func (p *pool) get(ctx context.Context, n int, first bool) ([]byte, error) {
	if err := p.acquire(ctx, n, first); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(n), nil
}

// acquire is get without the buffer.
func (p *pool) acquire(ctx context.Context, n int, first bool) error {
	need := int64(bufferSize(n))
	p.mu.Lock()
	if first || (len(p.waiting) == 0 && p.left >= need) {
		p.left -= need
		p.mu.Unlock()
		return nil
	}
	w := &waiter{need, make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, w); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	} else {
		p.left += need // admitted just now
	}
	p.admit()
	return ctx.Err()
}

func bufferSize(n int) int {
	if n > smallBuffer && n <= chunkSize {
		return chunkSize
	}
	return n
}

func (p *pool) take(n int) []byte {
	if last := len(p.free) - 1; last >= 0 && bufferSize(n) == chunkSize {
		b := p.free[last]
		p.free = p.free[:last]
		return b[:n]
	}
	return make([]byte, n, bufferSize(n))
}

// put takes back what get gave.
func (p *pool) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left += int64(bufferSize(len(b)))
	if cap(b) == chunkSize && len(p.free) < keptBuffers {
		p.free = append(p.free, b)
	}
	p.admit()
}

// release takes back what acquire gave.
func (p *pool) release(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left += int64(bufferSize(n))
	p.admit()
}

// admit lets in who waits, as far as there is room.
func (p *pool) admit() {
	for len(p.waiting) > 0 && p.left >= p.waiting[0].need {
		p.left -= p.waiting[0].need
		close(p.waiting[0].ready)
		p.waiting = p.waiting[1:]
	}
}
