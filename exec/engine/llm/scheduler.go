package main

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ollama/ollama/llama"
)

var (
	errQueueFull = errors.New("too many requests are waiting")
	errStopped   = errors.New("the engine stops")
	errDecode    = errors.New("the model cannot be run")
	// errNoEmbedding: models that only embed pool in a way of their own.
	errNoEmbedding = errors.New("the model gives no hidden states")
)

// work is what a sequence does with the model's output. The scheduler calls
// it on its own goroutine; none of it may block.
type work interface {
	// wants says whether the output at a position is of use.
	wants(pos int) bool
	// take gets the output at a position that is wanted. It returns the token
	// that comes next, or -1, and whether the work is done.
	take(pos int, o output) (next int, done bool)
	// behind says whether the work's reader has to catch up first.
	behind() bool
	// fail ends the work. Nothing is called after it.
	fail(err error)
}

// output is the model's output at one position.
type output struct {
	ctx   *llama.Context
	index int // in the batch
}

func (o output) logits() []float32    { return o.ctx.GetLogitsIth(o.index) }
func (o output) embedding() []float32 { return o.ctx.GetEmbeddingsIth(o.index) }

// sequence is a request's way through the scheduler.
type sequence struct {
	work
	tokens []int           // all that is to be decoded, at most the context
	known  int             // tokens at the beginning whose output is not wanted
	wide   bool            // output is wanted at many places
	salt   string          // see slot
	done   <-chan struct{} // closed when nobody waits any more
	leader *sequence       // shares the prompt and goes first
	primed bool            // its prompt is in the cache, or never will be
	reused int             // tokens that were in the cache
}

func (q *sequence) gone() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// scheduler runs many sequences through one context, step by step: a step is
// one call of the model with the next tokens of all of them. They join and
// leave between steps.
type scheduler struct {
	engine *engine
	slots  []*slot
	limit  int // of the queue
	clock  uint64

	wake chan struct{}

	mu      sync.Mutex
	queue   []*sequence
	stopped bool
}

func newScheduler(e *engine, limit int) *scheduler {
	s := &scheduler{engine: e, limit: limit, wake: make(chan struct{}, 1)}
	for i := range e.parallel {
		s.slots = append(s.slots, &slot{id: i})
	}
	return s
}

// submit queues sequences, all or none. Errors: errQueueFull, errStopped.
func (s *scheduler) submit(seqs ...*sequence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errStopped
	case len(s.queue)+len(seqs) > s.limit:
		return errQueueFull
	}
	s.queue = append(s.queue, seqs...)
	s.rouse()
	return nil
}

// rouse makes an idle scheduler look again.
func (s *scheduler) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run decodes until the context ends, and fails what is left then.
func (s *scheduler) Run(ctx context.Context) error {
	defer s.stop()
	for ctx.Err() == nil {
		s.admit()
		if s.step() {
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (s *scheduler) stop() {
	s.mu.Lock()
	left := s.queue
	s.queue, s.stopped = nil, true
	s.mu.Unlock()
	for _, sl := range s.slots {
		if sl.seq != nil {
			left = append(left, sl.seq)
			sl.seq = nil
		}
	}
	for _, q := range left {
		q.fail(errStopped)
	}
}

// admit lets those who left go and gives idle slots to who waits, in order.
func (s *scheduler) admit() {
	for _, sl := range s.slots {
		if sl.seq != nil && sl.seq.gone() {
			s.release(sl, context.Canceled)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = slices.DeleteFunc(s.queue, func(q *sequence) bool {
		if q.gone() {
			q.primed = true
			q.fail(context.Canceled)
			return true
		}
		if q.leader != nil && !q.leader.primed {
			return false
		}
		p, ok := place(s.slots, q.tokens[:q.known], q.salt)
		if ok {
			s.seat(q, p)
		}
		return ok
	})
}

// seat gives a slot to a sequence, with what the cache holds for it.
func (s *scheduler) seat(q *sequence, p placement) {
	sl, cache := s.slots[p.slot], s.engine.ctx
	if p.donor >= 0 {
		// Slots have their own part of the cache, which is copied as a whole.
		cache.KvCacheSeqRm(sl.id, -1, -1)
		cache.KvCacheSeqCp(s.slots[p.donor].id, sl.id, -1, -1)
	}
	if !cache.KvCacheSeqRm(sl.id, p.reuse, -1) {
		// Some architectures cannot forget a part.
		cache.KvCacheSeqRm(sl.id, -1, -1)
		p.reuse = 0
	}
	s.clock++
	sl.seq, sl.used, sl.salt = q, s.clock, q.salt
	sl.cells = append(make([]int, 0, len(q.tokens)), q.tokens[:p.reuse]...)
	q.reused = p.reuse
}

// release takes a slot from its sequence and keeps the cells. With an error
// the sequence is told.
func (s *scheduler) release(sl *slot, err error) {
	q := sl.seq
	sl.seq, q.primed = nil, true
	if err != nil {
		q.fail(err)
	}
}
