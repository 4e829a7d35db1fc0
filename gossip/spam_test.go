package gossip_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// spammer speaks gossipsub without the limits of this package.
type spammer struct {
	host *p2p.Host
	what string
	make func(i int) []byte
	stop func()
}

const topicName = "/infernet/test/rep/1"

// spam starts a host that floods its peers with what make returns, ten times
// as much as one peer may send.
func (w *network) spam(t *testing.T, n int, what string, make func(i int) []byte) *spammer {
	t.Helper()
	s := &spammer{what: what, make: make}
	var stopHost func()
	s.host, _, stopHost = w.startHost(t, n, nil)
	for i, j := range w.rng.Perm(len(w.nodes)) {
		if i < 8 {
			if err := s.host.Connect(t.Context(), w.nodes[j].host.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ps, err := pubsub.NewGossipSub(ctx, s.host.Libp2p(),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(), pubsub.WithFloodPublish(true),
		pubsub.WithMessageIdFn(func(m *pb.Message) string { sum := sha256.Sum256(m.GetData()); return string(sum[:]) }))
	if err != nil {
		t.Fatal(err)
	}
	topic, err := ps.Join(topicName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topic.Subscribe(); err != nil {
		t.Fatal(err)
	}
	done := spawn(func() {
		tick := time.NewTicker(time.Second / 15)
		defer tick.Stop()
		for i := range 40 * 15 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = topic.Publish(ctx, s.make(i))
			}
		}
	})
	s.stop = func() { cancel(); <-done; stopHost() }
	return s
}

// spawn runs f and closes the channel when it has returned.
func spawn(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return done
}

// spoiled is a document whose signature is wrong.
func spoiled(d wire.Event) []byte {
	d.Sig[5] ^= 1
	return d.Bytes()
}

// deliveries counts the nodes that hold each of the documents.
func (w *network) deliveries(docs []wire.Event) (n int) {
	for _, d := range docs {
		n += w.holding(d)
	}
	return n
}

// Among 50 nodes (20 in the everyday form) five flood the others, each in its
// own way: they are not listened to within a minute, and what the honest say
// arrives.
func TestSpammers(t *testing.T) {
	if underRace {
		t.Skip("thousands of signatures; what they go through, other tests do too")
	}
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		honest := 15
		if os.Getenv("INFERNET_LONG") != "" {
			honest = 45
		}
		w := newNetwork()
		cfg := gossip.Default()
		cfg.Every = 2 * time.Minute // the first rounds come when the flood is over
		var yesterday []wire.Event
		for n := range honest * 2 / 3 { // a third of the honest are new themselves
			yesterday = append(yesterday, gossiptest.Document(t, gossiptest.Key(t, 1_000_000+n), gossiptest.Replaced, time.Now().Add(-23*time.Hour), 700))
		}
		for range honest {
			w.add(t, cfg, yesterday...)
		}
		pass(30 * time.Second)
		stranger := func(i int) *identity.Key { return gossiptest.Key(t, 5_000_000+i) }
		one, other := stranger(0), stranger(1)
		digest := func(k *identity.Key, at time.Time) wire.Event {
			return gossiptest.Document(t, k, gossiptest.Replaced, at, 700)
		}
		spammers := []*spammer{
			w.spam(t, 100, "forged", func(i int) []byte { return spoiled(digest(one, time.Now().Add(time.Duration(-i)*time.Second))) }),
			w.spam(t, 101, "garbage", func(i int) []byte { return fmt.Appendf(nil, "garbage %d", i) }),
			w.spam(t, 102, "new keys", func(i int) []byte { return digest(stranger(100+i), time.Now()).Bytes() }),
			w.spam(t, 103, "one author", func(i int) []byte { return digest(other, time.Now().Add(time.Duration(i-5000)*time.Second)).Bytes() }),
			w.spam(t, 104, "ahead", func(i int) []byte { return digest(one, time.Now().Add(time.Hour+time.Duration(i)*time.Second)).Bytes() }),
		}
		var docs []wire.Event
		for i := range 60 {
			pass(time.Second)
			if i < len(w.nodes) {
				docs = append(docs, w.nodes[i].publish(t))
			}
		}
		for _, s := range spammers {
			peers, gray := 0, 0
			for _, n := range w.nodes {
				for _, p := range n.host.Peers() {
					if p.Peer == s.host.ID() {
						peers++
					}
				}
				if n.Score(s.host.ID()) < gossip.Graylist {
					gray++
				}
			}
			t.Logf("%s: graylisted by %d, still connected to %d", s.what, gray, peers)
			if gray+8-peers < 8 {
				t.Errorf("%s: %d of its peers still listen after a minute", s.what, peers-gray)
			}
		}
		pass(5 * time.Second)
		// In the flood of new keys a newcomer's document may be one too many, here
		// and there; sync brings it.
		got, all := w.deliveries(docs), len(docs)*len(w.nodes)
		t.Logf("%d of %d honest deliveries", got, all)
		if got*100 < 97*all {
			t.Errorf("%d of %d honest deliveries", got, all)
		}
		blamed, held := 0, 0
		for _, n := range w.nodes {
			held = max(held, n.set.Len())
			for _, m := range w.nodes {
				if n.Excess(m.host.ID()) > 0 || n.Score(m.host.ID()) < 0 {
					blamed++
				}
			}
		}
		t.Logf("%d documents of strangers held at most", held-len(w.nodes))
		if blamed > 0 {
			t.Errorf("%d times an honest node is blamed for what it passed on", blamed)
		}
		for range manyRounds {
			if w.deliveries(docs) == all {
				break
			}
			pass(cfg.Every)
		}
		if got := w.deliveries(docs); got < all {
			t.Errorf("%d of %d honest deliveries after %d rounds of sync", got, all, manyRounds)
		}
		for _, s := range spammers {
			s.stop()
		}
		w.stop()
	})
	t.Logf("took %s", time.Since(begun))
}
