package p2p

import (
	"net"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Conn returns s as a net.Conn, for protocols such as HTTP whose libraries want
// one. What s has buffered is read first.
//
// The Conn's user owns the time of reads from here on: without a deadline a read
// waits as long as the stream lives, so that a kept-alive connection may rest. A
// write still fails when it makes no progress for the stream's idle time, until
// a write deadline is set. A peer's reset or end of stream shows at once to a
// read that waits, which is how net/http learns that a client is gone.
//
// Close ends both directions and what was written still arrives; Reset, which
// the Conn has too (interface{ Reset() error }), takes it back. CloseWrite is
// there as it is on a *net.TCPConn.
func Conn(s *Stream) net.Conn {
	s.raw.read.Store(0)
	_ = s.raw.SetReadDeadline(time.Time{}) // that of a read before
	return &streamConn{Stream: s, local: Addr{localKey(s)}, remote: Addr{s.peer}}
}

// Addr is a peer as the address of a Conn.
type Addr struct{ Peer identity.PubKey }

// Network returns "infernet".
func (Addr) Network() string { return "infernet" }

// String returns the peer's npub.
func (a Addr) String() string { return a.Peer.String() }

func localKey(s *Stream) identity.PubKey {
	p, err := identity.FromPeerID(s.raw.Conn().LocalPeer())
	if err != nil {
		return identity.PubKey{} // a simulated host of another kind of key
	}
	return p
}

// streamConn adds addresses; all else is the stream's own.
type streamConn struct {
	*Stream
	local, remote Addr
}

func (c *streamConn) LocalAddr() net.Addr  { return c.local }
func (c *streamConn) RemoteAddr() net.Addr { return c.remote }
