package blob

import (
	"context"
	"crypto/sha256"

	"golang.org/x/sync/errgroup"
)

// job is one block on its way through a pipe.
type job struct {
	buf    []byte // the block; its backing array returns to the pipe
	sum    [sha256.Size]byte
	step   step
	err    error
	hashed chan struct{}
}

// pipe spreads hashing over goroutines and takes the results in order. Its
// buffers bound both the memory and how far the producer runs ahead.
type pipe struct {
	ended <-chan struct{} // closed at the first error, or when the caller gives up
	cause func() error    // which of the two
	group *errgroup.Group
	free  chan []byte
	work  chan *job
	order chan *job
}

// newPipe starts workers that call hash for each job, in any order, and one
// goroutine that calls done for each in the order of put. The first error of
// done, or in a job, ends it. The caller must call wait.
func newPipe(ctx context.Context, workers int, hash func(*job) error, done func(*job) error) *pipe {
	group, ctx := errgroup.WithContext(ctx)
	p := &pipe{ended: ctx.Done(), cause: func() error { return context.Cause(ctx) },
		group: group, free: make(chan []byte, workers+2),
		work: make(chan *job, workers+2), order: make(chan *job, workers+2)}
	for range cap(p.free) {
		p.free <- nil
	}
	for range workers {
		group.Go(func() error {
			for j := range p.work {
				j.err = hash(j)
				close(j.hashed)
			}
			return nil
		})
	}
	group.Go(func() error {
		for j := range p.order {
			<-j.hashed
			err := j.err
			if err == nil {
				err = done(j)
			}
			if err != nil {
				return err
			}
			p.free <- j.buf[:0]
		}
		return nil
	})
	return p
}

// buffer waits for a free buffer of n bytes.
func (p *pipe) buffer(n int) ([]byte, error) {
	select {
	case b := <-p.free:
		if cap(b) < n {
			b = make([]byte, n)
		}
		return b[:n], nil
	case <-p.ended:
		return nil, p.cause()
	}
}

// put hands over a filled buffer. It does not block: there are as many places
// as buffers.
func (p *pipe) put(buf []byte, st step) {
	j := &job{buf: buf, step: st, hashed: make(chan struct{})}
	p.work <- j
	p.order <- j
}

// wait lets everything that was put finish and returns the first error.
func (p *pipe) wait() error {
	close(p.work)
	close(p.order)
	return p.group.Wait()
}
