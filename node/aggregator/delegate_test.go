package aggregator_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

// errandWorld is a world whose client gives its jobs to an aggregator. Tasks wait
// until the gate is open.
type errandWorld struct {
	*world
	agg   *nodetest.Member
	books *nodetest.Crash // of the aggregator
	gate  chan struct{}
	once  sync.Once
}

func newErrandWorld(t *testing.T, lines int) *errandWorld {
	t.Helper()
	w := &errandWorld{world: newWorld(t, lines), books: nodetest.NewCrash(), gate: make(chan struct{})}
	w.agg = w.Add("aggregator", node.RoleAggregator, nodetest.With(node.WithStore(w.books)))
	for _, name := range []string{"one", "two", "three"} {
		w.Add(name, node.RoleProvider, func(m *nodetest.Member) {
			m.Runner.Program = func(ctx context.Context, task exec.Task, s exec.Streams) exec.Result {
				select {
				case <-w.gate:
				case <-ctx.Done():
				}
				return nodetest.Upper(ctx, task, s)
			}
		})
	}
	return w
}

func (w *errandWorld) open() { w.once.Do(func() { close(w.gate) }) }

func (w *errandWorld) hand(name string) string {
	w.t.Helper()
	return w.submit(name, "aggregator: "+w.agg.NPub()+"\nverify: {mode: quorum}")
}

// here is a job as a member has it; the zero value where it is not known.
func (w *errandWorld) here(m *nodetest.Member, id string) api.Job {
	j, err := m.API().Job(w.t.Context(), id)
	if err != nil {
		return api.Job{}
	}
	return j
}

func (w *errandWorld) becomes(m *nodetest.Member, id, state string) {
	w.t.Helper()
	nodetest.Predicate(w.t, 30*time.Second, "the job is "+state+" at "+m.Name, func() bool { return w.here(m, id).State == state })
}

// billed is the state and the amount of what the aggregator expects for a job.
func (w *errandWorld) billed(id string) (state string, amount uint64) {
	w.t.Helper()
	all, err := w.agg.API().Payments(w.t.Context(), api.PaymentQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, p := range all {
		if p.Direction == "in" && strings.HasPrefix(p.Ref, id) {
			state, amount, n = p.State, p.Amount.Amount, n+1
		}
	}
	if n > 1 {
		w.t.Errorf("job %s is billed %d times", id, n)
	}
	return state, amount
}

// settledAs holds what both sides say of a job's money against each other.
func (w *errandWorld) settledAs(id string, want uint64) {
	w.t.Helper()
	nodetest.Predicate(w.t, 30*time.Second, "the bill is paid", func() bool {
		state, _ := w.billed(id)
		return want == 0 && state == "" || state == "captured"
	})
	if _, got := w.billed(id); got != want {
		w.t.Errorf("the aggregator got %d, want %d", got, want)
	}
	if j := w.here(w.client, id); j.Cost.Amount != want {
		w.t.Errorf("the client says it paid %d, want %d", j.Cost.Amount, want)
	}
}

// A job is billed at its end, whether its client is there or not, and once.
func TestClientThatGoesAwayIsBilled(t *testing.T) {
	t.Parallel()
	w := newErrandWorld(t, 20)
	id := w.hand("left-behind")
	w.becomes(w.agg, id, "running")
	w.client.Stop()
	w.open()
	w.becomes(w.agg, id, "done")
	const cost = 2*20 + 4 // every line twice, and a fee for each of 4 shards
	nodetest.Predicate(t, 10*time.Second, "it is billed", func() bool { s, n := w.billed(id); return s == "quoted" && n == cost })
	w.agg.Stop() // which changes nothing
	w.agg.Start()
	if s, n := w.billed(id); s != "quoted" || n != cost {
		t.Errorf("after a restart the bill is %q of %d", s, n)
	}
	w.client.Start()
	w.right(w.client.Wait(id))
	w.settledAs(id, cost)
	receipts, err := w.client.API().Receipts(t.Context(), id)
	if err != nil || len(receipts) != 8 {
		t.Errorf("the client keeps %d receipts, want 8: %v", len(receipts), err)
	}
}

// An aggregator that stops at any of its writes bills each job once, for what the
// client has receipts of.
func TestAggregatorStopsAtAnyWrite(t *testing.T) {
	t.Parallel()
	step := 19 // of about 100 writes
	if os.Getenv("INFERNET_LONG") != "" {
		step = 1
	}
	w := newErrandWorld(t, 10)
	w.open()
	first := w.hand("undisturbed")
	w.right(w.client.Wait(first))
	const cost = 2*10 + 2
	w.settledAs(first, cost)
	writes, stops := w.books.Writes(), 0
	for at := 2; at < writes+step; at += step {
		w.books.After(at)
		id := w.hand("stops")
		nodetest.Predicate(t, 30*time.Second, "the machine has stopped, or the job is done", func() bool {
			return w.books.Refuses() || w.here(w.client, id).State == "done"
		})
		w.books.After(0)
		w.agg.StopAnyway()
		w.books.After(-1)
		w.agg.Start()
		stops++
		w.right(w.client.Wait(id))
		w.settledAs(id, cost)
	}
	t.Logf("stopped %d times within %d writes", stops, writes)
}

// An aggregator that cannot write a job down does not refuse it: it is asked again
// until it can.
func TestAggregatorThatCannotWriteIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := newErrandWorld(t, 10)
	w.open()
	w.books.After(0)
	id := w.hand("not-now")
	nodetest.Predicate(t, 30*time.Second, "it was asked, and could not", func() bool { return w.books.Refused() > 0 })
	w.books.After(-1)
	w.right(w.client.Wait(id))
	w.settledAs(id, 2*10+2)
}

// A wish to cancel reaches the aggregator, even one that is away at the time, and
// the client after it has been restarted.
func TestCancelReachesTheAggregator(t *testing.T) {
	t.Parallel()
	w := newErrandWorld(t, 20)
	cancel := func(id string) {
		if _, err := w.client.API().Cancel(t.Context(), id, "enough"); err != nil {
			t.Fatal(err)
		}
	}
	id := w.hand("cancelled")
	w.becomes(w.agg, id, "running")
	cancel(id)
	w.becomes(w.agg, id, "cancelled")
	if j := w.client.Wait(id); j.State != "cancelled" || j.Reason != "enough" {
		t.Errorf("job is %s: %q", j.State, j.Reason)
	}
	w.settledAs(id, 0)

	id = w.hand("cancelled-while-away")
	w.becomes(w.agg, id, "running")
	w.agg.Stop()
	cancel(id)
	w.becomes(w.client, id, "cancelled") // nobody is kept waiting
	w.client.Stop()
	w.agg.Start()
	w.becomes(w.agg, id, "running")
	w.client.Start()
	w.becomes(w.agg, id, "cancelled")
	w.settledAs(id, 0)
}

// What was done before a cancel is paid for, and an end that the aggregator puts
// to a job is the client's too.
func TestEndsAreTheSameOnBothSides(t *testing.T) {
	t.Parallel()
	w := newErrandWorld(t, 20)
	id := w.hand("ended-there")
	w.becomes(w.agg, id, "running")
	if _, err := w.agg.API().Cancel(t.Context(), id, "closing time"); err != nil {
		t.Fatal(err)
	}
	j := w.client.Wait(id)
	if j.State != "cancelled" || !strings.Contains(j.Reason, "closing time") {
		t.Errorf("job is %s: %q", j.State, j.Reason)
	}
	w.settledAs(id, 0)
}
