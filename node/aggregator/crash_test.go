package aggregator_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
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
	w.finds(watcher)
	first := w.run("undisturbed", adaptive)
	w.right(first)
	writes := w.disk.Writes()
	ids, told := []string{first.ID}, 0
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
		// Who was asked to reveal had committed, whatever the client has kept of it.
		if w.has(id, watcher.ID(), hasCommitted) || wasAsked(watcher, id) {
			disclosed(t, watcher, id)
			told++
		}
		ids = append(ids, id)
	}
	t.Logf("stopped %d times within %d writes; the watcher was told of %d jobs", len(ids)-1, writes, told)
	if told == 0 {
		t.Error("the watcher committed in none of the jobs")
	}
	w.books(ids...)
}

// wasAsked reports whether a liar was asked to reveal anything of a job.
func wasAsked(l *nodetest.Liar, id string) bool {
	return slices.ContainsFunc(l.Works(), func(a *nodetest.Work) bool {
		return a.Accept.Job.String() == id && !a.Asked.ID.IsZero()
	})
}

// Payments that are held back survive the end of their node.
func TestHeldPaymentsSurvive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 150)
	for i := range 3 {
		w.Add([]string{"one", "two", "three"}[i], node.RoleProvider, slowed(30*time.Millisecond))
	}
	w.right(w.run("makes-a-record", adaptive))
	w.held.stopAt(3) // not a word more is written then
	for round := 0; !w.disk.Refuses(); round++ {
		if round == tries {
			t.Fatal("three at once were never held back")
		}
		id := w.trySubmit(fmt.Sprintf("held-%d", round), adaptive)
		nodetest.Predicate(t, 30*time.Second, "payments are held back, or the job is done", func() bool {
			return w.disk.Refuses() || id != "" && w.stored(id).State.Terminal()
		})
	}
	w.held.stopAt(0)
	w.client.StopAnyway()
	w.disk.After(-1)
	w.client.Start()
	ids := w.all()
	for _, id := range ids {
		w.right(w.client.Wait(id))
		w.noneHeld(id)
	}
	w.books(ids...)
}

// noneHeld wants every payment of a job that has ended made or given up.
func (w *world) noneHeld(id string) {
	w.t.Helper()
	claimed := 0
	for _, sh := range w.stored(id).Shards {
		if sh.Label == job.LabelClaimed {
			claimed++
		}
		for _, a := range sh.Attempts {
			if a.Held || a.State == job.AttemptOK {
				w.t.Errorf("shard %d: attempt %d is %s at the end, held %v", sh.Index, a.N, a.State, a.Held)
			}
		}
	}
	w.t.Logf("%d of %d shards are claims", claimed, len(w.stored(id).Shards))
}

// holding is a store that counts the shards with a payment that is held back, and
// stops the machine at the write that makes them too many.
type holding struct {
	*nodetest.Crash
	mu    sync.Mutex
	now   map[string]bool // keys of shards
	limit int             // 0: none
}

type holdingTxn struct {
	store.Txn
	h *holding
}

func (h *holding) stopAt(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit = n
}

// Update implements store.Store.
func (h *holding) Update(fn func(store.Txn) error) error {
	if err := h.Crash.Update(func(tx store.Txn) error { return fn(holdingTxn{tx, h}) }); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.limit > 0 && len(h.now) >= h.limit {
		h.Crash.After(0)
	}
	return nil
}

func (t holdingTxn) Set(key, value []byte) error {
	if bytes.HasPrefix(key, []byte("jobs/shard/")) {
		t.h.mu.Lock()
		defer t.h.mu.Unlock()
		if delete(t.h.now, string(key)); bytes.Contains(value, []byte(`"held":true`)) {
			t.h.now[string(key)] = true
		}
	}
	return t.Txn.Set(key, value)
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
	w.finds(watcher)
	id := ""
	for round := 0; id == "" || !w.has(id, watcher.ID(), hasCommitted); round++ {
		if round == tries {
			t.Fatal("the watcher never committed to anything")
		}
		id = w.submit(fmt.Sprintf("undisclosed-%d", round), adaptive)
		w.right(w.client.Wait(id))
	}
	nodetest.Predicate(t, 10*time.Second, "one is left to be told", func() bool { return w.untold() == 1 })
	w.client.Stop()
	deaf.Store(false)
	w.client.Start()
	disclosed(t, watcher, id)
	nodetest.Predicate(t, 10*time.Second, "nobody is left", func() bool { return w.untold() == 0 })
}

// atOnce does something with all of them, side by side: who is the only one that is
// gone for long is missed.
func atOnce(members []*nodetest.Member, do func(*nodetest.Member)) {
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() { do(m) })
	}
	wg.Wait()
}

// A node that has lost its network blames nobody for it, however long it takes:
// its job goes on when the others are there again.
func TestOwnNetworkDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	open := make(chan struct{})
	var providers []*nodetest.Member
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
	others := append(providers, w.Nodes["relay"])
	atOnce(others, (*nodetest.Member).Stop)
	nodetest.Predicate(t, 20*time.Second, "the clocks of attempts stand still", func() bool { return !w.stored(id).Offline.IsZero() })
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
	atOnce(others, (*nodetest.Member).Start)
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
