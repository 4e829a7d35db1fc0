package swarm

import (
	"slices"
	"sort"
)

// Span is a half-open range of block numbers.
type Span struct{ From, To uint64 }

// Len is the number of blocks in s; 0 for one that ends before it begins.
func (s Span) Len() uint64 {
	if s.To <= s.From {
		return 0
	}
	return s.To - s.From
}

// set is a set of blocks: spans in order, none empty, none touching the next.
type set struct {
	spans []Span
	count uint64
}

// newSet takes spans in any order, overlapping or not, and cuts them at limit.
func newSet(spans []Span, limit uint64) set {
	var s set
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b Span) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	})
	for _, sp := range sorted {
		sp.To = min(sp.To, limit)
		if n := len(s.spans); n > 0 && sp.From <= s.spans[n-1].To {
			sp.From = s.spans[n-1].To
			if sp.Len() > 0 {
				s.count += sp.Len()
				s.spans[n-1].To = sp.To
			}
			continue
		}
		if sp.Len() > 0 {
			s.count += sp.Len()
			s.spans = append(s.spans, sp)
		}
	}
	return s
}

// at is the index of the first span that ends after block.
func (s *set) at(block uint64) int {
	return sort.Search(len(s.spans), func(i int) bool { return s.spans[i].To > block })
}

func (s *set) has(block uint64) bool {
	i := s.at(block)
	return i < len(s.spans) && s.spans[i].From <= block
}

// add puts sp in.
func (s *set) add(sp Span) {
	if sp.Len() == 0 {
		return
	}
	// All spans from i to j overlap sp or touch it.
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].To >= sp.From })
	j := i
	for ; j < len(s.spans) && s.spans[j].From <= sp.To; j++ {
		s.count -= s.spans[j].Len()
		sp.From, sp.To = min(sp.From, s.spans[j].From), max(sp.To, s.spans[j].To)
	}
	s.spans = slices.Replace(s.spans, i, j, sp)
	s.count += sp.Len()
}

// remove takes sp out.
func (s *set) remove(sp Span) {
	if sp.Len() == 0 {
		return
	}
	i := s.at(sp.From)
	j := i
	var rest []Span
	for ; j < len(s.spans) && s.spans[j].From < sp.To; j++ {
		old := s.spans[j]
		s.count -= old.Len()
		for _, r := range []Span{{old.From, min(old.To, sp.From)}, {max(old.From, sp.To), old.To}} {
			if r.Len() > 0 {
				rest = append(rest, r)
				s.count += r.Len()
			}
		}
	}
	s.spans = slices.Replace(s.spans, i, j, rest...)
}

// last is the last piece of sp that lies in s.
func (s *set) last(sp Span) Span {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].From >= sp.To })
	if i == 0 {
		return Span{}
	}
	return Span{max(sp.From, s.spans[i-1].From), min(sp.To, s.spans[i-1].To)}
}

// both is what lies in s and in other.
func (s *set) both(other *set) (out set) {
	for i, j := 0, 0; i < len(s.spans) && j < len(other.spans); {
		a, b := s.spans[i], other.spans[j]
		if sp := (Span{max(a.From, b.From), min(a.To, b.To)}); sp.Len() > 0 {
			out.spans = append(out.spans, sp)
			out.count += sp.Len()
		}
		if a.To < b.To {
			i++
		} else {
			j++
		}
	}
	return out
}

// without is what lies in s and not in other.
func (s *set) without(other *set) (out set) {
	for _, sp := range s.spans {
		for _, gap := range other.gaps(sp) {
			out.spans = append(out.spans, gap)
			out.count += gap.Len()
		}
	}
	return out
}

// gaps is what of sp does not lie in s, in order.
func (s *set) gaps(sp Span) (out []Span) {
	from := sp.From
	for i := s.at(sp.From); i < len(s.spans) && s.spans[i].From < sp.To; i++ {
		if gap := (Span{from, s.spans[i].From}); gap.Len() > 0 {
			out = append(out, gap)
		}
		from = s.spans[i].To
	}
	if rest := (Span{from, sp.To}); rest.Len() > 0 {
		out = append(out, rest)
	}
	return out
}
