package infer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
)

// errClosed is why a stream that its reader closed is given up.
var errClosed = errors.New("the reader went away")

// stream is the body of a streamed answer: events as they come, read from the
// provider when they are read here.
type stream struct {
	r     *Router
	q     *query
	again func(*answer) (*answer, error) // asks for the answer elsewhere
	gone  func() error                   // why the caller went away, if he did

	mu     sync.Mutex // of a and closed: Close may come at any time
	a      *answer
	closed bool

	out   []byte // read from the provider and not by our reader
	err   error
	given given
	join  *splice // nil: events go on as they are
	left  int     // continuations
	size  int
	first bool // the first event is not out yet
}

// Read returns events. A provider's failure is an event too: errors are those
// of the caller's own context and of Close.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.step()
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// Close ends the answer at once if it is still coming.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	a := s.a
	s.mu.Unlock()
	a.drop(errClosed)
	return nil
}

// step takes in one event.
func (s *stream) step() {
	if s.first {
		s.first = false
		s.chunk(s.a.first, s.a.chunk)
		s.a.first, s.a.chunk = nil, meter.Chunk{}
		return
	}
	if s.r.now().After(s.a.until) {
		s.fail(errTooLong)
		return
	}
	ev, err := s.a.next()
	switch {
	// Who asked has all of the answer: nothing is to be gained by another.
	case err != nil && s.given.whole():
		s.end([]byte("data: [DONE]\n\n")) // nothing but the mark is missing
	case err != nil:
		s.fail(cut(err))
	case ev.Done():
		s.end(bytes.Clone(ev.Raw))
	case len(ev.Data) == 0:
		if s.grow(ev.Raw) {
			s.out = ev.Raw
		}
	default:
		c, err := read(ev.Data)
		if err != nil {
			s.fail(err)
			return
		}
		s.chunk(ev.Raw, c)
	}
}

// grow bounds the whole answer.
func (s *stream) grow(raw []byte) bool {
	if s.size += len(raw); s.size > s.r.cfg.MaxAnswer {
		s.fail(errTooLong)
		return false
	}
	return true
}

// chunk counts an event and gives it on.
func (s *stream) chunk(raw []byte, c meter.Chunk) {
	if !s.grow(raw) {
		return
	}
	s.a.add(c)
	if s.join != nil {
		var err error
		if raw, c, err = s.join.event(raw, c); err != nil {
			s.left = 0 // a third would differ too
			s.fail(err)
			return
		}
	}
	s.given.add(c, s.q.Deterministic && s.left > 0)
	s.out = raw
}

// end gives on the last mark, after the usage.
func (s *stream) end(mark []byte) {
	s.a.trail()
	s.out = mark
	if !s.given.usage {
		if u, ok := s.a.claimed(); ok {
			s.out = append(s.given.usageEvent(u), mark...)
		}
	}
	s.err = io.EOF
	s.a.finish()
	s.r.health.worked(s.a.t.peer, s.r.now())
}

// fail goes on elsewhere where that is possible, else tells the reader.
func (s *stream) fail(cause error) {
	if err := s.gone(); err != nil || s.isClosed() {
		s.a.drop(errClosed)
		if s.err = err; err == nil {
			s.err = errClosed
		}
		return
	}
	// What our own timers found says more than the error of a closed connection.
	if c := s.a.why(); c != nil && !errors.Is(c, context.Canceled) {
		cause = c
	}
	s.a.drop(cause)
	s.r.blame(s.a.t, cause)
	s.r.log.Debug("stream failed", "provider", s.a.t.peer.Short(), "err", cause)
	if s.q.Deterministic && s.left > 0 && s.given.joinable() {
		s.left--
		a, err := s.again(s.a)
		if err == nil && s.swap(a) {
			s.first, s.join = true, nil
			if s.given.started {
				s.join = newSplice(&s.given)
			}
			return
		}
		if err != nil {
			cause = errors.Join(cause, err)
		}
	}
	if err := s.gone(); err != nil || s.isClosed() {
		s.err = errClosed
		return
	}
	s.out, s.err = errorEvent(cause), io.EOF
}

// swap puts another answer in the place of the one that failed.
func (s *stream) swap(a *answer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		a.drop(errClosed)
		return false
	}
	s.a = a
	return true
}

func (s *stream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// errorEvent is what ends a stream that cannot go on. A provider's own error
// keeps its words; all are upstream errors to the client.
func errorEvent(cause error) []byte {
	e := openai.Upstream("the answer broke off: " + fmt.Sprintf("%.300q", cause.Error()))
	var own *openai.Error
	if errors.As(cause, &own) {
		e = openai.Upstream(own.Message)
		if own.Code != "" {
			e.Code = own.Code
		}
	}
	e.Code = orUsual(e.Code)
	raw, err := json.Marshal(e)
	if err != nil {
		raw = []byte(`{"error":{"message":"the answer broke off","type":"upstream_error","param":null,"code":"upstream_error"}}`)
	}
	return append(append([]byte("data: "), raw...), "\n\n"...)
}

func orUsual(code string) string {
	if code == "" {
		return openai.CodeUpstream
	}
	return code
}
