package demo

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// verified is the job's description with other words about verification, or none.
func verified(verify string) string {
	var kept []string
	for line := range strings.Lines(jobSpec(3)) {
		if !strings.HasPrefix(line, "verify:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + verify
}

// judged starts a job of all questions that is so verified.
func (n *testnet) judged(verify string) string {
	n.t.Helper()
	spec := verified(verify)
	j, err := n.client("client").Submit(n.t.Context(), api.SubmitRequest{Spec: spec, Dir: n.dir})
	if err != nil {
		n.t.Fatal(err)
	}
	return j.ID
}

// npub is the name by which others know a node.
func (n *testnet) npub(name string) string {
	n.t.Helper()
	node, ok := n.net.Node(name)
	if !ok {
		n.t.Fatalf("there is no node %s", name)
	}
	return node.NPub
}

// trustnet is a network with one cheater and one judge.
func trustnet(t *testing.T, providers, prompts int) *testnet {
	t.Helper()
	dir := devnettest.Dir(t)
	n := &testnet{t: t, dir: dir, qs: questions(prompts)}
	n.net = devnettest.Up(t, devnet.Config{Dir: dir, Providers: providers, Cheaters: 1, Validators: 1})
	if err := writeQuestions(filepath.Join(dir, "prompts.jsonl"), n.qs); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestE2ETrust: a job that says nothing of verification, in a network with a
// cheater, ends with right answers only, and its receipts hold without any node.
func TestE2ETrust(t *testing.T) {
	n := trustnet(t, 3, 36)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var e api.Estimate
	n.await("all providers quote in time", func() bool {
		var err error
		if e, err = n.client("client").Estimate(ctx, api.SubmitRequest{Spec: verified(""), Dir: n.dir}); err != nil {
			t.Fatal(err)
		}
		return e.Candidates == 4
	})
	if e.Shards != 12 || e.Cost.Low == 0 || e.Cost.Expected < e.Cost.Low || e.Cost.High < e.Cost.Expected || e.Overhead <= 0 {
		t.Errorf("estimate %+v", e)
	}
	j := n.finish(n.judged(""))
	if j.Cost.Amount < e.Cost.Low || j.Cost.Amount > e.Cost.High {
		t.Errorf("it cost %d, the estimate was %d to %d", j.Cost.Amount, e.Cost.Low, e.Cost.High)
	}
	cheater := n.npub("cheater1")
	j = n.untilCaught(j, func() api.Job { return n.finish(n.judged("")) })
	n.receiptsHold(ctx, j.ID)
	reps, err := n.client("client").Reputations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reps {
		if (r.Bad > 0) != (r.NPub == cheater) {
			t.Errorf("%s: %+v", r.NPub, r)
		}
	}
}

// receiptsHold checks every receipt of a job with the program and no node, and
// that it refuses one that was touched.
func (n *testnet) receiptsHold(ctx context.Context, id string) {
	n.t.Helper()
	bin := devnettest.Program(n.t)
	// Disclosures go out once the job has ended.
	var all []api.Receipt
	n.await("the lottery is disclosed", func() bool {
		var err error
		if all, err = n.client("client").Bundles(ctx, id); err != nil {
			n.t.Fatal(err)
		}
		for _, r := range all {
			if !strings.Contains(string(r.Doc), `"disclosure"`) {
				return false
			}
		}
		return len(all) > 0
	})
	dir, drawn := n.t.TempDir(), 0
	for i, r := range all {
		path := filepath.Join(dir, "receipt.json")
		if err := os.WriteFile(path, r.Doc, 0o600); err != nil {
			n.t.Fatal(err)
		}
		out, err := offline(ctx, bin, dir, path)
		if err != nil {
			n.t.Fatalf("receipt %d: %v\n%s", i, err, out)
		}
		var v struct {
			Receipts []struct {
				Lottery *struct{ Audited, Said bool } `json:"lottery"`
			} `json:"receipts"`
		}
		if err := json.Unmarshal(out, &v); err != nil {
			n.t.Fatalf("%v: %s", err, out)
		}
		for _, x := range v.Receipts {
			if x.Lottery == nil {
				continue
			}
			if drawn++; x.Lottery.Audited != x.Lottery.Said {
				n.t.Errorf("receipt %d: the lottery was not what was said of it: %s", i, out)
			}
		}
		bad := strings.Replace(string(r.Doc), `"seq"`, `"sEq"`, 1)
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			n.t.Fatal(err)
		}
		if out, err := offline(ctx, bin, dir, path); err == nil {
			n.t.Fatalf("a receipt that was touched is taken: %s", out)
		}
	}
	if drawn == 0 {
		n.t.Errorf("no lottery was replayed in %d receipts", len(all))
	}
}

func offline(ctx context.Context, bin, home, path string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, bin, "receipt", "verify", "--json", path)
	cmd.Env = append(os.Environ(), "INFERNET_HOME="+filepath.Join(home, "none"))
	return cmd.Output()
}

// TestE2EValidator: of three providers one cheats. The validator's word decides,
// and it is paid its price.
func TestE2EValidator(t *testing.T) {
	n := trustnet(t, 2, 12)
	judge, cheater := n.npub("validator1"), n.npub("cheater1")
	paid := map[string]uint64{}
	run := func() api.Job {
		j := n.finish(n.judged("verify: {mode: quorum, replicas: 2, agree: 2}\n"))
		for _, p := range j.Providers {
			paid[p.NPub] += p.Paid
		}
		return j
	}
	j := n.untilCaught(run(), run)
	if paid[cheater] != 0 || paid[judge] == 0 {
		t.Errorf("paid %v", paid)
	}
	disputed := false
	for shard := range j.Shards.Total {
		if ev, err := n.client("client").Evidence(t.Context(), j.ID, shard); err == nil {
			disputed = disputed || len(ev.Accused) == 1 && ev.Accused[0] == cheater && len(ev.Results) >= 2
		}
	}
	if !disputed {
		t.Error("no evidence of any dispute is kept")
	}
}
