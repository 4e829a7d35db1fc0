package delivery

import (
	"context"
	"fmt"
	"time"
)

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
		return 0, o.why()
	}
	return n, nil
}

// why says why a stream that waited goes on no more.
func (o *outflow) why() error {
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
			return 0, o.why()
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
