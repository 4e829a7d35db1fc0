package blob

import "time"

// speedMemory is over how many ticks a speed is taken.
const speedMemory = 30

// speedometer tells bytes a second over the last seconds.
type speedometer struct {
	at    []time.Time
	bytes []uint64
	last  float64
}

// note enters how many bytes there were until now.
func (s *speedometer) note(now time.Time, bytes uint64) {
	if len(s.at) > speedMemory {
		s.at, s.bytes = s.at[1:], s.bytes[1:]
	}
	s.at, s.bytes = append(s.at, now), append(s.bytes, bytes)
	if d := now.Sub(s.at[0]).Seconds(); d > 0 {
		s.last = float64(bytes-s.bytes[0]) / d
	}
}

// report brings the speeds up to now and tells the caller how far the fetch
// is.
func (f *fetch) report(now time.Time, complete bool) {
	f.mu.Lock()
	f.speed.note(now, f.fetched)
	p := Progress{Bytes: f.bytes, Fetched: f.fetched, Total: f.total, Speed: f.speed.last, Complete: complete}
	for _, src := range f.peers {
		src.speed.note(now, src.bytes)
		state := src.state
		if complete && state == StateActive {
			state = StateIdle
		}
		p.Sources = append(p.Sources, SourceProgress{Name: src.src.Name, Bytes: src.bytes, Speed: src.speed.last, State: state, Gave: src.gave})
	}
	f.mu.Unlock()
	if f.lim.OnProgress != nil {
		f.told.Lock()
		defer f.told.Unlock()
		f.lim.OnProgress(p)
	}
}
