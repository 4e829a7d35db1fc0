package node

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/node/provider"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// Penalties for what no honest peer sends. A peer is cut off for a while when
// they add up faster than they decay (see p2p).
const (
	penaltyMalformed = 20
	penaltyReplay    = 10
)

// longestStream bounds streams that wait for work or carry bulk bytes; those
// on which nothing moves end much sooner.
const longestStream = 24 * time.Hour

// firstDocument is how long a peer may take to say what it wants.
const firstDocument = 10 * time.Second

// handle registers what this node serves.
func (n *Node) handle() {
	n.host.Handle(p2p.ProtoQuote, p2p.StreamLimits{Total: 256, PerPeer: 16}, n.request(n.work.ServeQuote))
	// A stream of these lives as long as an attempt does.
	n.host.Handle(p2p.ProtoJob, p2p.StreamLimits{Total: 1024, PerPeer: 256, Life: longestStream}, n.request(n.job))
	n.host.Handle(p2p.ProtoLog, p2p.StreamLimits{Total: 512, PerPeer: 256, Life: longestStream}, n.request(n.work.ServeLog))
	n.host.Handle(p2p.ProtoBlob, p2p.StreamLimits{Total: 128, PerPeer: 64, Life: longestStream}, n.serveBlob)
	n.host.Handle(p2p.ProtoPay, p2p.StreamLimits{Total: 128, PerPeer: 8}, n.servePay)
}

// handler answers one signed document.
type handler func(ctx context.Context, s *p2p.Stream, ev wire.Event) error

// request reads a stream's first document, checks that it is fresh, new and by
// the peer itself, and passes it on. Anything else is answered with a reason
// where one can be sent, and counts against the peer.
func (n *Node) request(next handler) func(ctx context.Context, s *p2p.Stream) {
	return func(ctx context.Context, s *p2p.Stream) {
		ev, err := n.first(s)
		if err != nil {
			n.log.Debug("request refused", "peer", s.Peer().Short(), "err", err)
			s.Reset()
			return
		}
		if err := next(ctx, s, ev); err != nil {
			n.log.Debug("request", "peer", s.Peer().Short(), "kind", ev.Kind, "err", err)
		}
		s.Close()
	}
}

// first reads and checks the first document of a stream.
func (n *Node) first(s *p2p.Stream) (wire.Event, error) {
	if err := s.SetReadDeadline(time.Now().Add(firstDocument)); err != nil {
		return wire.Event{}, err
	}
	ev, err := wire.ReadEvent(s.Reader)
	if err != nil {
		n.host.Penalise(s.Peer(), penaltyMalformed, "malformed document")
		return ev, err
	}
	if ev.PubKey != s.Peer() {
		n.host.Penalise(s.Peer(), penaltyMalformed, "document of another author")
		return ev, fmt.Errorf("signed by %s", ev.PubKey.Short())
	}
	if err := n.guard.Check(ev, time.Now()); err != nil {
		n.host.Penalise(s.Peer(), penaltyReplay, err.Error())
		return ev, n.tell(s, ev, provider.CodeStale, err.Error())
	}
	return ev, s.SetReadDeadline(time.Time{})
}

// tell answers with an Error document and returns it as an error.
func (n *Node) tell(s *p2p.Stream, ev wire.Event, code, text string) error {
	signed, err := wire.Seal(n.key, wire.Error{Ref: ev.ID, Code: code, Text: wire.Printable(text)}, time.Now())
	if err == nil {
		err = wire.WriteEvent(s, signed)
	}
	if err == nil {
		err = s.CloseWrite()
	}
	return fmt.Errorf("%s: %s (told: %w)", code, text, err)
}

// job passes a request of `/infernet/job/1` to the role it is for.
func (n *Node) job(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	if ev.Kind == wire.KindDelegate {
		return n.takes.ServeDelegate(ctx, s, ev)
	}
	return n.work.ServeJob(ctx, s, ev)
}

func (n *Node) serveBlob(ctx context.Context, s *p2p.Stream) {
	if err := n.lib.Serve(ctx, s); err != nil {
		n.log.Debug("serve blob", "peer", s.Peer().Short(), "err", err)
		s.Reset()
		return
	}
	s.Close()
}

func (n *Node) servePay(ctx context.Context, s *p2p.Stream) {
	if err := n.rail.ServeStream(ctx, s.Peer(), s); err != nil {
		n.log.Debug("serve payment", "peer", s.Peer().Short(), "err", err)
	}
	s.Close()
}
