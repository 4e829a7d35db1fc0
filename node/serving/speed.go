package serving

import (
	"sync"
	"time"
)

const (
	// speedWeight is how much one request moves the rolling speed.
	speedWeight = 0.1
	// speedTokens is how many tokens an answer must have to tell a speed.
	speedTokens = 8
)

// speed is what was measured of real requests, newer ones weighing more.
type speed struct {
	mu   sync.Mutex
	tps  float64 // tokens a second of one stream
	ttft float64 // milliseconds to the first byte
}

// add takes in a finished stream: first is from the request to the first byte,
// rest from there to the last.
func (s *speed) add(out uint64, first, rest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ttft = roll(s.ttft, float64(first)/float64(time.Millisecond))
	if out >= speedTokens && rest > 0 {
		s.tps = roll(s.tps, float64(out-1)/rest.Seconds())
	}
}

func roll(old, sample float64) float64 {
	if old == 0 {
		return sample
	}
	return old + speedWeight*(sample-old)
}

// measured is the model with the speed measured, or the one it came with.
func (m *served) measured() Model {
	out := m.Model
	m.speed.mu.Lock()
	defer m.speed.mu.Unlock()
	if m.speed.tps > 0 {
		out.TPSMilli = min(uint64(m.speed.tps*1000), 1<<40)
	}
	if m.speed.ttft > 0 {
		out.TTFTMS = max(min(uint64(m.speed.ttft), 1<<30), 1)
	}
	return out
}
