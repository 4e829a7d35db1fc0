package flow

import "math"

// Unlimited is a capacity that never binds, yet leaves room to add some up.
const Unlimited = uint64(math.MaxUint64 / 4)

// Graph is a directed network. Nodes are numbered from 0. It is for one
// computation and one goroutine.
type Graph struct {
	first []int32 // by node, the last edge added of it; -1 for none
	edges []edge
	level []int32
	next  []int32 // by node, the edge to try next
}

// edge i and edge i^1 are each other's reverse.
type edge struct {
	to   int32
	prev int32 // of the same node
	left uint64
}

// New returns a network of n nodes without edges.
func New(n int) *Graph {
	g := &Graph{first: make([]int32, n), level: make([]int32, n), next: make([]int32, n)}
	for i := range g.first {
		g.first[i] = -1
	}
	return g
}

// Edge adds a pipe. Pipes beside each other add up; one from a node to itself
// or of no capacity is left out.
func (g *Graph) Edge(from, to int, capacity uint64) {
	if from == to || capacity == 0 {
		return
	}
	g.half(from, to, min(capacity, Unlimited))
	g.half(to, from, 0)
}

func (g *Graph) half(from, to int, capacity uint64) {
	g.edges = append(g.edges, edge{int32(to), g.first[from], capacity})
	g.first[from] = int32(len(g.edges) - 1)
}

// Max returns the most that can pass from source to sink, and uses the
// capacities up by as much: asked again it returns 0. The answer saturates at
// Unlimited.
func (g *Graph) Max(source, sink int) (total uint64) {
	if source == sink {
		return 0
	}
	for total < Unlimited && g.rank(source, sink) {
		copy(g.next, g.first)
		for total < Unlimited {
			got := g.push(int32(source), int32(sink), Unlimited-total)
			if got == 0 {
				break
			}
			total += got
		}
	}
	return total
}

// rank numbers the nodes by their distance from source over pipes with room,
// and reports whether sink is reached.
func (g *Graph) rank(source, sink int) bool {
	for i := range g.level {
		g.level[i] = -1
	}
	g.level[source] = 0
	queue := []int32{int32(source)}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for e := g.first[v]; e >= 0; e = g.edges[e].prev {
			if to := g.edges[e].to; g.edges[e].left > 0 && g.level[to] < 0 {
				g.level[to] = g.level[v] + 1
				queue = append(queue, to)
			}
		}
	}
	return g.level[sink] >= 0
}

// push sends up to limit from v on along pipes that lead a level further. Its
// depth is the number of levels, which the shortest way bounds.
func (g *Graph) push(v, sink int32, limit uint64) uint64 {
	if v == sink {
		return limit
	}
	for ; g.next[v] >= 0; g.next[v] = g.edges[g.next[v]].prev {
		e := &g.edges[g.next[v]]
		if e.left == 0 || g.level[e.to] != g.level[v]+1 {
			continue
		}
		if got := g.push(e.to, sink, min(limit, e.left)); got > 0 {
			e.left -= got
			back := &g.edges[g.next[v]^1]
			back.left = min(back.left+got, Unlimited)
			return got
		}
	}
	return 0
}
