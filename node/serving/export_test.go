package serving

import (
	"context"
	"net"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// What the tests reach without a libp2p stream.

const MaxWindows = maxWindows

func (s *Server) Quote(ctx context.Context, from identity.PubKey, ev wire.Event) (wire.Event, error) {
	return s.quote(ctx, from, ev)
}

func (s *Server) Agree(from identity.PubKey, ev wire.Event) (wire.Event, error) {
	return s.agree(from, ev)
}

func (s *Server) ServeWindowOn(ctx context.Context, st stream, from identity.PubKey, ev wire.Event) error {
	return s.serveWindow(ctx, st, from, ev)
}

func (s *Server) ServeNetConn(ctx context.Context, from identity.PubKey, conn net.Conn) {
	s.serveConn(ctx, from, conn)
}

func CodeOf(err error) string { return answer(wire.ID{}, err).Code }

// Terms returns a lease's terms, which the server read back or made.
func (s *Server) Terms(peer identity.PubKey, job wire.ID) (wire.Lease, bool) {
	t, err := s.hold(peer)
	if err != nil {
		return wire.Lease{}, false
	}
	defer s.release(t)
	l, ok := t.lease(job)
	if !ok {
		return wire.Lease{}, false
	}
	return l.terms, true
}

// Inflight returns what is reserved and how many requests are under way.
func (s *Server) Inflight(peer identity.PubKey, job wire.ID) (uint64, int) {
	t, err := s.hold(peer)
	if err != nil {
		return 0, 0
	}
	defer s.release(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.leases[job]
	return l.inflight, t.active
}

func (s *Server) Flush() error { return s.flush() }
