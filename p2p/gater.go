package p2p

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"infernet.tech/infernet/p2p/identity"
)

var _ connmgr.ConnectionGater = (*gater)(nil)

// gater refuses barred peers and peers whose key is not a node key. It looks
// after the handshake: before it, a peer ID is only a claim.
type gater struct{ h *Host }

func (g *gater) allowed(id peer.ID) bool {
	p, err := identity.FromPeerID(id)
	return err == nil && !g.h.penalties.barred(p, time.Now())
}

// InterceptPeerDial refuses to dial barred peers and other kinds of keys.
func (g *gater) InterceptPeerDial(id peer.ID) bool { return g.allowed(id) }

// InterceptAddrDial has nothing to add.
func (g *gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptAccept leaves counting of addresses to the resource manager.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is the check proper.
func (g *gater) InterceptSecured(dir network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	if g.allowed(id) {
		return true
	}
	_, err := identity.FromPeerID(id)
	return err != nil && dir == network.DirInbound && g.h.dialbacks.expected(time.Now())
}

// InterceptUpgraded limits the time of what InterceptSecured let in as a
// dial-back.
func (g *gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	if _, err := identity.FromPeerID(c.RemotePeer()); err != nil {
		time.AfterFunc(dialbackLife, func() { _ = c.Close() })
	}
	return true, 0
}

// AutoNAT servers test our addresses by dialling back from a throw-away key of
// another kind. Such keys are let in only shortly after we asked for a test,
// few at a time and not for long.
const (
	dialbackWindow = 30 * time.Second
	dialbackLife   = 10 * time.Second
	dialbackCount  = 8 // for each request
)

// dialbacks counts the dial-backs that may still come.
type dialbacks struct {
	mu    sync.Mutex
	until time.Time
	left  int
}

// asked notes an outgoing stream; only AutoNAT requests matter.
func (d *dialbacks) asked(proto protocol.ID, now time.Time) {
	if proto != "/libp2p/autonat/2/dial-request" && proto != "/libp2p/autonat/1.0.0" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until, d.left = now.Add(dialbackWindow), dialbackCount
}

// expected takes one of the expected dial-backs.
func (d *dialbacks) expected(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 || now.After(d.until) {
		return false
	}
	d.left--
	return true
}
