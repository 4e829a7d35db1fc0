package swarm

import (
	"math"
	"time"
)

type state int

const (
	joined state = iota
	lost
	banned
)

// asked is a request under way: From moves as its blocks come.
type asked struct {
	Request
	taken uint // how often these blocks were taken from a source before
}

// source is what is known of one source.
type source struct {
	name     string
	state    state
	whole    bool // holds every block
	have     set  // what it holds otherwise
	requests []*asked
	trims    []Trim
	blocks   uint64    // that came from it
	since    time.Time // of the last block, or of the first request after none
	bound    float64   // of its pace until the next block comes; 0 for none
	speed    meter     // blocks a second of the time in which it had work
	shown    meter     // bytes a second of all time
}

// memory is over how long a speed is averaged.
const memory = 2 * time.Second

// meter is a speed with an exponential memory. The time is weighted as the
// amount is, so that a young meter is as right as an old one.
type meter struct {
	amount, weight float64
	at             time.Time
}

// pass lets time go by; time in which nothing could come is not counted.
func (m *meter) pass(now time.Time, counted bool) {
	if !m.at.IsZero() && now.After(m.at) && counted {
		keep := math.Exp(-now.Sub(m.at).Seconds() / memory.Seconds())
		m.amount *= keep
		m.weight = m.weight*keep + memory.Seconds()*(1-keep)
	}
	if now.After(m.at) {
		m.at = now
	}
}

// rate is the amount a second.
func (m meter) rate(now time.Time) float64 {
	m.pass(now, true)
	// Less than a millisecond says nothing.
	return m.amount / math.Max(m.weight, 1e-3)
}

// touch brings the meters up to now.
func (s *source) touch(now time.Time) {
	s.speed.pass(now, len(s.requests) > 0)
	s.shown.pass(now, true)
}

// count notes a block.
func (s *source) count(bytes uint64, now time.Time) {
	s.touch(now)
	s.speed.amount++
	s.shown.amount += float64(bytes)
	s.blocks++
	s.since, s.bound = now, 0
}

// ask notes a request.
func (s *source) ask(r *asked, now time.Time) {
	s.touch(now)
	if len(s.requests) == 0 {
		s.since = now
	}
	s.requests = append(s.requests, r)
}

// pace is the speed to plan with, in blocks a second; 0 where it is not known.
func (s *source) pace(now time.Time) float64 {
	rate := math.Inf(1)
	if s.bound > 0 {
		rate = s.bound
	}
	// Silence bounds it: what sent nothing for a while is at best that slow.
	silence := math.Max(now.Sub(s.since).Seconds(), 1e-3)
	switch {
	case s.blocks > 0 && len(s.requests) > 0:
		return min(rate, s.speed.rate(now), 2/silence)
	case s.blocks > 0:
		return min(rate, s.speed.rate(s.speed.at))
	case len(s.requests) > 0:
		return min(rate, 1/silence)
	case s.bound > 0:
		return rate
	}
	return 0
}

// before is how many blocks it was asked for and has not sent.
func (s *source) before() (n uint64) {
	for _, r := range s.requests {
		n += r.Len()
	}
	return n
}
