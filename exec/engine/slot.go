package engine

import (
	"net/http"
	"sync"
	"time"
)

// Slot is the right to one request at a time on a warm engine.
type Slot struct {
	p    *Pool
	e    *engine
	inst *instance
	once sync.Once
	gone bool // released; the pool's lock
}

// RoundTrip sends one request to the engine, over connections that are kept.
// The scheme and host of the URL do not matter. When the request's context
// ends, or the answer's body is closed early, the connection is closed at
// once, and the engine stops working on it. Errors, also those of reading the
// body: ErrCrashed, ErrReleased, that of the context. Their texts may hold the
// engine's last words, quoted: they are for the owner of the machine.
func (s *Slot) RoundTrip(req *http.Request) (*http.Response, error) {
	s.p.mu.Lock()
	gone := s.gone
	s.p.mu.Unlock()
	if gone {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, ErrReleased
	}
	return s.inst.roundTrip(req)
}

// Release gives the slot to the next. The body of the answer is to be closed
// before. It may be called often.
func (s *Slot) Release() {
	s.once.Do(func() {
		p, e := s.p, s.e
		p.mu.Lock()
		defer p.mu.Unlock()
		s.gone = true
		s.inst.active--
		if e.inst != s.inst {
			return
		}
		e.used = time.Now()
		p.pump(e)
		if e.idle() {
			if e.leave {
				e.nudge()
			}
			p.notify()
		}
	})
}
