package lntest

import (
	"slices"

	"infernet.tech/infernet/payments/lightning/ln"
)

// channel has two ends, and beside their balances what is on its way.
type channel struct {
	point    ln.ChannelPoint
	ends     [2]*Node
	balance  [2]uint64
	capacity uint64
	htlcs    []*htlc
	slots    int
	state    ln.ChannelState
}

func (c *channel) side(v *Node) int {
	if c.ends[1] == v {
		return 1
	}
	return 0
}

// active reports whether the channel can be used now.
func (c *channel) active() bool { return c.state == ln.ChannelOpen && c.ends[0].up && c.ends[1].up }

func (c *channel) reserve() uint64 { return c.capacity / 100 }

// room is what a side can send in one more HTLC.
func (c *channel) room(side int) uint64 {
	out := 0
	for _, h := range c.htlcs {
		if h.from == side {
			out++
		}
	}
	if !c.active() || out >= c.slots || c.balance[side] <= c.reserve() {
		return 0
	}
	return c.balance[side] - c.reserve()
}

// htlc is money on one hop: it left the offering side and has not reached the
// other.
type htlc struct {
	c      *channel
	from   int
	amount uint64
	expiry uint32 // the block from which on the offerer can take it back
}

func (h *htlc) offerer() *Node  { return h.c.ends[h.from] }
func (h *htlc) receiver() *Node { return h.c.ends[1-h.from] }

func (h *htlc) lock() {
	h.c.balance[h.from] -= h.amount
	h.c.htlcs = append(h.c.htlcs, h)
}

// finish gives the money to a side of the channel, on chain where it is closed.
func (h *htlc) finish(side int) {
	h.c.htlcs = slices.DeleteFunc(h.c.htlcs, func(o *htlc) bool { return o == h })
	if h.c.state == ln.ChannelForced {
		h.c.ends[side].onChain += h.amount
		return
	}
	h.c.balance[side] += h.amount
}

// force closes the channel without the other side: balances go on chain, HTLCs
// stay for their own ends.
func (c *channel) force() {
	if c.state == ln.ChannelForced {
		return
	}
	c.state = ln.ChannelForced
	for i, v := range c.ends {
		v.onChain += c.balance[i]
		c.balance[i] = 0
	}
}

// sweep lets every payment go as far as it can. mu is held.
func (n *Net) sweep() {
	for _, v := range n.order {
		v.expire()
	}
	for again := true; again; {
		again = false
		for _, p := range n.payments {
			for p.state == ln.InFlight && p.step() {
				again = true
			}
		}
	}
}

// step moves a payment by one hop, forwards or back, and reports whether it did.
func (p *payment) step() bool {
	if p.outcome == pending {
		if p.next() {
			return true
		}
		return p.expired()
	}
	if p.at < 0 {
		p.end()
		return true
	}
	return p.resolve(p.route[p.at])
}

// next brings the HTLC to the next hop, or to the invoice behind the last one.
func (p *payment) next() bool {
	h := p.route[p.at]
	v := h.receiver()
	if p.arrived || !v.up || v.stuck || h.c.state == ln.ChannelForced {
		return false
	}
	if p.at == len(p.route)-1 {
		p.arrived = true
		p.outcome = v.arrive(p, h)
		return true
	}
	next := p.route[p.at+1]
	if next.c.room(next.from) < next.amount {
		p.outcome, p.reason = lost, ln.ReasonNoRoute
		return true
	}
	next.lock()
	p.at++
	return true
}

// expired takes the HTLC back on chain when nobody resolved it in time.
func (p *payment) expired() bool {
	h := p.route[p.at]
	if p.net.height < h.expiry || !h.offerer().up {
		return false
	}
	h.c.force()
	h.finish(h.from)
	p.outcome = lost
	p.at--
	return true
}

// resolve lets the outcome pass one hop back.
func (p *payment) resolve(h *htlc) bool {
	height, together := p.net.height, h.c.active()
	switch {
	case together && p.outcome == won:
		h.finish(1 - h.from)
	case together:
		h.finish(h.from)
	case p.outcome == won && h.receiver().up && (height+claimBlocks >= h.expiry || h.c.state == ln.ChannelForced):
		h.c.force()
		h.finish(1 - h.from)
	case h.offerer().up && height >= h.expiry:
		// Who knew the preimage and was away too long has lost it here.
		h.c.force()
		h.finish(h.from)
		p.outcome = lost
	default:
		return false
	}
	p.at--
	return true
}
