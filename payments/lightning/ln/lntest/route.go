package lntest

import "slices"

// maxHops bounds the search.
const maxHops = 5

// way is a route found from the payee's end, and what it takes at its start.
type way struct {
	hops   []*htlc
	amount uint64
	expiry uint32
}

// route finds the cheapest way from a node to another, or none.
func (n *Net) route(from, to *Node, amount uint64, expiry uint32) (best way, ok bool) {
	var extend func(at *Node, w way, seen []*Node)
	extend = func(at *Node, w way, seen []*Node) {
		if at == from {
			if !ok || w.amount < best.amount {
				best, ok = w, true
			}
			return
		}
		for _, c := range n.channels {
			other := c.ends[1-c.side(at)]
			if (c.ends[0] != at && c.ends[1] != at) || slices.Contains(seen, other) || len(w.hops) == maxHops {
				continue
			}
			sum, until := w.amount, w.expiry
			if at != to {
				sum += hopBaseMsat + sum*hopPerMillon/1e6
				until += hopBlocks
			}
			side := c.side(other)
			if c.room(side) < sum {
				continue
			}
			h := &htlc{c: c, from: side, amount: sum, expiry: until}
			extend(other, way{hops: append([]*htlc{h}, w.hops...), amount: sum, expiry: until}, append(seen, other))
		}
	}
	extend(to, way{amount: amount, expiry: expiry}, []*Node{to})
	best.hops = slices.Clone(best.hops)
	return best, ok
}
