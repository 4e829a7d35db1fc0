package p2p

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"infernet.tech/infernet/p2p/identity"
)

const (
	maxRemembered = 64  // addresses of peers saved
	maxKnown      = 512 // peers kept in mind while running
	maxTold       = 8   // addresses told of one peer
)

// PeerInfo is one connected peer.
type PeerInfo struct {
	Peer identity.PubKey `json:"npub"`
	// Addrs are the remote addresses of the connections.
	Addrs []string `json:"addrs"`
	// Agent is what the peer calls its software; a stranger's text.
	Agent string `json:"agent"`
	// Inbound tells that the peer dialled us first.
	Inbound bool `json:"inbound"`
	// Relayed tells that every connection goes through a relay.
	Relayed bool `json:"relayed"`
	// Since is when the oldest connection was made.
	Since time.Time `json:"since"`
	// RTT is the round-trip time, 0 when not measured.
	RTT time.Duration `json:"rtt_ns"`
	// Penalty is the peer's decaying score; see Penalise.
	Penalty float64 `json:"penalty"`
}

// contact is a peer met in this run or remembered from an earlier one.
type contact struct {
	seen  time.Time // zero: only remembered
	addrs []string  // full addresses it listens on; a few
}

// Peers returns the connected peers, in the order of their keys.
func (h *Host) Peers() []PeerInfo {
	lp := h.Libp2p()
	if lp == nil {
		return nil
	}
	var out []PeerInfo
	for _, id := range lp.Network().Peers() {
		if p, err := identity.FromPeerID(id); err == nil {
			if conns := lp.Network().ConnsToPeer(id); len(conns) > 0 {
				out = append(out, h.peerInfo(lp, p, conns))
			}
		}
	}
	slices.SortFunc(out, func(a, b PeerInfo) int { return strings.Compare(string(a.Peer[:]), string(b.Peer[:])) })
	return out
}

func (h *Host) peerInfo(lp host.Host, p identity.PubKey, conns []network.Conn) PeerInfo {
	id := conns[0].RemotePeer()
	info := PeerInfo{Peer: p, Relayed: true, RTT: lp.Peerstore().LatencyEWMA(id), Penalty: h.penalties.score(p, time.Now())}
	for _, c := range conns {
		st := c.Stat()
		info.Addrs = append(info.Addrs, c.RemoteMultiaddr().String())
		info.Relayed = info.Relayed && st.Limited
		if info.Since.IsZero() || st.Opened.Before(info.Since) {
			info.Since, info.Inbound = st.Opened, st.Direction == network.DirInbound
		}
	}
	if v, err := lp.Peerstore().Get(id, "AgentVersion"); err == nil {
		agent, _ := v.(string)
		info.Agent = agent[:min(len(agent), 64)]
	}
	return info
}

// Known returns peers outside any index: the connected ones first, then those
// met or remembered, latest first. At most max are returned.
func (h *Host) Known(max int) []identity.PubKey {
	var out []identity.PubKey
	for _, p := range h.Peers() {
		out = append(out, p.Peer)
	}
	connected := len(out)
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.known {
		if !slices.Contains(out[:connected], p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out[connected:], func(a, b identity.PubKey) int { return h.known[b].seen.Compare(h.known[a].seen) })
	return out[:min(len(out), max)]
}

// watchPeers keeps peers in mind once they told who they are.
func (h *Host) watchPeers(ctx context.Context, lp host.Host) error {
	sub, err := lp.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return fmt.Errorf("watching peers: %w", err)
	}
	defer func() { _ = sub.Close() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.Out():
			if !ok {
				return nil
			}
			done := e.(event.EvtPeerIdentificationCompleted)
			h.dropStale(ctx, lp, done)
			if p, err := identity.FromPeerID(done.Peer); err == nil {
				// The peerstore forgets soon after the connection ends.
				h.met(p, time.Now(), fullAddrs(peer.AddrInfo{ID: done.Peer, Addrs: lp.Peerstore().Addrs(done.Peer)}))
			}
		}
	}
}

func (h *Host) met(p identity.PubKey, now time.Time, addrs []string) {
	const most = 4
	addrs = addrs[:min(len(addrs), most)]
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.known[p]; c != nil {
		c.seen = now
		if len(addrs) > 0 {
			c.addrs = addrs
		}
		return
	}
	if len(h.known) >= maxKnown {
		var oldest identity.PubKey
		var at *contact
		for q, c := range h.known {
			if at == nil || c.seen.Before(at.seen) {
				oldest, at = q, c
			}
		}
		delete(h.known, oldest)
	}
	h.known[p] = &contact{seen: now, addrs: addrs}
}

// remembered loads the address book. Unreadable entries are dropped: the book
// is a help, and an older version may have written it.
func (h *Host) remembered() ([]peer.AddrInfo, error) {
	if h.book == nil {
		return nil, nil
	}
	list, err := h.book.Load()
	if err != nil {
		return nil, fmt.Errorf("loading remembered peers: %w", err)
	}
	var good []string
	for _, s := range list {
		info, err := peerAddr(s)
		if err != nil || len(good) == maxRemembered {
			continue
		}
		if p, _ := identity.FromPeerID(info.ID); p != h.id {
			good = append(good, s)
		}
	}
	infos, err := peerAddrs(good)
	for _, info := range infos {
		if p, err := identity.FromPeerID(info.ID); err == nil {
			h.met(p, time.Time{}, fullAddrs(info))
		}
	}
	return infos, err
}

// remember saves peers met, latest first, at addresses they listen on.
func (h *Host) remember() {
	if h.book == nil {
		return
	}
	var list []string
	for _, p := range h.Known(maxKnown) {
		list = append(list, h.addrsOf(p)...)
	}
	if len(list) == 0 {
		return // nobody met: what was remembered is worth more
	}
	if err := h.book.Save(list[:min(len(list), maxRemembered)]); err != nil {
		h.log.Warn("peers not remembered", "err", err)
	}
}

// AddrsOf returns full addresses at which a peer may be dialled, as far as is
// known: a few, or none.
func (h *Host) AddrsOf(p identity.PubKey) []string {
	lp := h.Libp2p()
	id, err := p.PeerID()
	if lp == nil || err != nil {
		return nil
	}
	if told := fullAddrs(peer.AddrInfo{ID: id, Addrs: lp.Peerstore().Addrs(id)}); len(told) > 0 {
		return told[:min(len(told), maxTold)]
	}
	return h.addrsOf(p)
}

// addrsOf returns where a peer in mind listens.
func (h *Host) addrsOf(p identity.PubKey) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.known[p]; c != nil {
		return c.addrs
	}
	return nil
}
