package swarm

import (
	"slices"
	"time"
)

// Config says how a Plan cuts requests. A zero field means its default.
type Config struct {
	// Target is about how long one request should take: long enough to cost
	// nothing, short enough to measure by. Default 1 s.
	Target time.Duration
	// Min and Max bound the blocks of one request, where that many are missing
	// in one piece. Defaults 4 and 1024.
	Min, Max uint64
	// AtOnce is how many requests a source may have before it. Default 16; two
	// are given unless they are short.
	AtOnce int
	// Start is the block with which to begin, so that those who fetch the same
	// file at the same time soon have different parts to give each other.
	Start uint64
}

func (c Config) withDefaults() Config {
	if c.Target <= 0 {
		c.Target = time.Second
	}
	if c.Min == 0 {
		c.Min = 4
	}
	if c.Max == 0 {
		c.Max = 1024
	}
	c.Max = max(c.Max, c.Min)
	if c.AtOnce <= 0 {
		c.AtOnce = 16
	}
	return c
}

// Request is a range to ask of a source. IDs are given in order, from 1, over
// all sources of the Plan.
type Request struct {
	ID uint64
	Span
}

// Trim tells a source that request ID now ends before block To.
type Trim struct{ ID, To uint64 }

// Plan says who is asked for what. It is for one goroutine at a time.
type Plan struct {
	cfg     Config
	blocks  uint64
	got     set // verified and here
	free    set // neither here nor asked of anyone
	sources map[string]*source
	order   []*source // as they joined first: decisions must not hang on a map's order
	lastID  uint64
}

// New plans for a file of so many blocks, of which held are here already.
func New(blocks uint64, held []Span, cfg Config) *Plan {
	p := &Plan{cfg: cfg.withDefaults(), blocks: blocks, got: newSet(held, blocks), sources: map[string]*source{}}
	p.free = newSet(p.Missing(), blocks)
	if blocks > 0 {
		p.cfg.Start %= blocks
	}
	return p
}

// Join adds a source that holds these blocks, nil meaning all. One that was
// Lost comes back with the speed it had; one that was banned stays so.
func (p *Plan) Join(src string, have []Span, now time.Time) {
	s := p.sources[src]
	if s == nil {
		s = &source{name: src}
		p.sources[src] = s
		p.order = append(p.order, s)
	}
	if s.state != banned {
		s.state = joined
		p.Have(src, have)
	}
	s.touch(now)
}

// Have replaces what is known of a source's holdings, nil meaning all. What it
// was asked for already stays asked.
func (p *Plan) Have(src string, have []Span) {
	s := p.sources[src]
	if s == nil {
		return
	}
	if s.whole = have == nil; !s.whole {
		s.have = newSet(have, p.blocks)
	}
}

// Got tells that a verified block of so many bytes came from a source, asked
// for or not. It says false for a block that was here already.
func (p *Plan) Got(src string, block, bytes uint64, now time.Time) (fresh bool) {
	if block >= p.blocks {
		return false
	}
	s := p.sources[src]
	if s != nil {
		s.count(bytes, now)
		p.advance(s, block)
	}
	if p.got.has(block) {
		return false
	}
	one := Span{block, block + 1}
	p.got.add(one)
	if p.free.has(block) {
		p.free.remove(one)
		return true
	}
	p.shorten(s, block, now)
	return true
}

// advance takes block off the front of the request that it opens.
func (p *Plan) advance(s *source, block uint64) {
	for i, r := range s.requests {
		if block != r.From {
			continue
		}
		if r.From++; r.Len() == 0 {
			s.requests = slices.Delete(s.requests, i, i+1)
		}
		return
	}
}

// Ended tells that a source has answered a request and sends no more for it:
// what did not come of it is for anyone again. Nothing happens where all came.
func (p *Plan) Ended(src string, id uint64, now time.Time) {
	s := p.sources[src]
	if s == nil {
		return
	}
	for i, r := range s.requests {
		if r.ID == id {
			s.touch(now)
			p.release(r.Span)
			s.requests = slices.Delete(s.requests, i, i+1)
			return
		}
	}
}

// shorten takes a block that came after it was taken over out of the request it
// was put in, where that only moves an end.
func (p *Plan) shorten(from *source, block uint64, now time.Time) {
	for _, s := range p.order {
		for i, r := range s.requests {
			if s == from || block < r.From || block >= r.To {
				continue
			}
			switch block {
			case r.From:
				r.From++
			case r.To - 1:
				p.cut(s, i, block, now)
				return
			}
			if r.Len() == 0 {
				p.cut(s, i, r.To-1, now)
			}
			return
		}
	}
}

// cut ends the i-th request of s before block to.
func (p *Plan) cut(s *source, i int, to uint64, now time.Time) {
	s.touch(now)
	r := s.requests[i]
	r.To = to
	s.trims = append(s.trims, Trim{r.ID, to})
	if r.Len() == 0 {
		if len(s.requests) == 1 {
			// It keeps the name it has now, until it sends again.
			s.bound = s.pace(now)
		}
		s.requests = slices.Delete(s.requests, i, i+1)
	}
}

// release gives back what of sp is not here.
func (p *Plan) release(sp Span) {
	for _, missing := range p.got.gaps(sp) {
		p.free.add(missing)
	}
}

// Lost takes back all that a source was asked for; it may Join again.
func (p *Plan) Lost(src string, now time.Time) {
	if s := p.sources[src]; s != nil && s.state == joined {
		s.touch(now)
		p.drop(s, lost)
	}
}

// Ban takes back all that a source was asked for, and never asks it again.
func (p *Plan) Ban(src string) {
	if s := p.sources[src]; s != nil {
		p.drop(s, banned)
	}
}

func (p *Plan) drop(s *source, why state) {
	for _, r := range s.requests {
		p.release(r.Span)
	}
	s.requests, s.trims, s.state = nil, nil, why
}

// Trims is what was taken from a source's requests since the last call.
func (p *Plan) Trims(src string) []Trim {
	s := p.sources[src]
	if s == nil {
		return nil
	}
	t := s.trims
	s.trims = nil
	return t
}

// Finished says that every block is here.
func (p *Plan) Finished() bool { return p.got.count == p.blocks }

// Missing is what is not here, in order.
func (p *Plan) Missing() []Span { return p.got.gaps(Span{0, p.blocks}) }

// Speed is the payload, in bytes a second, that a source has brought lately.
func (p *Plan) Speed(src string, now time.Time) float64 {
	if s := p.sources[src]; s != nil {
		return s.shown.rate(now)
	}
	return 0
}
