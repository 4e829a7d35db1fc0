package delivery

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// maxRoots bounds the CIDs that a memo tells.
const maxRoots = 4

// leastRoom is what a window must have left for another stream to begin: a block.
const leastRoom = 1 << 20

// lookEvery is how often a stream that waits for a payment asks the rail.
const lookEvery = 250 * time.Millisecond

// Serve begins an answer to a peer about root. What it returns takes the
// place of rw: what is written to it is metered, held to the rates and, unless
// it is free, to the day's cap and the peer's window. The function it returns
// ends it. It returns ErrCap, ErrUnpaid and ErrBusy, and what the store says.
//
// A Write may wait; it ends with the stream, with ctx, and with ErrUnpaid when
// the peer pays nothing for Config.PayTime.
func (s *Service) Serve(ctx context.Context, peer identity.PubKey, root string, free bool, rw io.ReadWriter) (io.ReadWriter, func(), error) {
	if _, ok := s.day.left(s.cfg.Cap, s.d.Now()); !ok && !free {
		return nil, nil, ErrCap
	}
	c, err := s.hold(peer)
	if err != nil {
		return nil, nil, err
	}
	o := &outflow{s: s, c: c, rw: rw, done: ctx.Done(), end: make(chan struct{}), stranger: !free, priced: !free && s.cfg.Price > 0}
	if err := s.admit(ctx, o, root); err != nil {
		s.release(c)
		return nil, nil, err
	}
	if from, ok := rw.(io.ReaderFrom); ok {
		return &outflowFrom{o, from}, o.ended, nil
	}
	return o, o.ended, nil
}

// admit counts a stream in, or tells why the peer gets none.
func (s *Service) admit(ctx context.Context, o *outflow, root string) error {
	c := o.c
	s.seePaid(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stored && o.stranger && s.stored.Load() >= int64(s.cfg.Peers) {
		return ErrBusy // the next sweep makes room
	}
	c.rec.Used = s.d.Now().Unix()
	if c.streams == 0 {
		c.rec.ease(c.rec.Used, s.cfg.Window)
		c.rec.writeOff()
	}
	// A stream that could only wait takes the place of one that could serve.
	if o.priced && c.stuck && c.rec.Priced.unpaid()+leastRoom > s.cfg.Window {
		return fmt.Errorf("%w: %d bytes", ErrUnpaid, c.rec.Priced.unpaid())
	}
	c.streams++
	if i := slices.Index(c.roots, root); i >= 0 {
		c.roots = slices.Delete(c.roots, i, i+1)
	}
	c.roots = append(c.roots, root)
	c.roots = c.roots[max(0, len(c.roots)-maxRoots):]
	return nil
}

// outflow is one stream to a peer. One goroutine may write while another reads.
type outflow struct {
	s        *Service
	c        *customer
	rw       io.ReadWriter
	done     <-chan struct{} // of the caller's context
	end      chan struct{}   // closed by once
	once     sync.Once
	over     bool // the customer's mutex guards it
	stranger bool // counts against the day's cap
	priced   bool // counts against the window
}

// shut has a Write that waits return ErrEnded, and every later one.
func (o *outflow) shut() { o.once.Do(func() { close(o.end) }) }

// ended gives the stream up.
func (o *outflow) ended() {
	o.shut()
	o.c.mu.Lock()
	was := o.over
	if o.over = true; !was {
		o.c.streams--
	}
	o.c.mu.Unlock()
	if !was {
		o.s.release(o.c)
	}
}

// Read reads what the peer asks; it is not metered.
func (o *outflow) Read(p []byte) (int, error) { return o.rw.Read(p) }

// Write sends p, in one piece where no limit is near.
func (o *outflow) Write(p []byte) (int, error) {
	done := 0
	for {
		n, err := o.room(len(p) - done)
		if err != nil {
			return done, err
		}
		k, err := o.rw.Write(p[done : done+n])
		o.back(n - k)
		done += k
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// outflowFrom is an outflow over a stream that can read from a file by itself.
type outflowFrom struct {
	*outflow
	from io.ReaderFrom
}

// fromPiece is how much is booked at a time for a ReadFrom.
const fromPiece = 1 << 20

// ReadFrom sends what r has, by the stream's own ReadFrom.
func (o *outflowFrom) ReadFrom(r io.Reader) (sent int64, err error) {
	for {
		n, err := o.room(fromPiece)
		if err != nil {
			return sent, err
		}
		part := io.LimitedReader{R: r, N: int64(n)}
		k, err := o.from.ReadFrom(&part)
		k = min(max(k, 0), int64(n))
		o.back(n - int(k))
		sent += k
		// A part that is not used up ended before.
		if err != nil || part.N > 0 {
			return sent, err
		}
	}
}
