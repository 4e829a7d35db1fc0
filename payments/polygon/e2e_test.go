package polygon

import (
	"context"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/chaintest"
)

// running is a node whose rail runs as in the daemon.
type running struct {
	*node
	stop context.CancelFunc
	done chan error
}

func (n *node) start() *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{node: n, stop: cancel, done: make(chan error, 1)}
	rail := n.now()
	go func() { r.done <- rail.Run(ctx) }()
	return r
}

// kill ends the node between two writes, as kill -9 does, and starts it anew.
func (r *running) kill() {
	r.s.mu.Lock()
	r.s.dead = true
	r.s.mu.Unlock()
	r.stop()
	<-r.done // of a store that is gone, it may say anything
	r.revive()
	*r = *r.node.start()
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			for _, n := range w.nodes {
				list, _ := n.now().Channels(context.Background())
				balances, _ := n.now().Balances(context.Background())
				w.t.Logf("%+v %+v", list, balances)
			}
			w.t.Fatalf("never: %s", what)
		}
	}
}

// Two running nodes over a chain in a process of its own. At each step the chain
// is killed with -9 and started again, and so is either node; at the end all
// money is where it belongs.
func TestE2EKilled(t *testing.T) {
	t.Parallel()
	w := &world{t: t, nodes: map[identity.PubKey]*node{}, purse: realPurse, began: time.Now()}
	w.far = chaintest.StartProcess(t, 200*time.Millisecond)
	t.Cleanup(w.served.Wait)
	x, y := w.pair()
	for _, n := range []*node{x, y} {
		n.cfg.Deposit = 150_000 // so that it is topped up on the way
		n.cfg.Reconcile, n.cfg.Poll = 300*time.Millisecond, 200*time.Millisecond
		n.cfg.StateAge, n.cfg.FreshAge = 10*time.Millisecond, 10*time.Millisecond
		n.cfg.Account.Reconcile = 300 * time.Millisecond
		n.restart()
	}
	a, b := x.start(), y.start()
	chain := func() { w.far.Kill(); w.far.Restart() }
	kills := []func(){chain, a.kill, b.kill}

	paid := uint64(0)
	for i := range 6 {
		ref, v := fmt.Sprintf("j/%d/0", i), uint64(60_000+i)
		w.until("funded "+ref, func() bool { return a.now().Fund(t.Context(), to(b.node, ref, v)) == nil })
		kills[i%3]()
		// An endpoint just started may be behind: work is taken when it is not.
		w.until("expected "+ref, func() bool { return b.now().Expect(t.Context(), to(a.node, ref, v)) == nil })
		kills[(i+1)%3]()
		w.until("paid "+ref, func() bool {
			_, err := a.now().Pay(t.Context(), to(b.node, ref, v))
			return err == nil
		})
		paid += v
		kills[(i+2)%3]()
		if i%2 == 1 {
			w.until("settled "+ref, func() bool { return b.balance(a.node).Settled == paid && a.balance(b.node).SettledOut == paid })
		}
	}
	w.until("settled", func() bool { return b.balance(a.node).Settled == paid && a.balance(b.node).SettledOut == paid })
	w.until("being redeemed", func() bool { return b.now().Redeem(t.Context()) == nil })
	chain()
	b.kill()
	w.until("redeemed", func() bool { return b.channel(payments.In).Redeemed == paid && b.coins() == w.purse+paid })
	w.until("closing", func() bool { return a.now().Close(t.Context(), a.channel(payments.Out).ID) == nil })
	a.kill()
	chain()
	w.until("closed", func() bool {
		out := a.channel(payments.Out)
		if out.State == StateClosing && !out.CloseAt.IsZero() {
			w.pass(25 * time.Hour) // the payee was away when it was asked to agree
		}
		return out.State == StateClosed && b.channel(payments.In).State == StateClosed
	})
	a.stop()
	b.stop()
	for _, r := range []*running{a, b} {
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	}
	w.sound(x, y)
	if a.coins() != w.purse-paid || b.coins() != w.purse+paid {
		t.Fatalf("%d and %d, paid %d", a.coins(), b.coins(), paid)
	}
	if list, err := a.now().Channels(t.Context()); err != nil || len(list) != 1 {
		t.Fatalf("%d channels for one peer, %v", len(list), err)
	}
}
