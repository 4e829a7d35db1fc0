package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// A node says so when it is asked for what it does not do.
func TestRolesThatAreOff(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("client", node.RoleClient)
	boss := c.Boss()
	if code, _ := boss.Code(m, p2p.ProtoQuote, boss.Seal(boss.Offer)); code != "refused" {
		t.Errorf("a quote of no provider: %q", code)
	}
	id := wire.RandomID()
	for _, doc := range []wire.Message{
		wire.RevealRequest{Job: id, Commits: []wire.ID{id}},
		wire.Cancel{Job: id, Shard: -1, Attempt: -1},
		wire.Delegate{
			Job: id, Spec: "{}", Fee: 1, Max: 10, Unit: "credits", Rail: "credit",
			Deadline: time.Now().Add(time.Minute).Unix(),
		},
	} {
		if code, _ := boss.Code(m, p2p.ProtoJob, boss.Seal(doc)); code != "refused" {
			t.Errorf("%T: %q", doc, code)
		}
	}
	if code, _ := boss.Code(m, p2p.ProtoLog, boss.Seal(wire.Progress{Job: id, State: wire.StateLogs})); code != "refused" {
		t.Errorf("output: %q", code)
	}
	if _, err := boss.Ask(m, p2p.ProtoOffer); err == nil {
		t.Error("no provider has an offer")
	}
}

// What a provider is asked on the wrong protocol is malformed, not work.
func TestDocumentsOutOfPlace(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	boss := c.Boss()
	acc := boss.Quoted(m)
	if code, _ := boss.Code(m, p2p.ProtoQuote, boss.Seal(acc)); code != "malformed" {
		t.Errorf("an accept for a quote: %q", code)
	}
	if code, _ := boss.Code(m, p2p.ProtoJob, boss.Seal(boss.Offer)); code != "malformed" {
		t.Errorf("an offer for a job: %q", code)
	}
	if n := len(m.Runner.Started()); n != 0 {
		t.Errorf("%d tasks were run", n)
	}
}

// An aggregator that only ever says that it goes on does not hold its client:
// the job can be cancelled, and nothing is paid.
func TestDelegatedJobIsCancelled(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	busy := c.Peer()
	busy.Host.Handle(p2p.ProtoJob, p2p.StreamLimits{Life: time.Hour, Idle: time.Hour}, func(ctx context.Context, s *p2p.Stream) {
		ev, err := wire.ReadEvent(s.Reader)
		if err != nil {
			return
		}
		d, err := wire.Decode[wire.Delegate](ev)
		if err != nil {
			return
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			said, err := wire.Seal(busy.Key, wire.Progress{Job: d.Job, State: wire.StateRunning}, time.Now())
			if err != nil || wire.WriteEvent(s, said) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	client := c.Add("client", node.RoleClient)
	dir, file := nodetest.Lines(t, 5)
	j, err := client.API().Submit(t.Context(), api.SubmitRequest{
		Spec: fmt.Sprintf(restartSpec, "held", nodetest.Image(t), file) + "aggregator: " + busy.NPub() + "\n", Dir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Predicate(t, 10*time.Second, "it goes on", func() bool {
		now, err := client.API().Job(t.Context(), j.ID)
		return err == nil && now.State == "running"
	})
	if _, err := client.API().Cancel(t.Context(), j.ID, "enough"); err != nil {
		t.Fatal(err)
	}
	if j = client.Wait(j.ID); j.State != "cancelled" {
		t.Errorf("job is %s: %s", j.State, j.Reason)
	}
	if got := paidTo(t, client, busy.NPub()); got != 0 {
		t.Errorf("the aggregator got %d", got)
	}
}
