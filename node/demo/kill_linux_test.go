package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// testnet is a private network of real nodes with a job on it.
type testnet struct {
	t   *testing.T
	net *devnet.Network
	dir string
	qs  []question

	paid uint64 // by all jobs that are over
}

func newTestnet(t *testing.T, prompts int) *testnet {
	t.Helper()
	dir := devnettest.Dir(t)
	n := &testnet{t: t, net: devnettest.Up(t, devnet.Config{Dir: dir, Providers: 3}), dir: dir, qs: questions(prompts)}
	if err := writeQuestions(filepath.Join(dir, "prompts.jsonl"), n.qs); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *testnet) client(name string) *api.Client {
	n.t.Helper()
	return devnettest.Client(n.t, n.net, name)
}

// submit starts the job of all questions.
func (n *testnet) submit() string {
	n.t.Helper()
	j, err := n.client("client").Submit(n.t.Context(), api.SubmitRequest{Spec: jobSpec(6), Dir: n.dir})
	if err != nil {
		n.t.Fatal(err)
	}
	return j.ID
}

var errSeen = errors.New("seen")

// waitUntil follows the job until some shards are done and not all.
func (n *testnet) waitUntil(id string, shards int) {
	n.t.Helper()
	_, err := n.client("client").Wait(n.t.Context(), id, api.EventQuery{}, func(ev api.Event) error {
		if ev.Shards != nil && ev.Shards.OK >= shards {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		n.t.Fatalf("the job ended before %d shards were done: %v", shards, err)
	}
}

// killAndRestart ends a node with SIGKILL and starts it again as it was.
func (n *testnet) killAndRestart(name string) {
	n.t.Helper()
	devnettest.Kill(n.t, n.net, name)()
}

// await polls a condition for some minutes.
func (n *testnet) await(what string, ok func() bool) {
	n.t.Helper()
	devnettest.Await(n.t, what, ok)
}

// finish waits for the job's end and checks answers and books.
func (n *testnet) finish(id string) api.Job {
	n.t.Helper()
	j := n.ended(id)
	n.paid += j.Cost.Amount
	n.sameBooks()
	return j
}

// untilCaught has more jobs done until the cheater is found in one, and returns
// that one. Others may be so quick that its work is not waited for, and then there
// is nothing to find: it is not paid either, for what it has is always wrong.
func (n *testnet) untilCaught(j api.Job, again func() api.Job) api.Job {
	n.t.Helper()
	for more := 10; len(j.Cheaters) == 0 && more > 0; more-- {
		for _, p := range j.Providers {
			if p.NPub == n.npub("cheater1") && p.Paid > 0 {
				n.t.Fatalf("the cheater is paid and not found: %+v", p)
			}
		}
		n.t.Log("the cheater was not judged: once more")
		j = again()
	}
	if len(j.Cheaters) != 1 || j.Cheaters[0].NPub != n.npub("cheater1") || j.Cheaters[0].PaidForWrong != 0 {
		n.t.Errorf("cheaters %+v", j.Cheaters)
	}
	return j
}

// ended waits for the job's end and checks the answers.
func (n *testnet) ended(id string) api.Job {
	n.t.Helper()
	j, err := n.client("client").Wait(n.t.Context(), id, api.EventQuery{}, func(api.Event) error { return nil })
	if err != nil || j.State != api.JobDone {
		why, _ := n.client("client").Explain(n.t.Context(), id)
		n.t.Fatalf("%v: job is %s: %s\n%+v", err, j.State, j.Reason, why)
	}
	right, faults, err := check(j.Result.Path, n.qs)
	if err != nil || right != len(n.qs) {
		n.t.Errorf("%d of %d right: %q, %v", right, len(n.qs), faults, err)
	}
	return j
}

// allRows is more than any test here pays.
const allRows = 100_000

// sameBooks compares both sides' journals, and with them what the jobs say.
func (n *testnet) sameBooks() {
	n.t.Helper()
	me, _ := n.net.Node("client")
	var total uint64
	mine := map[string]uint64{}
	var payments []api.Payment
	// A job does not wait for a payment whose answer was lost: the journal's
	// reconciler finds it out.
	n.await("every payment is certain", func() bool {
		var err error
		if payments, err = n.client("client").Payments(n.t.Context(), api.PaymentQuery{Max: allRows}); err != nil {
			n.t.Fatal(err)
		}
		return !slices.ContainsFunc(payments, func(p api.Payment) bool {
			return p.State == "held" || p.State == "unknown"
		})
	})
	refs := map[string]bool{}
	for _, p := range payments {
		if p.Direction != "out" || p.State != "captured" {
			continue
		}
		if refs[p.Ref] {
			n.t.Errorf("%s is paid twice", p.Ref)
		}
		refs[p.Ref] = true
		mine[p.Peer] += p.Amount.Amount
		total += p.Amount.Amount
	}
	if total != n.paid {
		n.t.Errorf("the journal has %d, the jobs say they cost %d", total, n.paid)
	}
	for _, node := range n.net.Nodes {
		c, err := node.Client()
		if err != nil {
			n.t.Fatal(err)
		}
		// Who is paid may write it down after who pays knows.
		n.await(fmt.Sprintf("%s says that it received %d", node.Name, mine[node.NPub]), func() bool {
			theirs, err := c.Balances(n.t.Context())
			if err != nil {
				n.t.Fatal(err)
			}
			var received uint64
			for _, b := range theirs {
				if b.Peer == me.NPub {
					received += b.Received
				}
			}
			if received > mine[node.NPub] {
				n.t.Fatalf("%s says that it received %d, the client that it paid %d", node.Name, received, mine[node.NPub])
			}
			return received == mine[node.NPub]
		})
	}
}

// A provider that is killed and comes back: its containers are gone, its
// attempts go on or were given to others, and the books agree.
func TestE2EKilledProviderComesBack(t *testing.T) {
	n := newTestnet(t, 48)
	id := n.submit()
	n.waitUntil(id, 1)
	n.killAndRestart("provider2")
	n.finish(id)
}

// The aggregator is killed in the middle of the job, twice, and goes on with
// it: same result, nothing paid twice.
func TestE2EKilledAggregator(t *testing.T) {
	n := newTestnet(t, 48)
	id := n.submit()
	n.waitUntil(id, 1)
	n.killAndRestart("client")
	n.waitUntil(id, 4)
	n.killAndRestart("client")
	n.finish(id)
}

// A demo killed with SIGKILL leaves processes; the next one removes them and
// leaves nothing.
func TestE2EKilledDemo(t *testing.T) {
	bin := devnettest.Program(t)
	base, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if base, err = filepath.EvalSymlinks(base); err != nil { // as the kernel tells it
		t.Fatal(err)
	}
	var said bytes.Buffer
	demo := func() *exec.Cmd {
		cmd := exec.Command(bin, "demo", "--json")
		cmd.Stdout, cmd.Stderr = &said, &said
		cmd.Env = append(os.Environ(), "TMPDIR="+base, "INFERNET_HOME="+filepath.Join(base, "home"))
		return cmd
	}
	first := demo()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	n := &testnet{t: t}
	n.await("the first demo runs containers", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the first demo ended: %v: %s", err, &said)
		default:
		}
		return below(t, base, "provider1") && mounted(t, base)
	})
	_ = first.Process.Kill()
	<-ended
	said.Reset()
	if err := demo().Run(); err != nil {
		t.Fatalf("second demo: %v: %s", err, &said)
	}
	if below(t, base, "") || mounted(t, base) {
		t.Error("processes or mounts of the demos are left")
	}
}

// below tells whether a process runs whose command line names a path below
// base, and what.
func below(t *testing.T, base, what string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err == nil && bytes.Contains(env, []byte("INFERNET_HOME="+base)) && bytes.Contains(env, []byte(what)) {
			return true
		}
	}
	return false
}

func mounted(t *testing.T, base string) bool {
	t.Helper()
	raw, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(raw, []byte(base))
}
