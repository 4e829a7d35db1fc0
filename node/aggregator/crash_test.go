package aggregator_test

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/wire"
)

// slowed makes a member's tasks take that long.
func slowed(d time.Duration) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Runner.Program = func(ctx context.Context, task exec.Task, s exec.Streams) exec.Result {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			return nodetest.Upper(ctx, task, s)
		}
	}
}

// books holds what the client paid, by its own book, against the job's receipts
// and what each provider says it got.
func (w *world) books(ids ...string) {
	w.t.Helper()
	owed := map[string]uint64{}
	for _, id := range ids {
		var sum uint64
		seen := map[[2]uint32]bool{}
		for _, sh := range w.stored(id).Shards {
			for _, a := range sh.Attempts {
				if !a.Paid {
					continue
				}
				if seen[[2]uint32{sh.Index, a.Wire}] {
					w.t.Errorf("shard %d: two attempts have the number %d", sh.Index, a.Wire)
				}
				seen[[2]uint32{sh.Index, a.Wire}] = true
				owed[a.Provider.String()] += a.Amount.Value
				sum += a.Amount.Value
			}
		}
		if spent := w.stored(id).Spent.Value; spent != sum {
			w.t.Errorf("the job says it spent %d, its attempts %d", spent, sum)
		}
	}
	for npub, want := range owed {
		if got := w.paid(npub); got != want {
			w.t.Errorf("%s was paid %d by the book, %d by the jobs", npub, got, want)
		}
	}
	for _, m := range w.Nodes {
		balances, err := m.API().Balances(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range balances {
			if b.Peer == w.client.NPub() && b.Received != owed[m.NPub()] {
				w.t.Errorf("%s received %d, the jobs paid it %d", m.Name, b.Received, owed[m.NPub()])
			}
		}
	}
}

// A machine that stops at any of its writes, in the middle of a job whose
// results are held back, audited and paid, goes on with it: the result is right,
// everybody is paid once, and everybody is told of the audits.
func TestStopsAtAnyWrite(t *testing.T) {
	t.Parallel()
	step := 23 // of about 200 writes
	if os.Getenv("INFERNET_LONG") != "" {
		step = 1
	}
	w := newWorld(t, 20)
	w.honest(2)
	watcher := w.Liar(nodetest.Script{Slots: 4})
	first := w.run("undisturbed", adaptive)
	w.right(first)
	writes := w.disk.Writes()
	ids := []string{first.ID}
	for at := 3; at < writes+step; at += step {
		w.disk.After(at)
		id := w.trySubmit("stops", adaptive)
		nodetest.Predicate(t, 30*time.Second, "the machine has stopped, or the job is done", func() bool {
			return w.disk.Refuses() || id != "" && w.stored(id).State.Terminal()
		})
		w.disk.After(0)
		w.client.StopAnyway()
		w.disk.After(-1)
		w.client.Start()
		if id == "" {
			continue // it stopped before it had taken the job
		}
		j := w.client.Wait(id)
		w.right(j)
		disclosed(t, watcher, id)
		ids = append(ids, id)
	}
	t.Logf("stopped %d times within %d writes", len(ids)-1, writes)
	w.books(ids...)
}

// Payments that are held back survive the end of their node.
func TestHeldPaymentsSurvive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 150)
	for i := range 3 {
		w.Add([]string{"one", "two", "three"}[i], node.RoleProvider, slowed(30*time.Millisecond))
	}
	first := w.submit("makes-a-record", adaptive)
	w.right(w.client.Wait(first))
	second := w.submit("held", adaptive)
	held := 0
	nodetest.Predicate(t, 30*time.Second, "payments are held back", func() bool {
		held = 0
		for _, sh := range w.stored(second).Shards {
			for _, a := range sh.Attempts {
				if a.Held {
					held++
				}
			}
		}
		return held >= 3 || w.stored(second).State.Terminal()
	})
	if held == 0 {
		t.Fatal("nothing was ever held back")
	}
	w.disk.After(0) // not a word more is written
	w.client.StopAnyway()
	w.disk.After(-1)
	w.client.Start()
	w.right(w.client.Wait(second))
	claimed := 0
	for _, sh := range w.stored(second).Shards {
		if sh.Label == job.LabelClaimed {
			claimed++
		}
		for _, a := range sh.Attempts {
			if a.Held || a.State == job.AttemptOK {
				t.Errorf("shard %d: attempt %d is %s at the end, held %v", sh.Index, a.N, a.State, a.Held)
			}
		}
	}
	t.Logf("%d were held, %d of %d shards are claims", held, claimed, len(w.stored(second).Shards))
	w.books(first, second)
}

// A provider that does not hear of its audits at the job's end is told later,
// even by a node that was restarted meanwhile.
func TestDisclosedAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	var deaf atomic.Bool
	deaf.Store(true)
	watcher := w.Liar(nodetest.Script{Deaf: &deaf})
	w.honest(2)
	id := w.submit("undisclosed", adaptive)
	w.right(w.client.Wait(id))
	nodetest.Predicate(t, 10*time.Second, "one is left to be told", func() bool { return w.untold() == 1 })
	w.client.Stop()
	deaf.Store(false)
	w.client.Start()
	disclosed(t, watcher, id)
	nodetest.Predicate(t, 10*time.Second, "nobody is left", func() bool { return w.untold() == 0 })
}

// A node that has lost its network blames nobody for it, however long it takes:
// its job goes on when the others are there again.
func TestOwnNetworkDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	open := make(chan struct{})
	providers := w.honest(0)
	for i := range 3 {
		providers = append(providers, w.Add([]string{"a", "b", "c"}[i], node.RoleProvider, func(m *nodetest.Member) {
			m.Runner.Program = func(ctx context.Context, task exec.Task, s exec.Streams) exec.Result {
				select {
				case <-open:
				case <-ctx.Done():
				}
				return nodetest.Upper(ctx, task, s)
			}
		}))
	}
	id := w.submit("cut-off", adaptive)
	nodetest.Predicate(t, 20*time.Second, "tasks run", func() bool {
		return w.stored(id).State == job.StateRunning
	})
	for _, p := range append(providers, w.Nodes["relay"]) {
		p.Stop()
	}
	// Longer than a provider may be gone while the network is there.
	nodetest.Invariant(t, 16*time.Second, "no attempt is lost", func() bool {
		for _, sh := range w.stored(id).Shards {
			for _, a := range sh.Attempts {
				if a.State == job.AttemptLost {
					return false
				}
			}
		}
		return true
	})
	close(open)
	for _, p := range append(providers, w.Nodes["relay"]) {
		p.Start()
	}
	w.right(w.client.Wait(id))
	for _, sh := range w.stored(id).Shards {
		for _, a := range sh.Attempts {
			if a.Fault || a.Blame == wire.BlameProvider {
				t.Errorf("shard %d: attempt %d is blamed: %s %q", sh.Index, a.N, a.Reason.Code, a.Reason.Text)
			}
		}
	}
	records, err := w.client.API().Receipts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Verdict != "ok" {
			t.Errorf("a receipt says %s of %s", r.Verdict, r.Provider)
		}
	}
}
