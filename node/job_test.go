package node_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

const spec = `
name: %s
kind: batch
task: {image: %s}
inputs: [{path: %s}]
split: {by: lines, size: 10}
merge: {by: concat}
resources: {cpu: 1, memory: 64MiB}
verify: {mode: quorum, replicas: 2, agree: 2, compare: exact}
payment: {rail: credit, max: 1000}
timeouts: {shard: 30s, job: 10m}
`

func cheat(m *nodetest.Member) { m.Config.Provider.Cheat = "wrong" }

// The main job with one cheater among four: the answer is right, the cheater
// is named and unpaid, and the two sides' books agree.
func TestQuorumJobCatchesTheCheater(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	for i := range 3 {
		c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider)
	}
	liar := c.Add("cheater", node.RoleProvider, cheat)
	client := c.Add("client", node.RoleClient)

	dir, name := nodetest.Lines(t, 100)
	j, _ := cheated(t, client, liar, fmt.Sprintf(spec, "upper", nodetest.Image(t), name), dir)
	if j.State != "done" {
		t.Fatalf("job is %s: %s %s", j.State, j.Reason, j.Hint)
	}
	got, err := os.ReadFile(j.Result.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.ReadFile(dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ToUpper(string(in)); string(got) != want {
		t.Errorf("result is %d bytes, want %d: %.80q", len(got), len(want), got)
	}
	if j.Shards.Total != 10 || j.Shards.OK != 10 {
		t.Errorf("shards: %+v", j.Shards)
	}
	if len(j.Cheaters) != 1 || j.Cheaters[0].NPub != liar.NPub() || j.Cheaters[0].PaidForWrong != 0 {
		t.Errorf("cheaters: %+v, want %s alone", j.Cheaters, liar.NPub())
	}
	var paid uint64
	for _, p := range j.Providers {
		paid += p.Paid
	}
	if paid != j.Cost.Amount || paid != 200 {
		t.Errorf("providers got %d, the job cost %d, want 200: each line twice", paid, j.Cost.Amount)
	}
	sameBooks(t, c, client)
	wholeReceipts(t, j.ID[:12], client)
	for _, m := range c.Nodes {
		if slices.ContainsFunc(j.Providers, func(p api.ProviderShare) bool { return p.NPub == m.NPub() && p.Paid > 0 }) {
			wholeReceipts(t, j.ID[:12], m)
		}
	}
}

// cheated runs a job until the liar had a part in it, and tells how often: who has
// no quote in a second or two, and who is not drawn, is given nothing.
func cheated(t *testing.T, client, liar *nodetest.Member, text, dir string) (j api.Job, runs uint64) {
	t.Helper()
	nodetest.Predicate(t, 18*time.Second, "the cheater was given work", func() bool {
		j = client.Run(text, dir)
		runs++
		return j.State != "done" || len(liar.Runner.Started()) > 0
	})
	return j, runs
}

// sameBooks compares what the client says it paid with what each provider says
// it received.
func sameBooks(t *testing.T, c *nodetest.Cluster, client *nodetest.Member) {
	t.Helper()
	mine, err := client.API().Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	paid := map[string]uint64{}
	for _, b := range mine {
		paid[b.Peer] = b.Paid
	}
	for _, m := range c.Nodes {
		theirs, err := m.API().Balances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range theirs {
			if b.Peer == client.NPub() && b.Received != paid[m.NPub()] {
				t.Errorf("%s received %d by its book, the client paid %d by its own", m.Name, b.Received, paid[m.NPub()])
			}
		}
	}
}

// A job handed to another node: the client pays that node once, checks the
// providers' signatures, and merges the result itself.
func TestDelegatedJob(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	for i := range 3 {
		c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider)
	}
	agg := c.Add("aggregator", node.RoleAggregator)
	client := c.Add("client", node.RoleClient)
	dir, name := nodetest.Lines(t, 40)
	j := client.Run(fmt.Sprintf(spec, "handed", nodetest.Image(t), name)+"aggregator: "+agg.NPub()+"\n", dir)
	if j.State != "done" {
		t.Fatalf("job is %s: %s %s", j.State, j.Reason, j.Hint)
	}
	if j.Aggregator != agg.NPub() {
		t.Errorf("aggregator %q", j.Aggregator)
	}
	got, err := os.ReadFile(j.Result.Path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "\n"); n != 40 || !strings.HasPrefix(string(got), "LINE 0\n") {
		t.Errorf("result has %d lines: %.40q", n, got)
	}
	// 40 lines twice, and a fee for each of 4 shards.
	if j.Cost.Amount != 84 {
		t.Errorf("cost %d, want 84", j.Cost.Amount)
	}
	balances, err := client.API().Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(balances) != 1 || balances[0].Peer != agg.NPub() || balances[0].Paid != 84 {
		t.Errorf("the client's book: %+v", balances)
	}
	sameBooks(t, c, client)
	sameBooks(t, c, agg)
}
