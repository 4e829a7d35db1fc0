package flow_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/reputation/flow"
)

type pipe struct {
	from, to int
	cap      uint64
}

func most(n, source, sink int, pipes []pipe) uint64 {
	g := flow.New(n)
	for _, p := range pipes {
		g.Edge(p.from, p.to, p.cap)
	}
	return g.Max(source, sink)
}

// TestKnownFlows holds it to flows computed by hand; the first is the example
// of Cormen et al., Introduction to Algorithms, figure 26.6.
func TestKnownFlows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		n     int
		pipes []pipe
		want  uint64
	}{
		"CLRS": {6, []pipe{
			{0, 1, 16}, {0, 2, 13}, {1, 3, 12}, {2, 1, 4}, {3, 2, 9}, {2, 4, 14}, {4, 3, 7}, {3, 5, 20}, {4, 5, 4},
		}, 23},
		"must undo":    {4, []pipe{{0, 1, 1}, {0, 2, 1}, {1, 2, 1}, {1, 3, 1}, {2, 3, 1}}, 2},
		"no way":       {4, []pipe{{0, 1, 5}, {2, 3, 5}}, 0},
		"only back":    {2, []pipe{{1, 0, 5}}, 0},
		"side by side": {2, []pipe{{0, 1, 5}, {0, 1, 6}, {0, 0, 7}}, 11},
		"unlimited":    {3, []pipe{{0, 1, math.MaxUint64}, {1, 2, math.MaxUint64}, {0, 2, math.MaxUint64}}, flow.Unlimited},
		"a bottleneck": {4, []pipe{{0, 1, 100}, {1, 2, 3}, {2, 3, 100}}, 3},
	} {
		if got := most(c.n, 0, c.n-1, c.pipes); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if got := flow.New(1).Max(0, 0); got != 0 {
		t.Errorf("to itself: %d", got)
	}
}

// TestFlowIsTheLeastCut compares with the definition: of all ways to part the
// nodes with the source on one side and the sink on the other, the least sum of
// what crosses (Ford and Fulkerson, 1956).
func TestFlowIsTheLeastCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(rt, "nodes")
		pipes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pipe {
			return pipe{rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to"), rapid.Uint64Range(0, 20).Draw(t, "cap")}
		}), 0, 30).Draw(rt, "pipes")
		least := uint64(math.MaxUint64)
		for side := range 1 << n {
			if side&1 == 0 || side>>(n-1)&1 == 1 {
				continue
			}
			var cut uint64
			for _, p := range pipes {
				if side>>p.from&1 == 1 && side>>p.to&1 == 0 {
					cut += p.cap
				}
			}
			least = min(least, cut)
		}
		if got := most(n, 0, n-1, pipes); got != least {
			rt.Fatalf("%d passes, the least cut is %d", got, least)
		}
	})
}
