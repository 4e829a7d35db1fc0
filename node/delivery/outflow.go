package delivery

import (
	"context"
	"fmt"
	"io"
	"slices"
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
	end      chan struct{}
	stranger bool // counts against the day's cap
	priced   bool // counts against the window
}

// ended gives the stream up: a Write that waits returns ErrEnded.
func (o *outflow) ended() {
	o.c.mu.Lock()
	select {
	case <-o.end:
		o.c.mu.Unlock()
		return
	default:
	}
	close(o.end)
	o.c.streams--
	o.c.mu.Unlock()
	o.s.release(o.c)
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

// room waits until at least one of n bytes may be sent and books what it
// returns. back gives back what was not sent.
func (o *outflow) room(n int) (int, error) {
	select {
	case <-o.end:
		return 0, ErrEnded
	default:
	}
	n = o.s.all.piece(o.c.pace.piece(n))
	if n == 0 {
		return 0, nil
	}
	n, err := o.book(n)
	if err != nil {
		return 0, err
	}
	if o.stranger {
		k := o.s.day.take(n, o.s.cfg.Cap, o.s.d.Now())
		o.unmeter(n - k)
		if n = k; n == 0 {
			return 0, ErrCap
		}
	}
	if !o.c.pace.wait(n, o.done, o.end) || !o.s.all.wait(n, o.done, o.end) {
		o.back(n)
		return 0, o.over()
	}
	return n, nil
}

// over says why a stream that waited goes on no more.
func (o *outflow) over() error {
	select {
	case <-o.end:
		return ErrEnded
	default:
		return context.Canceled
	}
}

// book meters up to n bytes; it waits while the peer's window is full.
func (o *outflow) book(n int) (int, error) {
	if !o.priced {
		o.c.mu.Lock()
		defer o.c.mu.Unlock()
		o.meter(&o.c.rec.Free, n)
		return n, nil
	}
	var w waiting
	defer w.stop()
	for {
		wake := o.c.woken()
		if k, paid := o.fits(n); k > 0 {
			return k, nil
		} else if !w.patient(paid, o.s.cfg.PayTime) {
			o.c.mu.Lock()
			o.c.stuck = true
			o.c.mu.Unlock()
			return 0, fmt.Errorf("%w: %d bytes for %v", ErrUnpaid, o.s.cfg.Window, o.s.cfg.PayTime)
		}
		select {
		case <-wake:
		case <-w.tick.C:
			o.s.seePaid(context.Background(), o.c)
		case <-o.done:
			return 0, o.over()
		case <-o.end:
			return 0, ErrEnded
		}
	}
}

// fits meters as many of n bytes as the window has room for; paid tells what the
// peer has paid for so far.
func (o *outflow) fits(n int) (k int, paid uint64) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	m := &o.c.rec.Priced
	k = int(min(uint64(n), o.s.cfg.Window-min(o.s.cfg.Window, m.unpaid())))
	o.meter(m, k)
	return k, m.Paid
}

// meter counts n bytes. The customer's mutex is held.
func (o *outflow) meter(m *meter, n int) {
	m.Served += uint64(n)
	o.c.dirty = o.c.dirty || n > 0
	if m == &o.c.rec.Priced && m.Served-min(m.Served, o.c.saved) > o.s.cfg.Window/4 {
		ask(o.s.flush)
	}
}

// back gives back what was booked and not sent.
func (o *outflow) back(n int) {
	if n <= 0 {
		return
	}
	o.unmeter(n)
	if o.stranger {
		o.s.day.give(n)
	}
}

func (o *outflow) unmeter(n int) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	m := &o.c.rec.Free
	if o.priced {
		m = &o.c.rec.Priced
	}
	// A claim may have raised the meter to what it says.
	m.Served -= min(uint64(n), m.Served-m.Claimed)
}

// waiting is how long a stream has waited for a payment.
type waiting struct {
	tick  *time.Ticker
	paid  uint64
	since time.Time
}

// patient reports whether to wait on: until nothing was paid for most.
func (w *waiting) patient(paid uint64, most time.Duration) bool {
	now := time.Now()
	if w.tick == nil || paid != w.paid {
		w.since, w.paid = now, paid
	}
	if w.tick == nil {
		w.tick = time.NewTicker(lookEvery)
	}
	return now.Sub(w.since) < most
}

func (w *waiting) stop() {
	if w.tick != nil {
		w.tick.Stop()
	}
}
