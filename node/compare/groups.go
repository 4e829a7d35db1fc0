package compare

import (
	"context"
	"fmt"
	"io/fs"
	"math/bits"
	"slices"
)

// MaxResults is how many results are compared with each other.
const MaxResults = 32

// Groups sorts results by what agrees: groups are largest sets all of whose
// members match each other, biggest first. Unsure are results that belong to
// none and are not clearly different from each member of the biggest group
// either; nothing may be held against them. Why says in words what disagrees. The
// numbers are indices into results. Errors: ErrTooMany, those of c.
//
// Agreement is not transitive: where largest sets overlap, one of them is a group
// and who is only in others is unsure.
func Groups(ctx context.Context, c Comparator, results []fs.FS) (groups [][]int, unsure []int, why string, err error) {
	if len(results) > MaxResults {
		return nil, nil, "", fmt.Errorf("%w: %d", ErrTooMany, len(results))
	}
	g := graph{n: len(results)}
	for i := range results {
		for j := i + 1; j < len(results); j++ {
			o, err := c.Compare(ctx, results[i], results[j])
			if err != nil {
				return nil, nil, "", err
			}
			g.put(i, j, o)
		}
	}
	groups, unsure = g.groups()
	return groups, unsure, g.why, nil
}

// graph keeps what pairs came to, a bit for each result.
type graph struct {
	n        int
	match    [MaxResults]uint32
	mismatch [MaxResults]uint32
	why      string
}

func (g *graph) put(i, j int, o Outcome) {
	switch o.Answer {
	case Match:
		g.match[i] |= 1 << j
		g.match[j] |= 1 << i
		return
	case Mismatch:
		g.mismatch[i] |= 1 << j
		g.mismatch[j] |= 1 << i
	}
	if g.why == "" {
		g.why = fmt.Sprintf("results %d and %d: %s: %s", i, j, o.Answer, o.Why)
	}
}

// groups takes the largest sets out, one after the other.
func (g *graph) groups() (groups [][]int, unsure []int) {
	left := uint32(1<<g.n - 1)
	var sets []uint32
	var open uint32
	for left != 0 {
		largest := g.largest(left)
		all := largest[0]
		for grown := true; grown; {
			grown = false
			for _, set := range largest {
				if set&all != 0 && set&^all != 0 {
					all, grown = all|set, true
				}
			}
		}
		sets = append(sets, largest[0])
		open |= all &^ largest[0]
		left &^= all
	}
	for _, set := range sets {
		if bits.OnesCount32(set) < bits.OnesCount32(sets[0]) {
			open |= g.near(set, sets[0])
			set &^= open
		}
		if set != 0 {
			groups = append(groups, members(set))
		}
	}
	return groups, members(open)
}

// near are those of a set that are not clearly different from each member of
// another.
func (g *graph) near(set, other uint32) (out uint32) {
	for _, v := range members(set) {
		if other&^g.mismatch[v] != 0 {
			out |= 1 << v
		}
	}
	return out
}

// largest returns the largest sets within left all of whose members match.
func (g *graph) largest(left uint32) (best []uint32) {
	size := 0
	var grow func(set, may, not uint32)
	grow = func(set, may, not uint32) { // Bron and Kerbosch, 1973
		if bits.OnesCount32(set|may) < size {
			return
		}
		if may == 0 && not == 0 {
			if n := bits.OnesCount32(set); n > size {
				best, size = nil, n
			}
			best = append(best, set)
			return
		}
		pivot := bits.TrailingZeros32(may | not)
		for try := may &^ g.match[pivot]; try != 0; try &= try - 1 {
			v := bits.TrailingZeros32(try)
			grow(set|1<<v, may&g.match[v], not&g.match[v])
			may &^= 1 << v
			not |= 1 << v
		}
	}
	grow(0, left, 0)
	slices.Sort(best)
	return best
}

func members(set uint32) (out []int) {
	for ; set != 0; set &= set - 1 {
		out = append(out, bits.TrailingZeros32(set))
	}
	return out
}
