package serving

import (
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// maxTenants bounds the clients that are known in memory at a time.
const maxTenants = 4096

// hold returns the peer's tenant, its leases read from the store. It must be
// given back: who nobody holds may be forgotten, and a second tenant of the
// same peer beside a forgotten one would be a second meter.
func (s *Server) hold(peer identity.PubKey) (*tenant, error) {
	s.mu.Lock()
	t, ok := s.tenants[peer]
	if !ok {
		if len(s.tenants) >= maxTenants {
			s.forget()
		}
		if len(s.tenants) >= maxTenants {
			s.mu.Unlock()
			return nil, retry(5000, CodeBusy, "too many clients")
		}
		t = &tenant{peer: peer, name: peer.String(), salt: cacheSalt(peer), known: make(chan struct{}), leases: map[wire.ID]*lease{}, rooms: map[payments.Unit]room{}}
		s.tenants[peer] = t
	}
	t.users++
	s.mu.Unlock()
	if !ok {
		t.err = s.loadLeases(t)
		close(t.known)
	}
	<-t.known
	if t.err != nil {
		s.drop(t)
		return nil, fmt.Errorf("leases of %s: %w", peer.Short(), t.err)
	}
	return t, nil
}

// release gives a tenant back.
func (s *Server) release(t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
}

// drop is release for a tenant whose leases could not be read: the next to ask
// tries again.
func (s *Server) drop(t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
	if s.tenants[t.peer] == t {
		delete(s.tenants, t.peer)
	}
}

// forget drops tenants that nobody holds and whose meters are written down.
// The server's mutex is held.
func (s *Server) forget() {
	for peer, t := range s.tenants {
		if t.users == 0 && t.clean() {
			delete(s.tenants, peer)
		}
	}
}

// leased reports whether the tenant has a lease that is not over.
func (t *tenant) leased(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.leases {
		if !l.over(now) {
			return true
		}
	}
	return false
}

// clean reports whether the store knows all that the tenant used.
func (t *tenant) clean() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.leases {
		if l.dirty {
			return false
		}
	}
	return true
}
