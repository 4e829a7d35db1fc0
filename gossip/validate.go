package gossip

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"infernet.tech/infernet/p2p/identity"
)

// badDocument is what a document that no honest node passes on costs its
// sender; see p2p.Host.Penalise.
const badDocument = 20

// validator checks what comes by gossip, cheap things first: size, kind, date,
// rate, and only then, in the set, the signature. What honest clocks or an
// honest set may see in two ways is ignored; the rest is refused and blamed.
func (g *Gossip) validator(t topic) pubsub.ValidatorEx {
	return func(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		p, err := identity.FromPeerID(from)
		if p == g.host.ID() {
			return pubsub.ValidationAccept // send has seen to it
		}
		if err != nil || !g.enter() {
			return pubsub.ValidationIgnore
		}
		defer g.work.Done()
		result := g.receive(t, p, from, m.GetData())
		switch result {
		case pubsub.ValidationAccept:
			g.stats.accepted.Add(1)
			hold(ctx, t.hold)
		case pubsub.ValidationReject:
			g.stats.refused.Add(1)
		default:
			g.stats.ignored.Add(1)
		}
		return result
	}
}

// hold waits for d to twice d, or until ctx ends.
func hold(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	wait := time.NewTimer(d + rand.N(d))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

func (g *Gossip) receive(t topic, from identity.PubKey, id peer.ID, raw []byte) pubsub.ValidationResult {
	e, err := peek(raw)
	if err == nil && e.kind != t.kind {
		err = ErrDocument
	}
	if err != nil {
		g.blame(from, err)
		return pubsub.ValidationReject
	}
	now := time.Now()
	if !g.limits.count(id, now) || !timely(e.at, now) || !g.limits.admit(id, e.authorSlot(), t.apart, now) {
		return pubsub.ValidationIgnore
	}
	fresh, err := g.add(raw, from)
	switch {
	case errors.Is(err, ErrIgnore):
		return pubsub.ValidationIgnore
	case err != nil:
		g.blame(from, err)
		return pubsub.ValidationReject
	case !fresh:
		return pubsub.ValidationIgnore
	}
	g.limits.passed(e.authorSlot(), now)
	return pubsub.ValidationAccept
}

// add hands a document to the set.
func (g *Gossip) add(raw []byte, from identity.PubKey) (bool, error) {
	fresh, err := g.set.Add(raw, from)
	if fresh {
		g.changed()
	}
	return fresh, err
}

func (g *Gossip) blame(p identity.PubKey, err error) {
	g.log.Debug("bad document", "from", p.Short(), "err", err)
	g.host.Penalise(p, badDocument, "bad document in gossip")
}

// score is the part of a peer's score that gossipsub cannot see.
func (g *Gossip) score(id peer.ID) float64 {
	s := excessScore * g.limits.excess(id, time.Now())
	if known := g.standings.Load(); known != nil {
		s += (*known)[id]
	}
	return s
}

// inspectScores keeps what gossipsub thinks of the peers, for Stats.
func (g *Gossip) inspectScores(scores map[peer.ID]float64) { g.scores.Store(&scores) }

// judge asks for the standing of the connected peers now and then: scores are
// wanted far more often than they change.
func (g *Gossip) judge(ctx context.Context) error {
	if g.cfg.Standing == nil {
		return nil
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		known := make(map[peer.ID]float64)
		for _, p := range g.host.Peers() {
			id, err := p.Peer.PeerID()
			if err != nil {
				continue
			}
			score, fraud := g.cfg.Standing(p.Peer)
			if known[id] = 100 * score; fraud {
				known[id] = fraudScore
			}
		}
		g.standings.Store(&known)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
