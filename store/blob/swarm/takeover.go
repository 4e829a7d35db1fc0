package swarm

import "time"

// theft is blocks that another source was asked for and this one should be.
type theft struct {
	from *source
	nth  int // of its requests
	what Span
	gain float64 // seconds by which all of this would end earlier
}

// takeOver gives s the back of the request that would end last, where that is
// worth it: the blocks in flight will come twice. Each time that the same blocks
// are taken, the gain must be twice as large, so that few are asked for often,
// whatever the sources do.
func (p *Plan) takeOver(s *source, now time.Time) (Request, bool) {
	var best theft
	for _, v := range p.order {
		if v == s || v.state != joined {
			continue
		}
		if t := p.worst(s, v, now); t.gain > best.gain {
			best = t
		}
	}
	if best.from == nil {
		return Request{}, false
	}
	r := best.from.requests[best.nth]
	taken, rest := r.taken+1, Span{best.what.To, r.To}
	p.cut(best.from, best.nth, best.what.From, now)
	p.release(rest)
	return p.give(s, best.what, taken, now), true
}

// worst is what s gains most by taking from v.
func (p *Plan) worst(s, v *source, now time.Time) (best theft) {
	slow := v.pace(now)
	fast, least := s.pace(now), p.cfg.Target.Seconds()/32
	if fast <= 0 {
		// Nobody knows yet: it may try its hand at what takes long.
		fast, least = 2*max(slow, float64(p.cfg.Min)/p.cfg.Target.Seconds()), p.cfg.Target.Seconds()/4
	}
	own := float64(s.before())
	ahead := float64(0)
	for i, r := range v.requests {
		ahead += float64(r.Len())
		what := r.Span
		if !s.whole {
			what = s.have.last(r.Span)
		}
		if slow <= 0 || what.Len() == 0 {
			continue
		}
		ends := ahead / slow
		// Both end together when s takes so many.
		even := (fast*ahead - own*slow) / (fast + slow)
		for _, n := range []uint64{whole(even), whole(even) + 1} {
			n = min(n, what.Len())
			gain := ends - max((own+float64(n))/fast, (ahead-float64(n))/slow)
			twice := float64(uint64(1) << min(r.taken, 32))
			if n > 0 && gain > max(best.gain, least*twice, ends/4) {
				best = theft{from: v, nth: i, what: Span{what.To - n, what.To}, gain: gain}
			}
		}
	}
	return best
}

// whole is f without its fraction, and 0 for what is less.
func whole(f float64) uint64 {
	if f <= 0 {
		return 0
	}
	return uint64(f)
}
