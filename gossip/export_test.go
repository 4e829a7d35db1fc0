package gossip

import (
	"io"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Ask runs the asking side of a session over any pipe.
func (g *Gossip) Ask(rw io.ReadWriter, peer identity.PubKey, limit uint64) (SyncStats, error) {
	a := &asking{talk: newTalk(rw, limit), g: g, peer: peer, view: g.look()}
	err := a.run()
	a.stats.Sent, a.stats.Received = a.sent, a.received
	return a.stats, err
}

// Answer runs the other side.
func (g *Gossip) Answer(rw io.ReadWriter, peer identity.PubKey, limit uint64) error {
	s := &serving{talk: newTalk(rw, limit), g: g, peer: peer, view: g.look()}
	return s.run()
}

// Forget makes the next look at the set a new one.
func (g *Gossip) Forget() { g.changed() }

// Excess is what a peer sent above its limits.
func (g *Gossip) Excess(p identity.PubKey) float64 {
	id, err := p.PeerID()
	if err != nil {
		return 0
	}
	return g.limits.excess(id, time.Now())
}

// Score is what gossipsub thinks of a peer, as of some seconds ago.
func (g *Gossip) Score(p identity.PubKey) float64 {
	id, err := p.PeerID()
	if scores := g.scores.Load(); err == nil && scores != nil {
		return (*scores)[id]
	}
	return 0
}

// Graylist is the score below which a peer is not listened to.
const Graylist = graylistThreshold

// Peek tells what a document claims.
func Peek(raw []byte) (id [32]byte, author identity.PubKey, at int64, kind int, err error) {
	e, err := peek(raw)
	return e.id, e.author, e.at, int(e.kind), err
}
