package blob

import (
	"sync"

	"infernet.tech/infernet/store/blob/sha"
)

// hashing is one block on its way to be verified.
type hashing struct {
	buf  []byte
	done func(sum [32]byte) // called from a goroutine of the hasher
}

// hasher verifies the blocks of all fetches of a Store, several at once where
// the processor gains by it. Its goroutines live as long as there is work.
type hasher struct {
	mu      sync.Mutex
	queue   []hashing
	running int
	most    int // goroutines
	lanes   int // blocks worth hashing at once
}

func newHasher(workers int) *hasher { return &hasher{most: workers} }

// put hands over a block. What waits is bounded by the buffers of the pool.
func (h *hasher) put(j hashing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lanes == 0 {
		h.lanes = sha.Lanes()
	}
	h.queue = append(h.queue, j)
	if h.running < h.most {
		h.running++
		go h.work()
	}
}

func (h *hasher) work() {
	sums, blocks := make([][32]byte, h.lanes), make([][]byte, 0, h.lanes)
	for {
		h.mu.Lock()
		if len(h.queue) == 0 {
			h.running--
			h.mu.Unlock()
			return
		}
		jobs := h.queue[:min(h.lanes, len(h.queue))]
		h.queue = h.queue[len(jobs):]
		h.mu.Unlock()
		blocks = blocks[:0]
		for _, j := range jobs {
			blocks = append(blocks, j.buf)
		}
		sha.Sum(sums[:len(blocks)], blocks)
		for i, j := range jobs {
			j.done(sums[i])
			jobs[i] = hashing{}
		}
	}
}
