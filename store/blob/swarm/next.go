package swarm

import (
	"math"
	"time"
)

// Next is the range to ask of a source now, or false when it has enough to do,
// holds nothing that is missing, or would not be the faster one for it.
func (p *Plan) Next(src string, now time.Time) (Request, bool) {
	s := p.sources[src]
	if s == nil || s.state != joined || len(s.requests) >= p.cfg.AtOnce {
		return Request{}, false
	}
	size := p.size(s, now)
	if len(s.requests) >= 2 && s.before() >= 2*size {
		return Request{}, false
	}
	if sp, ok := p.pick(s); ok {
		// The last blocks are shared out by speed: less is taken over later.
		if n := share(p.free.count, s.pace(now), p.paces(now)); s.blocks > 0 {
			size = min(size, max(n, p.cfg.Min))
		}
		sp.To = min(sp.To, sp.From+size)
		p.free.remove(sp)
		return p.give(s, sp, 0, now), true
	}
	return p.takeOver(s, now)
}

// give writes the request down.
func (p *Plan) give(s *source, sp Span, taken uint, now time.Time) Request {
	p.lastID++
	r := Request{ID: p.lastID, Span: sp}
	s.ask(&asked{Request: r, taken: taken}, now)
	return r
}

// size is how many blocks to ask of s: a Target's worth, and at first not more
// than twice what it has brought.
func (p *Plan) size(s *source, now time.Time) uint64 {
	n := uint64(s.pace(now) * p.cfg.Target.Seconds())
	return max(p.cfg.Min, min(n, 2*s.blocks, p.cfg.Max))
}

// paces is the speed of all sources together.
func (p *Plan) paces(now time.Time) (sum float64) {
	for _, s := range p.order {
		if s.state == joined {
			sum += s.pace(now)
		}
	}
	return sum
}

// pick finds a free run of blocks that s holds: of those the ones that fewest
// others hold, of those the first from Start on.
func (p *Plan) pick(s *source) (Span, bool) {
	rare := p.free
	if !s.whole {
		rare = p.free.both(&s.have)
	}
	for _, o := range p.order {
		if o == s || o.state != joined || o.whole || len(rare.spans) == 0 {
			continue
		}
		if without := rare.without(&o.have); without.count > 0 {
			rare = without
		}
	}
	if len(rare.spans) == 0 {
		return Span{}, false
	}
	i := rare.at(p.cfg.Start)
	if i == len(rare.spans) {
		i = 0
	}
	sp := rare.spans[i]
	if sp.From < p.cfg.Start && p.cfg.Start < sp.To {
		sp.From = p.cfg.Start
	}
	return sp, true
}

// share is the part of n for one of this rate among rates of that sum, rounded
// up.
func share(n uint64, rate, sum float64) uint64 {
	if sum <= 0 {
		return n
	}
	return uint64(math.Ceil(float64(n) * min(1, rate/sum)))
}
