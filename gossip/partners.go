package gossip

import (
	"context"
	"math/rand/v2"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

const (
	// watch is how often the list of peers is looked at, for a first peer or a
	// partition that healed.
	watch = 15 * time.Second
	// inARow is how many sessions one partner is asked for at once, when limits
	// end them.
	inARow = 16
	// healing is with how many new peers to sync after a partition, and joining
	// with how many at first.
	healing = 3
	joining = 3
	// maxMet bounds the partners remembered.
	maxMet = 1024
)

// partners remembers with whom there was a session, and notices when half of
// the network is gone and back.
type partners struct {
	met   map[identity.PubKey]time.Time // when a session with each ended well
	high  float64                       // how many peers there usually are
	here  map[identity.PubKey]struct{}  // at the last look
	gone  bool                          // many of them
	heal  int                           // sessions to have at once
	since time.Time                     // with peers that there was none with since
}

// keepSynced has a round of sessions every now and then, until ctx ends.
func (g *Gossip) keepSynced(ctx context.Context) error {
	p := &partners{met: make(map[identity.PubKey]time.Time), heal: joining}
	next := time.Now().Add(g.pause())
	tick := time.NewTicker(min(watch, g.cfg.Every))
	defer tick.Stop()
	for {
		for _, peer := range p.back(g.candidates(), time.Now()) {
			if g.syncAll(ctx, peer, p) {
				p.heal--
			}
		}
		if now := time.Now(); !now.Before(next) {
			g.round(ctx, p)
			next = now.Add(g.pause())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pause is Every, give or take a tenth: nodes started together part.
func (g *Gossip) pause() time.Duration {
	return time.Duration(float64(g.cfg.Every) * (0.9 + 0.2*rand.Float64()))
}

// candidates are the connected peers that speak sync. Those behind a relay come
// last: its volume is somebody's gift.
func (g *Gossip) candidates() (out []identity.PubKey) {
	var relayed []identity.PubKey
	for _, i := range g.host.Peers() {
		switch {
		case !g.host.Speaks(i.Peer, p2p.ProtoSync):
		case i.Relayed:
			relayed = append(relayed, i.Peer)
		default:
			out = append(out, i.Peer)
		}
	}
	if len(out) == 0 {
		return relayed
	}
	return out
}

// back notes who is there, and returns the peers to sync with at once: at the
// start, and when peers come back after many were gone.
func (p *partners) back(peers []identity.PubKey, now time.Time) (out []identity.PubKey) {
	n := float64(len(peers))
	if p.high = max(p.high*0.995, n); n < 0.7*p.high {
		p.gone = true
	}
	before := p.here
	p.here = make(map[identity.PubKey]struct{}, len(peers))
	for _, q := range peers {
		p.here[q] = struct{}{}
		if _, was := before[q]; p.gone && !was {
			p.heal, p.since, p.gone, p.high = healing, now, false, n
		}
	}
	for _, i := range rand.Perm(len(peers)) {
		if q := peers[i]; len(out) < p.heal && !p.met[q].After(p.since) {
			out = append(out, q)
		}
	}
	return out
}

// round syncs with a peer at random and with a trusted one.
func (g *Gossip) round(ctx context.Context, p *partners) {
	var trusted []identity.PubKey
	if g.cfg.Trusted != nil {
		trusted = g.cfg.Trusted()
	}
	if len(trusted) > 0 {
		g.syncAll(ctx, p.oldest(trusted), p)
	}
	if peers := g.candidates(); len(peers) > 0 {
		g.syncAll(ctx, peers[rand.IntN(len(peers))], p)
	}
}

// oldest returns the peer with whom the last session is longest ago.
func (p *partners) oldest(peers []identity.PubKey) identity.PubKey {
	best := peers[0]
	for _, q := range peers[1:] {
		if p.met[q].Before(p.met[best]) {
			best = q
		}
	}
	return best
}

// syncAll has sessions with a peer until nothing is left to tell, and reports
// whether that went well.
func (g *Gossip) syncAll(ctx context.Context, peer identity.PubKey, p *partners) bool {
	for range inARow {
		s, err := g.SyncWith(ctx, peer)
		if err != nil {
			g.log.Debug("no sync", "peer", peer.Short(), "err", err)
			return false
		}
		if !s.Limited || s.New+s.Given == 0 {
			break
		}
	}
	if len(p.met) >= maxMet {
		clear(p.met) // an order of preference, no more
	}
	p.met[peer] = time.Now()
	return true
}
