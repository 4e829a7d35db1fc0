package gossip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/p2p/wire"
)

// rpcOverhead is what a message of gossipsub has around one document.
const rpcOverhead = 4 << 10

// mesh is this node's place in the topics while it runs.
type mesh struct {
	ps     *pubsub.PubSub
	topics map[wire.Kind]*pubsub.Topic
	leave  []func()
}

// join enters the topics; ctx ends it.
func (g *Gossip) join(ctx context.Context, lp host.Host) (*mesh, error) {
	ps, err := pubsub.NewGossipSub(ctx, lp, g.options()...)
	if err != nil {
		return nil, fmt.Errorf("gossipsub: %w", err)
	}
	m := &mesh{ps: ps, topics: make(map[wire.Kind]*pubsub.Topic)}
	for _, t := range topics() {
		name := t.on(g.host.Network())
		if err := ps.RegisterTopicValidator(name, g.validator(t), pubsub.WithValidatorConcurrency(256)); err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, err)
		}
		joined, err := ps.Join(name)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, err)
		}
		// The validator hands documents to the set: nobody else listens.
		stop, err := joined.Relay()
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, err)
		}
		m.topics[t.kind], m.leave = joined, append(m.leave, stop)
	}
	return m, nil
}

func (g *Gossip) options() []pubsub.Option {
	var names []string
	for _, t := range topics() {
		names = append(names, t.on(g.host.Network()))
	}
	return []pubsub.Option{
		// Documents are signed by their authors; who passes one on adds nothing.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithGossipSubProtocols(protocols(), pubsub.GossipSubDefaultFeatures),
		pubsub.WithMaxMessageSize(MaxDocument + rpcOverhead),
		pubsub.WithMaxControlMessageSize(MaxDocument),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(pubsub.NewAllowlistSubscriptionFilter(names...), 8)),
		pubsub.WithPeerScore(scoreParams(g.host.Network(), g.score), thresholds()),
		pubsub.WithPeerScoreInspect(g.inspectScores, time.Minute/6),
		pubsub.WithGossipSubParams(meshParams()),
		pubsub.WithAppSpecificRpcInspector(g.inspect),
		pubsub.WithValidateQueueSize(128), pubsub.WithValidateThrottle(256),
	}
}

// messageID is the hash of the document's bytes, its signature among them. The
// event's id would not do: whoever spoiled the signature of a document could
// make nodes believe that they had seen, and refused, the good one.
func messageID(m *pb.Message) string {
	sum := sha256.Sum256(m.GetData())
	return string(sum[:])
}

var errLimited = errors.New("above the limits, or over a limited connection")

// inspect turns gossip away unread: of peers that send too much, and over
// connections with limited volume, where only sync has a place.
func (g *Gossip) inspect(from peer.ID, rpc *pubsub.RPC) error {
	size := 64
	for _, m := range rpc.GetPublish() {
		size += 64 + len(m.GetData())
	}
	if c := rpc.GetControl(); c != nil {
		for _, h := range c.GetIhave() {
			size += 40 * len(h.GetMessageIDs())
		}
		for _, w := range c.GetIwant() {
			size += 40 * len(w.GetMessageIDs())
		}
	}
	lp := g.host.Libp2p()
	if lp == nil || lp.Network().Connectedness(from) != network.Connected || !g.limits.carry(from, size, time.Now()) {
		return errLimited
	}
	return nil
}

// quit leaves the topics and ends every stream of gossipsub, whose goroutines
// wait for that alone.
func (m *mesh) quit(lp host.Host, cancel context.CancelFunc) {
	for _, f := range m.leave {
		f()
	}
	cancel()
	for _, proto := range protocols() {
		lp.RemoveStreamHandler(proto)
	}
	for _, c := range lp.Network().Conns() {
		for _, s := range c.GetStreams() {
			if slices.Contains(protocols(), s.Protocol()) {
				_ = s.Reset()
			}
		}
	}
}

// protocols are those with a mesh: a peer that wants to be flooded is not.
func protocols() []protocol.ID {
	return []protocol.ID{pubsub.GossipSubID_v13, pubsub.GossipSubID_v12, pubsub.GossipSubID_v11}
}
