package lightning_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// Over a node between them, real fees are paid: they are the router's, under the
// ceiling, posted, and nothing else is missing. The loops of both sides settle by
// themselves, told by lnd.
func TestE2ERouted(t *testing.T) {
	programs, err := rig.Find()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r, err := rig.Start(ctx, rig.Config{Programs: programs, Dir: t.TempDir(), Nodes: []string{"alice", "carol", "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	alice, carol, bob := r.Node("alice"), r.Node("carol"), r.Node("bob")
	_, err = r.OpenAll(ctx, rig.Wanted{From: alice, To: carol, Sat: 2_000_000, PushSat: 500_000}, rig.Wanted{From: carol, To: bob, Sat: 2_000_000, PushSat: 500_000})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	a, b, between := w.addReal(alice, patient(1000*sat)), w.addReal(bob, patient(1000*sat)), w.addReal(carol, patient(0))
	l := lnds{r, alice, bob}
	x, y, z := a.coins(t), b.coins(t), between.coins(t)

	run, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for _, n := range []*node{a, b} {
		go func() { done <- n.now().Run(run) }()
	}
	for i := range 20 { // 2400 sat through a window of 1000
		ref := fmt.Sprintf("job/%d/0", i)
		eventually(t, func() error { return b.now().Expect(t.Context(), pay(a, ref, shard)) })
		a.pays(t, b, ref, shard)
	}
	fund(t, a, b, "big/0/0", 3000*sat)
	a.pays(t, b, "big/0/0", 3000*sat)
	settled(t, a, b)
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	l.quiet(t)
	const all = 20*shard + 3000*sat
	fees := between.coins(t) - z
	if gone, came := x-a.coins(t), b.coins(t)-y; came != all || gone != all+fees || fees == 0 {
		t.Fatalf("%d msat went, %d came, %d are the router's; want %d", gone, came, fees, all)
	}
	if got := a.spent(t); got != all+fees {
		t.Fatalf("the ceiling counts %d, spent were %d", got, all+fees)
	}
	if s := b.balance(t, a); s.Settled != all || s.Exposure != 0 {
		t.Fatalf("%+v", s)
	}
	t.Logf("fees %d msat of %d", fees, uint64(all))
}
