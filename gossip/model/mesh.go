package model

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// Of the mesh, as gossip configures it.
const (
	degree, degreeLow, degreeHigh = 6, 5, 12
	lazy                          = 3   // peers outside the mesh that are told of a document
	announcements                 = 2   // heartbeats in which they are
	refuseFrom                    = 512 // bytes from which a node tells that it has a document
)

// Bytes of messages of gossipsub, with the names of topics of ordinary length.
const (
	aroundDocument = 50
	announcement   = 85
	refusal        = 50
)

// mesh is the links over which documents go.
type mesh struct {
	links [][]int
	peers int // that each node is connected to
	world time.Duration
	place [][2]float64    // of each node, on a square of the world
	near  []time.Duration // from a node to the network
}

func newMesh(n, peers int, world time.Duration, rng *rand.Rand) *mesh {
	m := &mesh{peers: min(peers, n-1), world: world, links: make([][]int, n), place: make([][2]float64, n), near: make([]time.Duration, n)}
	for i := range n {
		m.place[i] = [2]float64{rng.Float64(), rng.Float64()}
		// Most are near, some behind slow lines: lognormal around a twelfth.
		m.near[i] = time.Duration(math.Exp(0.7*rng.NormFloat64()) * float64(world) / 12)
	}
	// A heartbeat: who has too few links makes some with those who may take more.
	for _, i := range rng.Perm(n) {
		for tries := 0; len(m.links[i]) < degreeLow || tries > 0 && len(m.links[i]) < degree; tries++ {
			if j := rng.IntN(n); j != i && len(m.links[j]) < degreeHigh && !m.linked(i, j) {
				m.links[i], m.links[j] = append(m.links[i], j), append(m.links[j], i)
			}
			if tries > 1000 {
				break
			}
		}
	}
	return m
}

func (m *mesh) linked(i, j int) bool {
	for _, k := range m.links[i] {
		if k == j {
			return true
		}
	}
	return false
}

// latency is one way: both ends, and what lies between.
func (m *mesh) latency(i, j int) time.Duration {
	d := math.Hypot(m.place[i][0]-m.place[j][0], m.place[i][1]-m.place[j][1])
	return m.near[i] + m.near[j] + time.Duration(d*float64(m.world))
}

// check is how long a node takes over a document before it sends it on; to that
// it adds hold at least and twice hold at most, in which others can tell that
// they have it.
const (
	check = 2 * time.Millisecond
	hold  = 200 * time.Millisecond
)

// way is what became of one document.
type way struct {
	bytes   []int           // of the document, by node, both ways
	arrived []time.Duration // in order
	control int             // bytes, all nodes, both ways
	copies  int             // received by all nodes
}

// after is when a share of the nodes that it reaches had the document.
func (w way) after(share float64) time.Duration {
	i := int(math.Ceil(share*float64(len(w.arrived)))) - 1
	return w.arrived[max(i, 0)]
}

// event is something that happens at a node.
type event struct {
	at   time.Duration
	what int
	node int
	from int
}

const (
	arrives  = iota // the document, from a peer
	forwards        // checked: the document goes on
)

// events is a heap; ties are broken so that a seed has one outcome.
type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.at != b.at {
		return a.at < b.at
	}
	if a.node != b.node {
		return a.node < b.node
	}
	return a.from < b.from
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push and Pop are heap.Interface's.
func (h *events) Push(x any) { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// send follows a document from its author to everybody.
func (m *mesh) send(author, size int, rng *rand.Rand) way {
	n := len(m.links)
	w := way{bytes: make([]int, n)}
	has := make([]time.Duration, n) // when the document came, plus 1; 0: not yet
	has[author] = 1
	w.arrived = append(w.arrived, 0)
	w.control += m.announce(author)
	todo := &events{{what: forwards, node: author, from: author}}
	for todo.Len() > 0 {
		e := heap.Pop(todo).(event)
		if e.what == forwards {
			m.forward(e, size, has, &w, todo)
			continue
		}
		w.copies++
		w.bytes[e.node] += size + aroundDocument
		if has[e.node] > 0 {
			continue
		}
		has[e.node] = e.at + 1
		w.arrived = append(w.arrived, e.at)
		w.control += m.announce(e.node)
		if size >= refuseFrom {
			w.control += 2 * refusal * (len(m.links[e.node]) - 1)
		}
		held := check + hold + time.Duration(rng.Float64()*float64(hold))
		heap.Push(todo, event{e.at + held, forwards, e.node, e.from})
	}
	return w
}

// forward sends the document to the peers that have not said that they have it.
func (m *mesh) forward(e event, size int, has []time.Duration, w *way, todo *events) {
	for _, to := range m.links[e.node] {
		l := m.latency(e.node, to)
		told := has[to] > 0 && size >= refuseFrom && has[to]-1+l <= e.at
		if to == e.from || told {
			continue
		}
		w.bytes[e.node] += size + aroundDocument
		heap.Push(todo, event{e.at + l, arrives, to, e.node})
	}
}

// announce is what a node's announcements cost it and those it tells, for one
// document. Few ask back: the mesh is faster than a heartbeat.
func (m *mesh) announce(node int) int {
	outside := max(m.peers-len(m.links[node]), 0)
	return 2 * announcement * min(lazy, outside) * announcements
}
