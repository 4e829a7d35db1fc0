package holders

import "infernet.tech/infernet/p2p/identity"

// InLine is how many refs wait to be asked of a peer behind those under way.
func (s *Service) InLine(peer identity.PubKey) int {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	if at := s.lines.peers[peer]; at != nil {
		return len(at.waiting)
	}
	return 0
}
