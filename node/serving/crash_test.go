package serving_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

var errCrash = errors.New("the process was killed")

// crashing is a store of a process that dies at a chosen write: before it, or
// after it reached the disk but before anyone heard so.
type crashing struct {
	store.Store
	mu    sync.Mutex
	left  int // writes until death; below zero it does not come
	after bool
	dead  bool
}

func (c *crashing) View(fn func(store.Reader) error) error {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if dead {
		return errCrash
	}
	return c.Store.View(fn)
}

func (c *crashing) Update(fn func(store.Txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.dead:
		return errCrash
	case c.left != 0:
		c.left--
		return c.Store.Update(fn)
	}
	c.dead = true
	if c.after {
		if err := c.Store.Update(fn); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashing) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// TestCrashes kills the provider at every one of its writes, before and after
// they reach the disk, restarts it and goes on. In the end everything that was
// used is paid, once, and both books agree.
func TestCrashes(t *testing.T) {
	t.Parallel()
	pool := newPool(t, &servingtest.Engine{}, 4, 4)
	for _, after := range []bool{false, true} {
		crashed := true
		for write := 0; crashed && write < 60; write++ {
			crashed = crashAt(t, pool, write, after)
		}
		if crashed {
			t.Error("the scenario never came to its end without a crash")
		}
	}
}

func crashAt(t *testing.T, pool Pool, write int, after bool) (crashed bool) {
	t.Helper()
	r := newRig(t, pool)
	dying := &crashing{Store: r.disk, left: write, after: after}
	r.start(dying)
	restart := func() {
		if dying.gone() && !crashed {
			crashed = true
			r.start(r.disk)
		}
	}
	c := r.client()
	name := fmt.Sprintf("write %d, after %v", write, after)
	tries(t, name, restart, func() bool { _, _, err := c.lease(1000, 200); return err == nil })
	var receipts []wire.Event
	for range 3 {
		for range 3 {
			tries(t, name, restart, func() bool {
				resp, _ := c.ask(chat("one two three", ""))
				return resp.StatusCode == http.StatusOK
			})
			if err := r.s.Flush(); err != nil {
				restart()
			}
		}
		// What the client counted itself outlives the provider's crash.
		c.used = totals{c.sum.Requests + 3, c.sum.In + 9, c.sum.Out + 9}
		w := c.next()
		var signed wire.Event
		tries(t, name, restart, func() bool {
			got := c.say(w, func() wire.Event {
				_ = c.pay(w)
				return c.seal(c.receipt(w))
			})
			if codeOf(got) != "Countersign" {
				// A payment of unknown outcome is asked about until it is known.
				_ = c.pay(w)
				return false
			}
			signed = got[1]
			return true
		})
		receipts = append(receipts, signed)
		c.seq, c.sum = c.seq+1, c.used
	}
	checkBooks(t, name, r, c, receipts)
	return crashed
}

// tries does a step until it succeeds, restarting what died.
func tries(t *testing.T, name string, restart func(), step func() bool) {
	t.Helper()
	for range 5 {
		ok := step()
		restart()
		if ok {
			return
		}
	}
	t.Fatalf("%s: a step does not succeed after a restart", name)
}

func checkBooks(t *testing.T, name string, r *rig, c *client, receipts []wire.Event) {
	t.Helper()
	want, err := payments.PriceTokens(c.rate, 27, 27)
	if err != nil {
		t.Fatal(err)
	}
	mine, err1 := c.rail.Balances(context.Background())
	theirs, err2 := r.rail.Balances(context.Background())
	if err := errors.Join(err1, err2, c.rail.Check(t.Context()), r.rail.Check(t.Context())); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(mine) != 1 || len(theirs) != 1 || mine[0].Paid != want.Value || theirs[0].Received != want.Value || theirs[0].Expected != 0 {
		t.Errorf("%s: paid %+v, received %+v, want %v", name, mine, theirs, want)
	}
	seen := map[wire.ID]bool{}
	for _, ev := range receipts {
		seen[ev.ID] = true
	}
	if len(seen) != 3 {
		t.Errorf("%s: %d receipts were signed", name, len(seen))
	}
}

// TestMeterRestored keeps what was used over an orderly restart.
func TestMeterRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	r.cfg.Grace = 0
	c := r.client()
	mustLease(t, c, 1000, 500)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.s.Run(ctx) }()
	c.ask(chat("one two three", ""))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.start(r.disk)
	if got := c.say(c.windowOf(totals{1, 3, 2}), nil); codeOf(got) != CodeDisputed {
		t.Errorf("the meter forgot: %v", texts(got))
	}
	c.settle()
}

// TestSweep drops a lease that is long over, its windows with it.
func TestSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	c.ask(chat("one", ""))
	c.settle()
	keys := func() (n int) {
		err := r.disk.View(func(tx store.Reader) error {
			return tx.Scan([]byte("infer/"), func(k, _ []byte) error { n++; return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if keys() != 3 { // the lease, its window, the count
		t.Errorf("%d keys", keys())
	}
	r.pass(r.cfg.Keep + 2*r.cfg.LeaseFor)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if keys() != 1 {
		t.Errorf("%d keys are left", keys())
	}
	if _, ok := r.s.Terms(c.key.PubKey(), c.job); ok {
		t.Error("the lease is still known")
	}
}
