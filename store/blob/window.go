package blob

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// inbox is what the fetching side has said and the serving side has not dealt
// with yet: questions, their trims, and the credit that is left.
type inbox struct {
	mu     sync.Mutex
	change *sync.Cond
	queue  []question // the first one is being answered
	asked  uint64     // questions received
	credit uint64
	err    error // why no more frames come; io.EOF when the peer is done
	stop   error // why the serving side goes on no longer
}

func newInbox(window uint64) *inbox {
	in := &inbox{credit: window}
	in.change = sync.NewCond(&in.mu)
	return in
}

// receive takes in frames until there are no more.
func (in *inbox) receive(r *bufio.Reader) {
	for {
		f, err := readFrame(r)
		in.mu.Lock()
		if err == nil {
			err = in.take(f)
		}
		in.err = err
		stop := in.stop
		in.change.Broadcast()
		in.mu.Unlock()
		if err != nil || stop != nil {
			return
		}
	}
}

// take takes in one frame. Errors: ErrProtocol.
func (in *inbox) take(f frame) error {
	switch f.kind {
	case frameAsk, frameHave:
		if len(in.queue) == maxQuestions {
			return fmt.Errorf("%w: more than %d questions at once", ErrProtocol, maxQuestions)
		}
		in.queue = append(in.queue, f.q)
		in.asked++
	case frameCredit:
		if f.a > maxCredit-in.credit {
			return fmt.Errorf("%w: credit of %d bytes beside %d", ErrProtocol, f.a, in.credit)
		}
		in.credit += f.a
	case frameTrim:
		if f.a >= in.asked {
			return fmt.Errorf("%w: trim of question %d of %d", ErrProtocol, f.a, in.asked)
		}
		// What was answered already cannot be trimmed any more.
		if first := in.asked - uint64(len(in.queue)); f.a >= first {
			q := &in.queue[f.a-first]
			q.to = min(q.to, f.b)
		}
	}
	return nil
}

// halt wakes everybody for the last time.
func (in *inbox) halt(why error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stop = why
	in.change.Broadcast()
}

// over tells why nothing can go on; the lock is held.
func (in *inbox) over() error {
	if in.stop != nil {
		return in.stop
	}
	if in.err != nil && !errors.Is(in.err, io.EOF) {
		return in.err
	}
	return nil
}

// waiting tells whether a question is at hand.
func (in *inbox) waiting() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.queue) > 0
}

// next waits for the next question; io.EOF when the peer is done.
func (in *inbox) next() (question, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		switch err := in.over(); {
		case err != nil:
			return question{}, err
		case len(in.queue) > 0:
			return in.queue[0], nil
		case in.err != nil:
			return question{}, in.err
		}
		in.change.Wait()
	}
}

// answered removes the question that next returned.
func (in *inbox) answered() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.queue = in.queue[1:]
}

// end is where the answer under way ends now.
func (in *inbox) end() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queue[0].to
}

// spend waits for credit and takes up to n bytes of it.
func (in *inbox) spend(n int) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.credit == 0 {
		if err := in.over(); err != nil {
			return 0, err
		}
		if in.err != nil { // done, or gone: no more credit will come
			return 0, cut(io.EOF)
		}
		in.change.Wait()
	}
	n = int(min(uint64(n), in.credit, math.MaxInt32))
	in.credit -= uint64(n)
	return n, in.over()
}

// outlet gathers what is sent and never sends more than was granted.
type outlet struct {
	w    io.Writer
	in   *inbox
	buf  []byte
	sent uint64 // what is in buf included
}

func newOutlet(w io.Writer, in *inbox) *outlet {
	return &outlet{w: w, in: in, buf: make([]byte, 0, serveBuffer)}
}

// write sends p, at the latest with the next flush.
func (o *outlet) write(p ...byte) error {
	for len(p) > 0 {
		room, err := o.room()
		if err != nil {
			return err
		}
		n := copy(room, p)
		o.filled(n)
		p = p[n:]
	}
	return nil
}

// room returns free memory to fill from its beginning.
func (o *outlet) room() ([]byte, error) {
	if len(o.buf) == cap(o.buf) {
		if err := o.flush(); err != nil {
			return nil, err
		}
	}
	return o.buf[len(o.buf):cap(o.buf)], nil
}

// filled makes the first n bytes of room part of what is sent.
func (o *outlet) filled(n int) {
	o.buf = o.buf[:len(o.buf)+n]
	o.sent += uint64(n)
}

func (o *outlet) flush() error {
	for p := o.buf; len(p) > 0; {
		n, err := o.in.spend(len(p))
		if err != nil {
			return err
		}
		if _, err := o.w.Write(p[:n]); err != nil {
			return cut(err)
		}
		p = p[n:]
	}
	o.buf = o.buf[:0]
	return nil
}
