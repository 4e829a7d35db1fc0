package node

import (
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// TestOpinionsAreASet holds what gossip is given to gossip's own contract.
func TestOpinionsAreASet(t *testing.T) {
	t.Parallel()
	gossiptest.TestSet(t, func(t *testing.T) gossip.Set {
		k, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		book, err := reputation.NewBook(k.PubKey(), store.NewMem(), reputation.Default())
		if err != nil {
			t.Fatal(err)
		}
		return opinions{&Node{trust: book}}
	}, func(t *testing.T, k *identity.Key, at time.Time) wire.Event {
		ev, err := wire.Seal(k, wire.Digest{
			Network: "test", Rows: []wire.Opinion{{Subject: gossiptest.Key(t, 9).PubKey(), Good: 8, Value: 8, Day: uint16(at.Unix() / 86400)}},
		}, at)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	})
}
