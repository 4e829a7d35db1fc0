package node_test

import (
	"testing"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// Two that give an honest provider work under one name get no proof of a fraud
// from it.
func TestWorkOfTwoUnderOneNameFramesNobody(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	one, other := c.Boss(), c.Boss()
	other.Offer.Job = one.Offer.Job
	var docs []wire.Event
	for _, boss := range []*nodetest.Boss{one, other} {
		ev, code := boss.Committed(m, boss.Quoted(m))
		if code != "" {
			t.Fatalf("refused: %s", code)
		}
		docs = append(docs, ev)
		// What was expected for the first is free then, and the second may ask.
		cancel := wire.Cancel{Job: boss.Offer.Job, Shard: -1, Attempt: -1}
		if _, err := boss.Ask(m, p2p.ProtoJob, boss.Seal(cancel)); err == nil {
			t.Error("a cancel is answered")
		}
	}
	if docs[0].ID == docs[1].ID {
		t.Fatal("one commit for two")
	}
	if wire.Contradiction(docs[0].PubKey, wire.FaultTwoCommits, docs) == nil {
		t.Error("an honest provider's commits are proof of a fraud")
	}
}
