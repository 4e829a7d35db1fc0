package gossip

import (
	"context"
	"errors"
	"io"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

// SyncStats tells what one session did.
type SyncStats struct {
	Rounds         int    // questions asked until the difference was known
	Sent, Received uint64 // bytes on the stream
	New            int    // documents that were fresh here
	Given          int    // documents sent to the peer
	Limited        bool   // the session ended at its limit: there is more to tell
}

// SyncWith makes the set and a peer's equal, as far as one session's limits
// allow: Limited tells whether another would go on. Errors: ErrNotRunning,
// ErrProtocol, ErrBusy, those of p2p.Host.Open and of the stream.
func (g *Gossip) SyncWith(ctx context.Context, peer identity.PubKey) (SyncStats, error) {
	if !g.enter() {
		return SyncStats{}, ErrNotRunning
	}
	defer g.work.Done()
	s, err := g.host.Open(ctx, peer, p2p.ProtoSync)
	if err != nil {
		return SyncStats{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, p2p.SyncStreamLimits().Life)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	if !g.begin(s) {
		return SyncStats{}, ErrNotRunning
	}
	defer g.end(s)
	a := &asking{talk: newTalk(s, volume(s)), g: g, peer: peer, view: g.look()}
	err = a.run()
	a.stats.Sent, a.stats.Received = a.sent, a.received
	g.count(a.stats, err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.Join(ErrProtocol, err)
	}
	if err != nil {
		_ = s.Reset()
		g.faulty(peer, err)
	}
	return a.stats, err
}

// ServeSync answers a session that a peer opened; Run registers it as the
// handler of p2p.ProtoSync.
func (g *Gossip) ServeSync(_ context.Context, s *p2p.Stream) {
	if !g.enter() {
		_ = s.Reset()
		return
	}
	defer g.work.Done()
	if !g.begin(s) {
		return
	}
	defer g.end(s)
	peer := s.Peer()
	id, err := peer.PeerID()
	t := newTalk(s, volume(s))
	if err != nil || !g.limits.serve(id, time.Now()) {
		_ = errors.Join(t.send(frameBusy, nil), t.w.Flush())
		return
	}
	v := &serving{talk: t, g: g, peer: peer, view: g.look()}
	err = v.run()
	v.stats.Sent, v.stats.Received = v.sent, v.received
	g.limits.charge(id, v.sent+v.received, time.Now())
	g.count(v.stats, err)
	if err != nil {
		_ = s.Reset()
		g.faulty(peer, err)
	}
}

// volume is how many bytes a session over a stream may take.
func volume(s *p2p.Stream) uint64 {
	if s.Relayed() {
		return MaxRelayed
	}
	return MaxSession
}

// begin makes a session one that close ends.
func (g *Gossip) begin(s *p2p.Stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mesh == nil {
		_ = s.Reset()
		return false
	}
	g.sessions[s] = struct{}{}
	return true
}

func (g *Gossip) end(s *p2p.Stream) {
	g.mu.Lock()
	delete(g.sessions, s)
	g.mu.Unlock()
	_ = s.Close()
}

func (g *Gossip) count(s SyncStats, err error) {
	g.stats.sessions.Add(1)
	g.stats.sent.Add(s.Sent)
	g.stats.received.Add(s.Received)
	if err != nil && !errors.Is(err, ErrBusy) {
		g.stats.failed.Add(1)
	}
}

// faulty blames a peer that broke the protocol; a stream may break by itself.
func (g *Gossip) faulty(p identity.PubKey, err error) {
	g.log.Debug("sync session broke", "peer", p.Short(), "err", err)
	if errors.Is(err, ErrProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		g.host.Penalise(p, badDocument, "sync protocol broken")
	}
}
