package gossiptest_test

import (
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func TestSet(t *testing.T) {
	t.Parallel()
	gossiptest.TestSet(t, func(*testing.T) gossip.Set { return &gossiptest.Set{} },
		func(t *testing.T, k *identity.Key, at time.Time) wire.Event {
			return gossiptest.Document(t, k, gossiptest.Replaced, at, 600)
		})
}
