package lightning_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/payments/paymentstest"
)

// Forty shards each way at the same time, some locked, some noted, some given
// up, while messages get lost and both loops run: each is charged once or not at
// all, and the books meet.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := routed(t, config(600*sat))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for _, n := range []*node{a, b} {
			go func() { done <- n.now().Run(ctx) }()
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		charged := map[*node]uint64{}
		for i := range 40 {
			for _, pair := range [][2]*node{{a, b}, {b, a}} {
				all.Go(func() {
					v := uint64(60+i) * sat
					if work(t, pair[0], pair[1], fmt.Sprintf("%d/%d/0", i, i%2), v, i%5 == 4) {
						mu.Lock()
						defer mu.Unlock()
						charged[pair[1]] += v
					}
				})
			}
			w.fault(paymentstest.Faults[i%len(paymentstest.Faults)])
		}
		all.Wait()
		<-time.After(time.Minute)
		synctest.Wait()
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		w.converge(t, a, b, 3)
		for _, n := range []*node{a, b} {
			if err := n.now().Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		x, y := a.balance(t, b), b.balance(t, a)
		if x.Received != charged[a] || y.Received != charged[b] || x.Paid != charged[b] || y.Paid != charged[a] ||
			x.Locked+y.Locked+x.Pending+y.Pending != 0 {
			t.Fatalf("charged %d and %d:\n%+v\n%+v", charged[a], charged[b], x, y)
		}
		if charged[a] == 0 || charged[b] == 0 {
			t.Fatal("nothing was charged")
		}
		if err := w.ln.Conserved(); err != nil {
			t.Fatal(err)
		}
	})
}

// work is one shard from its lock to its payment, and reports whether it was
// charged. What is given up is given back, by either side.
func work(t *testing.T, payer, payee *node, ref string, v uint64, giveUp bool) bool {
	ctx, p := t.Context(), pay(payee, ref, v)
	again := func(what string, do func() error) bool {
		var err error
		for range 1500 { // five minutes
			if err = do(); err == nil {
				return true
			}
			<-time.After(200 * time.Millisecond)
		}
		t.Errorf("%s %s: %v", what, ref, err)
		return false
	}
	if !again("fund", func() error { return payer.now().Fund(ctx, p) }) ||
		!again("expect", func() error { return payee.now().Expect(ctx, pay(payer, ref, v)) }) {
		return false
	}
	<-time.After(time.Second)
	if giveUp {
		_ = payer.now().Release(ctx, p.Ref, "given up")
		_ = payee.now().Waive(ctx, payer.id(), p.Ref, "given up")
		return false
	}
	return again("pay", func() error { _, err := payer.now().Pay(ctx, p); return err })
}
