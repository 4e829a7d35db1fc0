package swarm

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSetIsASet holds every operation of a set against a map.
func TestSetIsASet(t *testing.T) {
	t.Parallel()
	const limit = 64
	span := rapid.Custom(func(t *rapid.T) Span {
		return Span{rapid.Uint64Range(0, limit+5).Draw(t, "from"), rapid.Uint64Range(0, limit+5).Draw(t, "to")}
	})
	rapid.Check(t, func(t *rapid.T) {
		s, model := build(rapid.SliceOf(span).Draw(t, "spans"), limit)
		o, other := build(rapid.SliceOf(span).Draw(t, "other"), limit)
		compare(t, "new", s, model)
		both, without := [limit]bool{}, [limit]bool{}
		for i := range limit {
			both[i], without[i] = model[i] && other[i], model[i] && !other[i]
		}
		compare(t, "both", s.both(&o), both)
		compare(t, "without", s.without(&o), without)
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			sp := span.Draw(t, "span")
			sp.From, sp.To = min(sp.From, limit), min(sp.To, limit)
			in := rapid.Bool().Draw(t, "add")
			if in {
				s.add(sp)
			} else {
				s.remove(sp)
			}
			for i := sp.From; i < sp.To; i++ {
				model[i] = in
			}
			compare(t, "changed", s, model)
			gaps := set{}
			for _, g := range s.gaps(sp) {
				gaps.add(g)
			}
			want := [limit]bool{}
			for i := sp.From; i < sp.To; i++ {
				want[i] = !model[i]
			}
			compare(t, "gaps", gaps, want)
			lastOf(t, s, sp, model[:])
		}
	})
}

func build(spans []Span, limit uint64) (s set, model [64]bool) {
	for _, sp := range spans {
		for i := sp.From; i < min(sp.To, limit); i++ {
			model[i] = true
		}
	}
	return newSet(spans, limit), model
}

func lastOf(t *rapid.T, s set, sp Span, model []bool) {
	got := s.last(sp)
	want := Span{}
	for i := int(sp.To) - 1; i >= int(sp.From); i-- {
		if model[i] {
			want.To = max(want.To, uint64(i)+1)
			want.From = uint64(i)
		} else if want.To > 0 {
			break
		}
	}
	if got.Len() != want.Len() || got.Len() > 0 && got != want {
		t.Fatalf("last of %v in %v is %v, not %v", s.spans, sp, got, want)
	}
}

func compare(t *rapid.T, what string, s set, model [64]bool) {
	count := uint64(0)
	for i, in := range model {
		if s.has(uint64(i)) != in {
			t.Fatalf("%s: %d in %v is %v", what, i, s.spans, !in)
		}
		if in {
			count++
		}
	}
	if s.count != count {
		t.Fatalf("%s: %d counted in %v, not %d", what, s.count, s.spans, count)
	}
	for i, sp := range s.spans {
		if sp.Len() == 0 || i > 0 && s.spans[i-1].To >= sp.From {
			t.Fatalf("%s: %v is not in order", what, s.spans)
		}
	}
}

func TestSetOfAnything(t *testing.T) {
	t.Parallel()
	s := newSet([]Span{{5, 2}, {0, ^uint64(0)}, {3, 4}, {^uint64(0), ^uint64(0)}}, 10)
	if !slices.Equal(s.spans, []Span{{0, 10}}) || s.count != 10 {
		t.Errorf("%v", s)
	}
}
