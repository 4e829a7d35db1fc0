package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/provider"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/store/blob"
)

// Penalties for what no honest peer sends. A peer is cut off for a while when
// they add up faster than they decay (see p2p).
const (
	penaltyMalformed = 20
	penaltyReplay    = 10
	penaltyPrying    = 2 // asking for what is another's; a node that restarted may do so once
	penaltySilent    = 2 // opening a stream and saying nothing
)

// longestStream bounds streams that wait for work or carry bulk bytes; those
// on which nothing moves end much sooner.
const longestStream = 24 * time.Hour

// firstDocument is how long a peer may take to say what it wants.
const firstDocument = 10 * time.Second

// handle registers what this node serves.
func (n *Node) handle() {
	n.host.Handle(p2p.ProtoQuote, p2p.StreamLimits{Total: 256, PerPeer: 16}, n.request(n.quote))
	// A stream of these lives as long as an attempt does.
	n.host.Handle(p2p.ProtoJob, p2p.StreamLimits{Total: 1024, PerPeer: 256, Life: longestStream}, n.request(n.job))
	n.host.Handle(p2p.ProtoLog, p2p.StreamLimits{Total: 512, PerPeer: 256, Life: longestStream}, n.request(n.work.ServeLog))
	n.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), n.whoHas.Serve)
	n.host.Handle(p2p.ProtoBlob, p2p.StreamLimits{Total: 512, PerPeer: 64, Life: longestStream, Yield: true}, n.serveBlob)
	// Connections rest between requests; what one of them may do is the seller's to bound.
	n.host.Handle(p2p.ProtoHTTP, p2p.HTTPStreamLimits(), n.serves.ServeConn)
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
			if !errors.Is(err, errTold) { // a reset would take the answer back
				s.Reset()
			}
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
		n.blame(s.Peer(), err)
		return ev, err
	}
	if ev.PubKey != s.Peer() {
		n.host.Penalise(s.Peer(), penaltyMalformed, "document of another author")
		return ev, n.tell(s, ev, provider.CodeMalformed, "signed by another key than the peer's")
	}
	if again(ev) {
		return ev, s.SetReadDeadline(time.Time{})
	}
	switch err := n.guard.Check(ev, time.Now()); {
	case errors.Is(err, wire.ErrGuardFull): // ours to bear: nothing is wrong with the document
		return ev, n.tell(s, ev, provider.CodeBusy, "too many documents at once")
	case err != nil:
		n.host.Penalise(s.Peer(), penaltyReplay, err.Error())
		return ev, n.tell(s, ev, provider.CodeStale, err.Error())
	}
	return ev, s.SetReadDeadline(time.Time{})
}

// again reports whether a document may come any number of times and at any age. A
// verdict is signed once and sent until its receipt is countersigned, over
// restarts of both; it is its author that sends it, and gets the same answer.
func again(ev wire.Event) bool { return ev.Kind == wire.KindVerdict }

// blame counts what came instead of a document against the peer, unless the
// connection broke: that may be anybody's fault.
func (n *Node) blame(peer identity.PubKey, err error) {
	switch {
	case aggregator.Malformed(err):
		n.host.Penalise(peer, penaltyMalformed, "malformed document")
	case errors.Is(err, os.ErrDeadlineExceeded):
		n.host.Penalise(peer, penaltySilent, "no document")
	}
}

// errTold means that the peer was sent the reason.
var errTold = errors.New("told")

// tell answers with an Error document and returns it as an error.
func (n *Node) tell(s *p2p.Stream, ev wire.Event, code, text string) error {
	signed, err := wire.Seal(n.key, wire.Error{Ref: ev.ID, Code: code, Text: wire.Printable(text)}, time.Now())
	if err == nil {
		err = wire.WriteEvent(s, signed)
	}
	if err == nil {
		err = s.CloseWrite()
	}
	if err != nil {
		return fmt.Errorf("%s: %s, and not told: %w", code, text, err)
	}
	return fmt.Errorf("%s: %s (%w)", code, text, errTold)
}

// quote passes a request of `/infernet/quote/1` to the role it is for.
func (n *Node) quote(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	if ev.Kind == wire.KindInferOffer {
		return n.serves.ServeInferOffer(ctx, s, ev)
	}
	return n.work.ServeQuote(ctx, s, ev)
}

// job passes a request of `/infernet/job/1` to the role it is for.
func (n *Node) job(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	switch ev.Kind {
	case wire.KindDelegate:
		return n.takes.ServeDelegate(ctx, s, ev)
	case wire.KindCancel:
		// It may be of a whole job that was handed over, or of work for an aggregator.
		if m, err := wire.Decode[wire.Cancel](ev); err == nil && m.Shard < 0 {
			if taken, err := n.takes.ServeCancel(ctx, s, ev); taken {
				return err
			}
		}
	case wire.KindLease:
		if err := n.serves.ServeLease(ctx, s, ev); err != nil {
			return err
		}
		n.grantModel(s.Peer(), ev)
		return nil
	case wire.KindWindow:
		return n.serves.ServeWindow(ctx, s, ev)
	case wire.KindDelivery:
		return n.deliver.ServeDelivery(ctx, s, ev)
	}
	return n.work.ServeJob(ctx, s, ev)
}

// grantModel lets who leases a model read its file: by the vocabulary in it
// tokens are counted again.
func (n *Node) grantModel(peer identity.PubKey, ev wire.Event) {
	l, err := wire.Decode[wire.Lease](ev)
	if err != nil {
		return // no such lease is agreed to
	}
	for _, m := range n.serves.Serves() {
		if m.CID == l.Model {
			n.lib.Grant(m.CID, peer)
		}
	}
}

func (n *Node) serveBlob(ctx context.Context, s *p2p.Stream) {
	if err := n.lib.Serve(ctx, s); err != nil {
		switch {
		case errors.Is(err, blob.ErrProtocol):
			n.host.Penalise(s.Peer(), penaltyMalformed, "malformed request for content")
		case errors.Is(err, content.ErrNotGranted):
			n.host.Penalise(s.Peer(), penaltyPrying, "content of others")
		}
		n.log.Debug("serve blob", "peer", s.Peer().Short(), "err", err)
		if !errors.Is(err, blob.ErrRefused) { // a reset would take the answer back
			s.Reset()
		}
	}
	s.Close()
}

func (n *Node) servePay(ctx context.Context, s *p2p.Stream) {
	if err := n.rails.ServeStream(ctx, s.Peer(), s); err != nil {
		if errors.Is(err, credit.ErrNote) {
			n.host.Penalise(s.Peer(), penaltyMalformed, "a note that is not its own")
		} else {
			n.blame(s.Peer(), err)
		}
		n.log.Debug("serve payment", "peer", s.Peer().Short(), "err", err)
	}
	s.Close()
}
