package gossip

import (
	"net"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Scores below which a peer is told nothing more of what there is, is sent
// nothing, and is not listened to at all.
const (
	gossipThreshold   = -500
	publishThreshold  = -1000
	graylistThreshold = -2500
)

const (
	fraudScore  = -5000 // of a peer whose fraud is proven
	excessScore = -100  // for each document above the limits
)

func thresholds() *pubsub.PeerScoreThresholds {
	return &pubsub.PeerScoreThresholds{
		GossipThreshold: gossipThreshold, PublishThreshold: publishThreshold, GraylistThreshold: graylistThreshold,
		AcceptPXThreshold: 1000, OpportunisticGraftThreshold: 3.5,
	}
}

// scoreParams rate peers by what they deliver. Too little is no fault (P3 is
// off): a topic with a document every few seconds shows nothing by silence.
func scoreParams(network string, own func(peer.ID) float64) *pubsub.PeerScoreParams {
	hour := pubsub.ScoreParameterDecay(time.Hour)
	p := &pubsub.PeerScoreParams{
		Topics:        make(map[string]*pubsub.TopicScoreParams),
		TopicScoreCap: 300, AppSpecificScore: own, AppSpecificWeight: 1,
		// Many peers behind one public address look like one with many keys.
		IPColocationFactorWeight: -100, IPColocationFactorThreshold: 5, IPColocationFactorWhitelist: privateNets(),
		BehaviourPenaltyWeight: -10, BehaviourPenaltyThreshold: 6, BehaviourPenaltyDecay: hour,
		DecayInterval: pubsub.DefaultDecayInterval, DecayToZero: pubsub.DefaultDecayToZero,
		RetainScore: 30 * time.Minute,
	}
	for _, t := range topics() {
		p.Topics[t.on(network)] = &pubsub.TopicScoreParams{
			SkipAtomicValidation: true, TopicWeight: 1,
			TimeInMeshWeight: 0.01, TimeInMeshQuantum: time.Second, TimeInMeshCap: 1000,
			FirstMessageDeliveriesWeight: 5, FirstMessageDeliveriesDecay: hour, FirstMessageDeliveriesCap: 50,
			InvalidMessageDeliveriesWeight: -1000, InvalidMessageDeliveriesDecay: hour,
		}
	}
	return p
}

// privateNets are addresses that say nothing about who owns a machine.
func privateNets() (nets []*net.IPNet) {
	for _, s := range []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
		"::1/128", "fc00::/7", "fe80::/10",
	} {
		if _, n, err := net.ParseCIDR(s); err == nil {
			nets = append(nets, n)
		}
	}
	return nets
}

// meshParams keep copies and announcements few: whoever has a document says so
// to its mesh, and twice to a few peers outside of it, not to a share of all.
func meshParams() pubsub.GossipSubParams {
	p := pubsub.DefaultGossipSubParams()
	p.D, p.Dlo, p.Dhi, p.Dscore, p.Dout, p.Dlazy = 6, 5, 12, 4, 2, 3
	p.GossipFactor, p.HistoryGossip = 0, 2
	p.IDontWantMessageThreshold = 512
	p.MaxIHaveLength, p.MaxIHaveMessages = 1000, 10
	p.MaxIDontWantLength, p.MaxIDontWantMessages = 100, 200
	p.PrunePeers, p.Connectors = 0, 1 // no peers are taken from strangers
	return p
}
