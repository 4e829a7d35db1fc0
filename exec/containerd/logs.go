//go:build linux

package containerd

import (
	"io"
	"sync"
	"time"
)

// logDrain is how far past its limit a task may print, unheard, before it is
// killed: moving its output costs processor time nobody accounts to it.
const logDrain = 64 << 20

// logRenewal is how long a task that serves does with its limit: it may live
// for weeks, and prints most when it comes to its end.
const logRenewal = time.Hour

// logCap shares one limit between the two streams of a task.
type logCap struct {
	mu     sync.Mutex
	limit  uint64
	renew  time.Duration // after this long all is granted anew; 0 is never
	since  time.Time
	seen   uint64
	flood  func() // called once, when the drain is full
	didCut bool
}

// stream returns the writer of one stream. It never fails and never keeps
// anything: bytes within the limit go to w as they come, the rest nowhere.
func (c *logCap) stream(w io.Writer) io.Writer {
	if w == nil {
		w = io.Discard
	}
	return &cappedStream{cap: c, w: w}
}

// take grants up to n bytes.
func (c *logCap) take(n int) int {
	c.mu.Lock()
	if c.renew > 0 && time.Since(c.since) >= c.renew {
		c.since, c.seen = time.Now(), 0
	}
	left := uint64(0)
	if c.seen < c.limit {
		left = c.limit - c.seen
	}
	before := c.seen
	c.seen += uint64(n)
	flooded := before <= c.limit+logDrain && c.seen > c.limit+logDrain
	if uint64(n) > left {
		c.didCut = true
	}
	c.mu.Unlock()
	if flooded {
		c.flood()
	}
	return int(min(uint64(n), left))
}

func (c *logCap) truncated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.didCut
}

type cappedStream struct {
	cap    *logCap
	w      io.Writer
	broken bool
}

// Write reports success always: a writer that fails must not stop the task,
// which would wait for ever for its pipe to be read.
func (s *cappedStream) Write(p []byte) (int, error) {
	if n := s.cap.take(len(p)); n > 0 && !s.broken {
		if _, err := s.w.Write(p[:n]); err != nil {
			s.broken = true
		}
	}
	return len(p), nil
}
