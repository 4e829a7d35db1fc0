package lntest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Network is what the fake nodes say they are on.
const Network = "regtest"

// The habits of lnd that the model follows, in blocks and millisatoshi.
const (
	claimBlocks  = 16   // before expiry, a payee whose peer is gone claims on chain
	hopBlocks    = 80   // a forwarding node keeps between what it takes and gives
	padBlocks    = 3    // a payer adds, in case a block comes meanwhile
	invoiceCLTV  = 80   // where an invoice does not say
	hopBaseMsat  = 1000 // a forwarding node's fee
	hopPerMillon = 1
	slots        = 483 // HTLCs a direction of a channel (BOLT 2)
)

// Net is a network of nodes and the chain below them. The zero Net is not
// usable: see New.
type Net struct {
	mu       sync.Mutex
	clock    func() time.Time
	height   uint32
	nodes    map[string]*Node
	order    []*Node
	channels []*channel
	payments []*payment
	changed  chan struct{} // closed at the next change
	minted   uint64        // msat that ever came in
	drawn    uint64        // secrets and addresses drawn so far
}

// New makes a network at block 1000 whose invoices expire by the given clock,
// time.Now where nil.
func New(clock func() time.Time) *Net {
	if clock == nil {
		clock = time.Now
	}
	return &Net{clock: clock, height: 1000, nodes: map[string]*Node{}, changed: make(chan struct{})}
}

// Node returns the node of that name, which exists from then on.
func (n *Net) Node(name string) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	if v, ok := n.nodes[name]; ok {
		return v
	}
	v := newNode(n, name)
	n.nodes[name] = v
	n.order = append(n.order, v)
	return v
}

// Open makes a channel with so much on each side.
func (n *Net) Open(a, b *Node, aMsat, bMsat uint64) ln.ChannelPoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.minted += aMsat + bMsat
	return n.open(a, b, aMsat, bMsat).point
}

func (n *Net) open(a, b *Node, aMsat, bMsat uint64) *channel {
	c := &channel{
		point: ln.ChannelPoint{TxID: fmt.Sprintf("%x", n.draw())},
		ends:  [2]*Node{a, b}, balance: [2]uint64{aMsat, bMsat}, capacity: aMsat + bMsat,
		state: ln.ChannelOpen, slots: slots,
	}
	n.channels = append(n.channels, c)
	n.tell()
	return c
}

// Fund gives a node coins on chain.
func (n *Net) Fund(v *Node, sat uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.minted += sat * 1000
	v.onChain += sat * 1000
	n.tell()
}

// Slots bounds the HTLCs that a direction of the channel takes.
func (n *Net) Slots(point ln.ChannelPoint, most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.channels {
		if c.point == point {
			c.slots = most
		}
	}
}

// Height is that of the chain.
func (n *Net) Height() uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.height
}

// Mine adds blocks, one after the other.
func (n *Net) Mine(blocks int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range blocks {
		n.height++
		n.sweep()
	}
	n.tell()
}

// Forced counts the channels that were closed without the other side.
func (n *Net) Forced() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, c := range n.channels {
		if c.state == ln.ChannelForced {
			count++
		}
	}
	return count
}

// Conserved returns an error unless all that ever came in is somewhere: in
// channels, in HTLCs or on chain.
func (n *Net) Conserved() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum uint64
	for _, v := range n.order {
		sum += v.onChain
	}
	for _, c := range n.channels {
		sum += c.balance[0] + c.balance[1]
		for _, h := range c.htlcs {
			sum += h.amount
		}
	}
	if sum != n.minted {
		return fmt.Errorf("lntest: %d msat came in and %d are there", n.minted, sum)
	}
	return nil
}

// draw returns a secret, another one each time and the same in every run.
func (n *Net) draw() [32]byte {
	n.drawn++
	return sha256.Sum256(fmt.Appendf(nil, "lntest %d", n.drawn))
}

// tell wakes who waits for a change. mu is held.
func (n *Net) tell() {
	close(n.changed)
	n.changed = make(chan struct{})
}
