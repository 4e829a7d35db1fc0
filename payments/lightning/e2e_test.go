package lightning_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// patience is how long lnd may take for what it has to do, on a busy machine.
const patience = 5 * time.Minute

// lnds are two real lnd nodes with a channel, on a chain of their own.
type lnds struct {
	*rig.Rig
	alice, bob *rig.Node
}

// The rail on real lnd nodes: what was paid is there to the millisatoshi, and
// kill -9 of either lnd and its rail at any step costs nobody anything.
func TestE2ELightning(t *testing.T) {
	programs, err := rig.Find()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	r, err := rig.Start(ctx, rig.Config{Programs: programs, Dir: t.TempDir(), Nodes: []string{"alice", "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	l := lnds{r, r.Node("alice"), r.Node("bob")}
	if _, err := r.Open(ctx, l.alice, l.bob, 5_000_000, 1_000_000); err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %v", time.Since(began))
	for _, part := range []struct {
		name string
		run  func(*testing.T, lnds)
	}{
		{"window", realWindow},
		{"hold taken", realTaken},
		{"hold goes back", realBack},
		{"ninth hold", realNinth},
		{"silent payee", realSilent},
		{"never sent", realUnsent},
		{"killed at every step", realKills},
		{"payee stays away", realAway}, // the channel is closed by it: last
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, l) }) {
			return
		}
	}
}

// rails are fresh ones on the two nodes.
func (l lnds) rails(t *testing.T, limit uint64) (*world, *node, *node) {
	w, cfg := newWorld(t), patient(limit)
	return w, w.addReal(l.alice, cfg), w.addReal(l.bob, cfg)
}

// patient is config for nodes that may take long.
func patient(limit uint64) lightning.Config {
	cfg := config(limit)
	cfg.Account.Exchange = patience
	return cfg
}

// moves requires that what does moves exactly so much from alice to bob.
func (l lnds) moves(t *testing.T, a, b *node, want uint64, what func()) {
	t.Helper()
	l.quiet(t)
	x, y := a.coins(t), b.coins(t)
	what()
	l.quiet(t)
	if gone, came := x-a.coins(t), b.coins(t)-y; gone != want || came != want {
		t.Fatalf("%d msat went, %d came, want %d", gone, came, want)
	}
	if got := b.balance(t, a).Settled; got != want {
		t.Fatalf("%d msat came, the book says %d", want, got)
	}
	for _, n := range []*node{a, b} {
		if err := n.now().Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// quiet waits until no HTLC is left at any node, one between them included.
func (l lnds) quiet(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		for _, n := range l.Nodes {
			b, err := n.Balance(t.Context())
			if err != nil {
				return err
			}
			if b.HeldMsat != 0 {
				return fmt.Errorf("%d msat are held at %s", b.HeldMsat, n.Name)
			}
		}
		return nil
	})
}

// eventually asks until there is no error.
func eventually(t *testing.T, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("in vain: %v", err)
		case <-tick.C:
		}
	}
}

// settled lets both look until nothing is open.
func settled(t *testing.T, a, b *node) {
	t.Helper()
	eventually(t, func() error {
		x, y := a.reconcile(t), b.reconcile(t)
		if x.Open+y.Open+len(x.Differences)+len(y.Differences) != 0 {
			return fmt.Errorf("open still:\n%+v\n%+v", x, y)
		}
		return nil
	})
}

func realWindow(t *testing.T, l lnds) {
	_, a, b := l.rails(t, 1000*sat)
	l.moves(t, a, b, 3*shard+3, func() {
		for i := range 3 {
			ref := fmt.Sprintf("job/%d/0", i)
			b.expect(t, a, ref, shard+1)
			a.pays(t, b, ref, shard+1)
			if i > 0 {
				settled(t, a, b)
			}
		}
	})
	if got := a.spent(t); got != 3*shard+3 {
		t.Fatalf("the ceiling counts %d", got)
	}
}

// T1 and T6.
func realTaken(t *testing.T, l lnds) {
	_, a, b := l.rails(t, 0)
	l.moves(t, a, b, shard+7, func() {
		fund(t, a, b, "job/0/0", shard+7)
		a.restart(nil) // T7: with money locked
		b.restart(nil)
		a.pays(t, b, "job/0/0", shard+7)
		a.pays(t, b, "job/0/0", shard+7)
		settled(t, a, b)
	})
}

// T2.
func realBack(t *testing.T, l lnds) {
	for name, give := range map[string]func(a, b *node) error{
		"payer": func(a, _ *node) error { return a.now().Release(t.Context(), "job/0/0", "another took it") },
		"payee": func(a, b *node) error { return b.now().Waive(t.Context(), a.id(), "job/0/0", "wrong") },
	} {
		_, a, b := l.rails(t, 0)
		l.moves(t, a, b, 0, func() {
			fund(t, a, b, "job/0/0", shard)
			if x := a.balance(t, b); x.Locked != shard {
				t.Fatalf("%s: %+v", name, x)
			}
			if err := give(a, b); err != nil {
				t.Fatal(err)
			}
			settled(t, a, b)
		})
		if x := a.balance(t, b); x.Locked != 0 || a.spent(t) != 0 {
			t.Fatalf("%s: %+v", name, x)
		}
	}
}

// T8.
func realNinth(t *testing.T, l lnds) {
	_, a, b := l.rails(t, 0)
	ref := func(i int) string { return fmt.Sprintf("job/%d/0", i) }
	l.moves(t, a, b, 8*shard, func() {
		for i := range 8 {
			fund(t, a, b, ref(i), shard)
		}
		if err := a.now().Fund(t.Context(), pay(b, ref(8), shard)); payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatal(err)
		}
		for i := range 8 {
			a.pays(t, b, ref(i), shard)
		}
		settled(t, a, b)
	})
}

// T3: lnd gives back by itself, 18 blocks before; no channel is closed.
func realSilent(t *testing.T, l lnds) {
	_, a, b := l.rails(t, 0)
	l.moves(t, a, b, 0, func() {
		fund(t, a, b, "job/0/0", shard)
		b.evil.cancel = os.ErrPermission
		hash := heldHash(t, b)
		p, err := l.bob.Lookup(t.Context(), hash)
		if err != nil || p.State != ln.Accepted || p.ExpiryHeight == 0 {
			t.Fatalf("%+v %v", p, err)
		}
		info, err := l.bob.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mine(t, l, int(p.ExpiryHeight-info.Height)-ln.SafetyBlocks+1)
		eventually(t, func() error {
			if s, err := l.bob.Lookup(t.Context(), hash); err != nil || s.State != ln.Canceled {
				return fmt.Errorf("%s, %w", s.State, err)
			}
			return nil
		})
		settled(t, a, b)
	})
	if s := b.state(t, payments.In, "job/0/0"); s != payments.StateReleased {
		t.Fatalf("payee is at %s", s)
	}
	list, err := l.alice.Channels(t.Context())
	if err != nil || len(list) != 1 || list[0].State != ln.ChannelOpen {
		t.Fatalf("%+v %v", list, err)
	}
}

// lnd dies when it has chosen a way for a hold and not sent it; it never ends
// such a payment. The rail does, soon after the invoice is over. Where lnd died
// before it took the way it ends the payment itself, and another one is begun.
func realUnsent(t *testing.T, l lnds) {
	const ref = "job/0/0"
	for try := 1; try <= 20; try++ {
		unsent := false
		w, a, b := l.rails(t, 0) // anew: lnd's own clock is not ahead with theirs
		l.moves(t, a, b, 0, func() {
			unsent = l.dieUnsent(t, a, b, ref, time.Duration(try*try)*100*time.Millisecond)
			a.reconcile(t)
			if s := a.state(t, payments.Out, payments.ClassHold+ref); unsent && !s.Open() {
				t.Fatalf("the hold is %s", s)
			}
			w.sleep(5 * time.Minute)
			settled(t, a, b)
		})
		if s := a.state(t, payments.Out, payments.ClassHold+ref); s != payments.StateReleased || a.spent(t) != 0 {
			t.Fatalf("the hold is %s, the ceiling counts %d", s, a.spent(t))
		}
		if unsent {
			return
		}
	}
	t.Fatal("it always died before it took the way")
}

// dieUnsent has alice lock money for ref and kills her lnd so long after it has
// chosen a way, while it puts off to sign. It reports whether the payment is one
// that lnd never ends.
func (l lnds) dieUnsent(t *testing.T, a, b *node, ref string, after time.Duration) bool {
	t.Helper()
	l.alice.Kill()
	if err := l.alice.StartWith(t.Context(), "--channel-commit-interval=10m"); err != nil {
		t.Fatal(err)
	}
	if err := l.alice.Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	invoices, ended := make(chan string, 1), make(chan error, 1)
	a.evil.paying = func(s ln.PaySpec) { invoices <- s.Bolt11 }
	go func() { ended <- a.now().Fund(ctx, pay(b, ref, shard)) }()
	var hash ln.Hash
	select {
	case text := <-invoices:
		inv, err := bolt11.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		hash = inv.Hash
	case err := <-ended:
		t.Fatal(err)
	}
	var p ln.Payment
	track := func(reached func() bool) {
		t.Helper()
		eventually(t, func() (err error) {
			if p, err = l.alice.Track(t.Context(), hash); err == nil && !reached() {
				err = fmt.Errorf("the payment: %+v", p)
			}
			return err
		})
	}
	track(func() bool { return p.State == ln.InFlight && p.ExpiryHeight > 0 })
	<-time.After(after) // lnd tells nothing of what it does next
	l.alice.Kill()
	giveUp()
	if err := <-ended; err == nil {
		t.Fatal("funded by what was not sent")
	}
	a.evil.paying = nil
	l.revive(t, l.alice)
	track(func() bool { return p.Unsent || p.State.Final() })
	return p.Unsent
}

func mine(t *testing.T, l lnds, blocks int) {
	t.Helper()
	if err := l.Mine(t.Context(), blocks); err != nil {
		t.Fatal(err)
	}
}

// realKills runs holds and windows, and kills lnd and rail of one side at a step,
// before it or after it.
func realKills(t *testing.T, l lnds) {
	stride := 7
	if os.Getenv("INFERNET_LONG") != "" {
		stride = 1
	}
	kills := 0
	for _, s := range scenarios[:2] {
		for side := range 2 {
			for step := side; ; step += stride {
				if !realKill(t, l, s, side, step, (step+side)%2 == 0) {
					break
				}
				kills++
			}
		}
	}
	t.Logf("killed %d times", kills)
}

func realKill(t *testing.T, l lnds, s scenario, side, step int, after bool) bool {
	t.Helper()
	_, a, b := l.rails(t, s.limit)
	for _, n := range []*node{a, b} {
		n.cfg.FundFor = 10 * time.Second // of each that is killed while it waits
		n.restart(nil)
	}
	victim, lnd := []*node{a, b}[side], []*rig.Node{l.alice, l.bob}[side]
	died := false
	l.moves(t, a, b, s.charged, func() {
		doom := &fate{left: step, after: after, also: lnd.Kill}
		victim.restart(doom)
		err := s.run(t.Context(), a, b)
		died = doom.isDead()
		if !died {
			victim.restart(nil)
			undisturbed(t, s, a, b, err)
			return
		}
		said := payments.OutcomeOf(err)
		l.revive(t, lnd)
		a.restart(nil)
		b.restart(nil)
		b.reconcile(t)
		if got := b.state(t, payments.In, "job/0/0") == payments.StateCaptured; said == payments.Charged && !got || said == payments.NotCharged && got {
			t.Fatalf("%s side %d step %d: said %v, the payee has it: %t", s.name, side, step, err, got)
		}
		eventually(t, func() error { return s.run(t.Context(), a, b) })
		settled(t, a, b)
	})
	if got := a.spent(t); got != s.charged {
		t.Fatalf("%s side %d step %d, died %t: the ceiling counts %d", s.name, side, step, died, got)
	}
	return died
}

// undisturbed runs once more what nobody was killed in. On a busy machine Fund
// may take longer than it has; nothing else may go wrong, and not often.
func undisturbed(t *testing.T, s scenario, a, b *node, err error) {
	t.Helper()
	failed := 0
	for runs := 1; err != nil || runs < 2; runs++ {
		if err != nil {
			t.Logf("%s, and nobody was killed: %v", s.name, err)
			late := errors.Is(err, context.DeadlineExceeded)
			if failed++; failed > 3 || payments.OutcomeOf(err) != payments.NotCharged && !late {
				t.Fatalf("%s, and nobody was killed: failed %d times, last: %v", s.name, failed, err)
			}
			<-time.After(time.Duration(failed) * time.Second) // lnd takes a moment to give back
		}
		err = s.run(t.Context(), a, b)
	}
	settled(t, a, b)
}

// revive brings a killed node back, and its channel.
func (l lnds) revive(t *testing.T, n *rig.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range l.Nodes {
		if err := n.Active(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// T4: the payee's lnd is killed while it holds and stays away; the payer's money
// comes back over the chain.
func realAway(t *testing.T, l lnds) {
	_, a, b := l.rails(t, 0)
	fund(t, a, b, "job/0/0", shard)
	hash := heldHash(t, b)
	p, err := l.alice.Track(t.Context(), hash)
	if err != nil || p.State != ln.InFlight || p.ExpiryHeight == 0 {
		t.Fatalf("%+v %v", p, err)
	}
	l.bob.Kill()
	info, err := l.alice.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mine(t, l, int(p.ExpiryHeight-info.Height)+2)
	eventually(t, func() error {
		mine(t, l, 1)
		a.reconcile(t)
		if s := a.state(t, payments.Out, payments.ClassHold+"job/0/0"); s != payments.StateReleased {
			return fmt.Errorf("the hold is %s", s)
		}
		return nil
	})
	if x := a.balance(t, b); x.Locked != 0 || x.Paid != 0 || a.spent(t) != 0 {
		t.Fatalf("%+v", x)
	}
	list, err := l.alice.Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		t.Logf("the channel is %s", c.State)
		if c.State == ln.ChannelOpen {
			t.Fatal("it should be closed")
		}
	}
}

// heldHash is the hash of the one hold that the payee expects from.
func heldHash(t *testing.T, b *node) ln.Hash {
	t.Helper()
	list, err := b.now().Journal().List(payments.Filter{Direction: payments.In, State: payments.StateQuoted})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return hashOf(t, list[0])
}
