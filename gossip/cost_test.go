package gossip_test

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/gossip/model"
	"infernet.tech/infernet/p2p/wire"
)

// usage counts the bytes of gossipsub that a host sends and receives; the rest
// of the interface is not called. (The counter that libp2p has keeps a goroutine
// for ever.)
type usage struct {
	metrics.Reporter
	gossip atomic.Int64
}

func (*usage) LogSentMessage(int64)                                         {}
func (*usage) LogRecvMessage(int64)                                         {}
func (u *usage) LogSentMessageStream(n int64, proto protocol.ID, _ peer.ID) { u.log(n, proto) }
func (u *usage) LogRecvMessageStream(n int64, proto protocol.ID, _ peer.ID) { u.log(n, proto) }
func (u *usage) log(n int64, proto protocol.ID) {
	if strings.HasPrefix(string(proto), "/meshsub/") {
		u.gossip.Add(n)
	}
}

// What gossip of real hosts costs is what the model says of a network of their
// number.
func TestModelFitsRealHosts(t *testing.T) {
	const nodes, size, docs = 16, 1350, 48
	cfg := model.Default()
	cfg.Nodes, cfg.Peers, cfg.Online, cfg.Document, cfg.Proofs, cfg.PerDay = nodes, 12, 1, size, 0, docs/nodes
	cfg.Latency = 45 * time.Millisecond // 30 between two nodes on average, as here
	want, err := model.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		defer w.stop()
		for range nodes {
			w.add(t, gossip.Default())
		}
		pass(time.Minute)
		var before, after int64
		for _, n := range w.nodes {
			before += n.used.gossip.Load()
		}
		for i := range docs {
			d := gossiptest.Document(t, gossiptest.Key(t, i), gossiptest.Replaced, time.Now(), size)
			if err := w.nodes[i%nodes].Publish(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			pass(4 * time.Second)
		}
		for _, n := range w.nodes {
			after += n.used.gossip.Load()
			if n.set.Len() != docs {
				t.Errorf("%d of %d documents", n.set.Len(), docs)
			}
		}
		got := float64(after-before) / nodes
		model := want.GossipBytes + want.ControlBytes
		t.Logf("real %.0f bytes a node, the model's %.0f and %.0f of control", got, want.GossipBytes, want.ControlBytes)
		if got < model/1.4 || got > model*1.4 {
			t.Errorf("real %.0f bytes a node, the model's %.0f", got, model)
		}
	})
}

// The model's document is a digest of twenty opinions.
func TestModelFitsRealDigests(t *testing.T) {
	t.Parallel()
	for rows, want := range map[int]int{20: model.Default().Document, wire.MaxOpinions: 3530} {
		d := wire.Digest{Network: "main"}
		for n := range rows {
			d.Rows = append(d.Rows, wire.Opinion{Subject: gossiptest.Key(t, n).PubKey(), Good: 80, Value: 60, Day: 20_000})
		}
		slices.SortFunc(d.Rows, func(a, b wire.Opinion) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
		e, err := wire.Seal(gossiptest.Key(t, 1000), d, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got := len(e.Bytes()); got < want-want/20 || got > want+want/20 {
			t.Errorf("a digest of %d opinions has %d bytes, want about %d", rows, got, want)
		}
	}
}
