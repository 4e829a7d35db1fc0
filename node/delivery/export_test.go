package delivery

import (
	"context"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Stream is what documents are exchanged on.
type Stream = stream

// ServeOn is ServeDelivery on a stream that is not libp2p's.
func (s *Service) ServeOn(ctx context.Context, st Stream, from identity.PubKey, ev wire.Event) error {
	return s.serveDelivery(ctx, st, from, ev)
}

// WriteDown, Sweep and Recover are parts of Run.
func (s *Service) WriteDown() error { return s.writeDown() }
func (s *Service) Sweep() error     { return s.sweep() }
func (s *Service) Recover() error   { return s.recover() }

// Held is how many served peers and accounts are in memory.
func (s *Service) Held() (int, int) { return len(s.allCustomers()), len(s.allTabs()) }
