package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

const restartSpec = `
name: %s
kind: batch
task: {image: %s}
inputs: [{path: %s}]
split: {by: lines, size: 5}
merge: {by: concat}
resources: {cpu: 1, memory: 64MiB}
verify: {mode: quorum, replicas: 2, agree: 2, compare: exact}
payment: {rail: credit, max: 1000}
timeouts: {shard: 2m, fetch: 1m, job: 10m}
`

const (
	restartLines = 40
	restartCost  = 2 * restartLines // each line twice, at a credit each
)

// crew is a client and its providers, whose tasks are slowed.
type crew struct {
	*nodetest.Cluster
	client    *nodetest.Member
	providers []*nodetest.Member
	image     string
	dir, file string
}

func newCrew(t *testing.T, slow func(*nodetest.Member)) *crew {
	t.Helper()
	c := &crew{Cluster: nodetest.New(t), image: nodetest.Image(t)}
	for i := range 3 {
		c.providers = append(c.providers, c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider, slow))
	}
	c.client = c.Add("client", node.RoleClient)
	c.dir, c.file = nodetest.Lines(t, restartLines)
	return c
}

func (c *crew) submit(t *testing.T, name string) string {
	t.Helper()
	j, err := c.client.API().Submit(t.Context(), api.SubmitRequest{
		Spec: fmt.Sprintf(restartSpec, name, c.image, c.file), Dir: c.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	return j.ID
}

// ended waits for a job and holds that it went as if nothing had happened.
func (c *crew) ended(t *testing.T, id string) {
	t.Helper()
	j := c.client.Wait(id)
	if j.State != "done" {
		t.Log(c.client.History(id))
	}
	rightResult(t, j, c.dir, c.file)
	var paid uint64
	for _, p := range j.Providers {
		paid += p.Paid
	}
	if j.Cost.Amount != restartCost || paid != restartCost {
		t.Errorf("the job cost %d and providers got %d, want %d of both", j.Cost.Amount, paid, restartCost)
	}
	sameBooks(t, c.Cluster, c.client)
}

// started counts the tasks that were started on any provider.
func (c *crew) started() (n int) {
	for _, p := range c.providers {
		n += len(p.Runner.Started())
	}
	return n
}

// A client's node that is gone in the middle of its job goes on with it.
func TestAggregatorRestarts(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	c := newCrew(t, gated(open))
	id := c.submit(t, "aggregator-gone")
	nodetest.Predicate(t, 15*time.Second, "tasks run", func() bool { return c.started() >= 6 })
	c.client.Stop()
	close(open) // commits come while nobody listens
	c.client.Start()
	c.ended(t, id)
}

// A provider that is gone in the middle of its tasks does them again.
func TestProviderRestarts(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	c := newCrew(t, gated(open))
	id := c.submit(t, "provider-gone")
	nodetest.Predicate(t, 15*time.Second, "tasks run", func() bool { return c.started() >= 6 })
	gone := c.providers[slices.IndexFunc(c.providers, func(p *nodetest.Member) bool { return len(p.Runner.Started()) > 0 })]
	gone.Stop()
	if n := gone.Runner.Live(); n != 0 {
		t.Errorf("%d tasks outlive their node", n)
	}
	close(open)
	gone.Start()
	c.ended(t, id)
}

// Nodes stop and start again at any point of a job.
func TestRestartsAnywhere(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	c := newCrew(t, func(m *nodetest.Member) {
		m.Runner.Program = func(ctx context.Context, task exec.Task, s exec.Streams) exec.Result {
			timer := time.NewTimer(60 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			return nodetest.Upper(ctx, task, s)
		}
	})
	rounds := 4
	if os.Getenv("INFERNET_LONG") != "" {
		rounds = 30
	}
	for round := range rounds {
		id := c.submit(t, fmt.Sprintf("round-%d", round))
		victim := c.client
		if n := draw.IntN(4); n < 3 {
			victim = c.providers[n]
		}
		after := time.Duration(draw.IntN(600)) * time.Millisecond
		t.Logf("round %d: %s stops after %v", round, victim.Name, after)
		<-time.After(after)
		victim.Stop()
		victim.Start()
		c.ended(t, id)
	}
}
