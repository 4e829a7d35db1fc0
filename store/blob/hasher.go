package blob

import (
	"slices"
	"sync"

	"infernet.tech/infernet/store/blob/sha"
)

// hashing is one block on its way to be verified.
type hashing struct {
	buf  []byte
	done func(sum [32]byte) // called from a goroutine of the hasher
}

// mostGathered bounds how many blocks wait for others to be hashed with.
const mostGathered = 8

// gatherBytes is how many bytes of small blocks are worth the start of a
// goroutine, gatherBlocks how many of them wait at most.
const (
	gatherBytes  = 256 << 10
	gatherBlocks = 32
)

// hasher verifies the blocks of all fetches of a Store, several at once where
// the processor gains by it. Its goroutines live as long as there is work.
type hasher struct {
	mu      sync.Mutex
	queue   []hashing
	bytes   int // in the queue
	running int
	most    int // goroutines
	lanes   int // blocks worth hashing at once
}

func newHasher(workers int) *hasher { return &hasher{most: workers} }

// put hands over a block. more promises another one soon, or a kick: then this
// one may wait until there are enough to be hashed together. What waits is
// bounded by the buffers of the pool.
func (h *hasher) put(j hashing, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lanes == 0 {
		h.lanes = min(sha.Lanes(), mostGathered)
	}
	h.queue = append(h.queue, j)
	h.bytes += len(j.buf)
	if !more || (len(h.queue) >= h.lanes && h.bytes >= gatherBytes) || len(h.queue) >= gatherBlocks {
		h.start()
	}
}

// kick has what waits hashed now.
func (h *hasher) kick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) > 0 {
		h.start()
	}
}

// start adds a goroutine if there may be another; the lock is held.
func (h *hasher) start() {
	if h.running < h.most {
		h.running++
		go h.work()
	}
}

// work hashes until nothing waits.
func (h *hasher) work() {
	var sums [mostGathered][32]byte
	var blocks [][]byte
	for {
		h.mu.Lock()
		jobs := slices.Clone(h.queue[:min(h.lanes, len(h.queue))])
		if h.queue = slices.Delete(h.queue, 0, len(jobs)); len(jobs) == 0 {
			h.running--
			h.mu.Unlock()
			return
		}
		for _, j := range jobs {
			h.bytes -= len(j.buf)
		}
		h.mu.Unlock()
		blocks = blocks[:0]
		for _, j := range jobs {
			blocks = append(blocks, j.buf)
		}
		sha.Sum(sums[:len(blocks)], blocks)
		clear(blocks)
		for i, j := range jobs {
			j.done(sums[i])
		}
	}
}
