package gossip

import (
	"time"

	"infernet.tech/infernet/p2p/wire"
)

// topic is one stream of documents of one kind.
type topic struct {
	name string // on a network: /infernet/NETWORK/name
	kind wire.Kind
	// apart is how long after one document of an author the next is passed on. What
	// comes sooner waits for sync.
	apart time.Duration
	// hold is for how long a document is kept before it is passed on, and twice
	// that at most: in it the peers that have it say so, and need not be sent it.
	hold time.Duration
}

func topics() []topic {
	return []topic{
		{name: "rep/1", kind: wire.KindDigest, apart: 20 * time.Hour, hold: 200 * time.Millisecond},
		{name: "fraud/1", kind: wire.KindFraudProof, apart: time.Hour},
	}
}

func topicOf(k wire.Kind) (topic, bool) {
	for _, t := range topics() {
		if t.kind == k {
			return t, true
		}
	}
	return topic{}, false
}

func (t topic) on(network string) string { return "/infernet/" + network + "/" + t.name }

// maxAge is how old a document may be to be passed on; older ones are news to
// nobody but those who were away, and they sync.
const maxAge = 24 * time.Hour

// timely tells whether a document's date suits gossip.
func timely(at int64, now time.Time) bool {
	return at <= now.Add(MaxAhead).Unix() && at >= now.Add(-maxAge).Unix()
}
