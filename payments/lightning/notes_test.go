package lightning_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
)

// fund locks an amount and has the payee expect it.
func fund(t *testing.T, a, b *node, ref string, v uint64) {
	t.Helper()
	if err := a.now().Fund(t.Context(), pay(b, ref, v)); err != nil {
		t.Fatal(err)
	}
	b.expect(t, a, ref, v)
}

// T3: a payee that is silent keeps the money until its node gives it back, well
// before the channel would have to be closed over it; the payer says who it was.
func TestSilentPayee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		fund(t, a, b, "job/0/0", shard)
		b.evil.cancel = errors.New("not I")
		if err := a.now().Release(t.Context(), "job/0/0", "another took it"); err != nil {
			t.Fatal(err)
		}
		a.reconcile(t)
		if x := a.balance(t, b); x.Locked != shard {
			t.Fatalf("%+v", x)
		}
		w.sleep(a.cfg.Work + a.cfg.FundFor + a.cfg.ReportAfter + time.Second)
		rep := a.reconcile(t)
		a.reconcile(t)
		if len(rep.Differences) == 0 || len(a.told) != 1 || !strings.Contains(a.told[0], "keeps locked") {
			t.Fatalf("%+v, told %q", rep, a.told)
		}
		p := lookup(t, a, b)
		w.ln.Mine(int(p.ExpiryHeight-w.ln.Height()) - ln.SafetyBlocks - 4)
		if x := a.balance(t, b); x.Locked != shard {
			t.Fatal("given back too early")
		}
		w.ln.Mine(4)
		a.reconcile(t)
		b.evil.cancel = nil
		b.reconcile(t)
		w.agree(t, a, b)
		if s := b.state(t, payments.In, "job/0/0"); s != payments.StateReleased {
			t.Fatalf("payee is at %s", s)
		}
	})
}

// lookup is the hold's payment as the payer's node has it.
func lookup(t *testing.T, a, b *node) ln.Payment {
	t.Helper()
	p, err := a.ln.Track(t.Context(), heldHash(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hashOf is the hash of the hold that an expected payment is locked by.
func hashOf(t *testing.T, e payments.Entry) ln.Hash {
	t.Helper()
	id, err := wire.ParseID(strings.TrimPrefix(e.Secured, "hold:"))
	if err != nil {
		t.Fatal(err)
	}
	return ln.Hash(id)
}

// The payee's own watchdog is earlier than its node's: 24 blocks before the end.
func TestWatchdogIsFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		fund(t, a, b, "job/0/0", shard)
		left := int(lookup(t, a, b).ExpiryHeight - w.ln.Height())
		if left < 40 {
			t.Fatalf("locked for %d blocks only", left)
		}
		w.ln.Mine(left - 25)
		b.reconcile(t)
		a.reconcile(t)
		if x := a.balance(t, b); x.Locked != shard {
			t.Fatal("given back with 25 blocks to go")
		}
		w.ln.Mine(1)
		b.reconcile(t)
		a.reconcile(t)
		w.agree(t, a, b)
	})
}

// A payee gives back when the time that the payer named is over, though the payer
// is gone.
func TestPayeesDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		fund(t, a, b, "job/0/0", shard)
		for _, c := range []struct {
			after time.Duration
			want  ln.State
		}{{a.cfg.Work, ln.InFlight}, {a.cfg.FundFor + time.Second, ln.Failed}} {
			p := lookupLater(t, a, b)
			w.sleep(c.after)
			b.reconcile(t)
			if got := p(); got != c.want {
				t.Fatalf("after %v more it is %s, want %s", c.after, got, c.want)
			}
		}
		a.reconcile(t)
		w.agree(t, a, b)
	})
}

// lookupLater is the state of the one hold's payment, when it is called.
func lookupLater(t *testing.T, a, b *node) func() ln.State {
	hash := heldHash(t, b)
	return func() ln.State {
		p, err := a.ln.Track(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		return p.State
	}
}

// T4: the payee's Lightning node is killed while it holds, and stays away past
// the end. The payer has its money back, at the price of the channel.
func TestPayeesNodeStaysAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		fund(t, a, b, "job/0/0", shard)
		before := a.coins(t) + shard
		left := int(lookup(t, a, b).ExpiryHeight - w.ln.Height())
		b.ln.Stop()
		_, err := a.now().Pay(t.Context(), pay(b, "job/0/0", shard))
		if payments.OutcomeOf(err) != payments.OutcomeUnknown {
			t.Fatalf("nobody can know: %v", err)
		}
		w.ln.Mine(left + 10)
		a.reconcile(t)
		if s := a.state(t, payments.Out, "job/0/0"); s != payments.StateReleased {
			t.Fatalf("payer is at %s", s)
		}
		if w.ln.Forced() != 1 {
			t.Fatal("the channel is open still")
		}
		bal, err := a.ln.Balance(t.Context())
		if err != nil || bal.OnChainSat*1000+bal.LocalMsat != before {
			t.Fatalf("%+v of %d, %v", bal, before, err)
		}
		b.ln.Start()
		b.reconcile(t)
		for _, n := range []*node{a, b} {
			if err := n.now().Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.ln.Conserved(); err != nil {
			t.Fatal(err)
		}
	})
}

// T5: an invoice that is over is not paid.
func TestExpiredInvoice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		b.evil.hold = func(s *ln.HoldSpec) { s.Expiry = a.cfg.PayFor - 2*time.Second }
		err := a.now().Fund(t.Context(), pay(b, "job/0/0", shard))
		if !errors.Is(err, lightning.ErrInvoice) || payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatal(err)
		}
		b.evil.hold = nil
		b.reconcile(t)
		w.sleep(time.Hour)
		b.reconcile(t)
		w.agree(t, a, b)
	})
}

// T6: a wrong preimage is refused and changes nothing; the right one twice is
// one payment.
func TestWrongPreimage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		fund(t, a, b, "job/0/0", shard)
		hash := wire.ID(lookup(t, a, b).Hash)
		send := func(preimage wire.ID) wire.Event {
			t.Helper()
			e, err := wire.Seal(a.key, wire.Release{Rail: "lightning", Ref: "job/0/0", Hold: hash, Preimage: preimage}, w.clock())
			if err != nil {
				t.Fatal(err)
			}
			return w.send(t, a, b, e)
		}
		for _, wrong := range []wire.ID{wire.RandomID(), hash} {
			m, err := wire.Decode[wire.Error](send(wrong))
			if err != nil || m.Code != lightning.CodePreimage {
				t.Fatalf("%+v %v", m, err)
			}
		}
		a.pays(t, b, "job/0/0", shard)
		w.agree(t, a, b)
		if m, err := wire.Decode[wire.Error](send(wire.ID{})); err != nil || m.Code != lightning.CodeHold {
			t.Fatalf("given back after it was taken: %+v %v", m, err)
		}
		w.agree(t, a, b)
	})
}

// send is one document on a stream of its own, and the answer.
func (w *world) send(t *testing.T, from, to *node, e wire.Event) wire.Event {
	t.Helper()
	conn, err := w.dial(t.Context(), from.id(), to.id())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := wire.WriteEvent(conn, e); err != nil {
		t.Fatal(err)
	}
	a, err := wire.ReadEvent(reader(conn))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// T8: the ninth hold to one peer is refused, and works when one has ended; and
// no more than a quarter of what the channels have is held.
func TestLimitsOfHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(0))
		ref := func(i int) string { return fmt.Sprintf("job/%d/0", i) }
		for i := range 8 {
			fund(t, a, b, ref(i), shard)
		}
		err := a.now().Fund(t.Context(), pay(b, ref(8), shard))
		if !errors.Is(err, lightning.ErrHold) || payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatal(err)
		}
		a.pays(t, b, ref(0), shard)
		fund(t, a, b, ref(8), shard)
		for i := 1; i < 9; i++ {
			a.pays(t, b, ref(i), shard)
		}
		w.agree(t, a, b)

		cfg := config(0)
		cfg.MaxHold, cfg.Holds = channel, 64
		w, a, b = pair(t, cfg)
		fund(t, a, b, ref(0), channel/5)
		if err := a.now().Fund(t.Context(), pay(b, ref(1), channel/10)); !errors.Is(err, lightning.ErrHold) {
			t.Fatalf("more than a quarter is held: %v", err)
		}
		a.pays(t, b, ref(0), channel/5)
		w.agree(t, a, b)
		over := cfg.MaxHold + 1
		if err := a.now().Fund(t.Context(), pay(b, ref(2), over)); !errors.Is(err, lightning.ErrHold) {
			t.Fatal(err)
		}
		if err := a.now().Fund(t.Context(), pay(b, ref(2), 50*sat-1)); !errors.Is(err, lightning.ErrSmall) {
			t.Fatal(err)
		}
		if err := a.now().FundFor(t.Context(), pay(b, ref(2), shard), 2*time.Hour+1); !errors.Is(err, lightning.ErrHold) {
			t.Fatal(err)
		}
	})
}

// T9, T11 and all else in which an invoice may differ from what was agreed: it
// is not paid.
func TestForeignInvoices(t *testing.T) {
	t.Parallel()
	hash := sha256.Sum256([]byte("mine"))
	windows := map[string]func(w *world, s *ln.InvoiceSpec) ln.Node{
		"another node":        func(w *world, _ *ln.InvoiceSpec) ln.Node { return w.ln.Node("stranger") },
		"another description": func(_ *world, s *ln.InvoiceSpec) ln.Node { s.DescriptionHash = hash; return nil },
		"one msat more":       func(_ *world, s *ln.InvoiceSpec) ln.Node { s.AmountMsat++; return nil },
		"one msat less":       func(_ *world, s *ln.InvoiceSpec) ln.Node { s.AmountMsat--; return nil },
		"long lock":           func(_ *world, s *ln.InvoiceSpec) ln.Node { s.CLTVExpiry = 1000; return nil },
		"nearly over":         func(_ *world, s *ln.InvoiceSpec) ln.Node { s.Expiry = time.Second; return nil },
	}
	for name, change := range windows {
		t.Run("window of "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, a, b := pair(t, config(1000*sat))
				w.ln.Open(a.ln, w.ln.Node("stranger"), channel, channel)
				b.evil.invoice = func(s *ln.InvoiceSpec) ln.Node { return change(w, s) }
				b.expect(t, a, "job/0/0", shard)
				a.pays(t, b, "job/0/0", shard)
				rep := a.reconcile(t)
				if x := a.balance(t, b); x.SettledOut != 0 || len(rep.Differences) == 0 {
					t.Fatalf("%+v %+v", x, rep)
				}
				if got := a.coins(t); got != 2*channel {
					t.Fatalf("paid: %d left", got)
				}
				b.evil.invoice = nil
				w.sleep(time.Hour) // the bad invoice is over by then
				w.converge(t, a, b, 2)
				if x := b.balance(t, a); x.Settled != shard {
					t.Fatalf("%+v", x)
				}
			})
		})
	}
	holds := map[string]func(s *ln.HoldSpec){
		"another hash":        func(s *ln.HoldSpec) { s.Hash = hash },
		"another description": func(s *ln.HoldSpec) { s.DescriptionHash = hash },
		"one msat more":       func(s *ln.HoldSpec) { s.AmountMsat++ },
		"long lock":           func(s *ln.HoldSpec) { s.CLTVExpiry = 500 },
	}
	for name, change := range holds {
		t.Run("hold of "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, a, b := pair(t, config(0))
				b.evil.hold = change
				err := a.now().Fund(t.Context(), pay(b, "job/0/0", shard))
				if !errors.Is(err, lightning.ErrInvoice) || payments.OutcomeOf(err) != payments.NotCharged {
					t.Fatal(err)
				}
				b.evil.hold = nil
				fund(t, a, b, "job/0/0", shard) // drawn anew
				a.pays(t, b, "job/0/0", shard)
				w.agree(t, a, b)
			})
		})
	}
}

// Nothing is spent without a ceiling, nor over it: no note is signed, nothing is
// locked.
func TestCeiling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		a.perDay = 0
		a.restart(nil)
		b.expect(t, a, "job/0/0", shard)
		for _, err := range []error{
			func() error { _, err := a.now().Pay(t.Context(), pay(b, "job/0/0", shard)); return err }(),
			a.now().Fund(t.Context(), pay(b, "job/0/0", shard)),
			a.now().Fund(t.Context(), pay(b, "job/1/0", 2000*sat)),
		} {
			if !errors.Is(err, payments.ErrCeiling) || payments.OutcomeOf(err) != payments.NotCharged {
				t.Fatal(err)
			}
		}
		if s := a.state(t, payments.Out, "job/0/0"); s != "" {
			t.Fatalf("an entry in state %s", s)
		}
		a.perDay = shard + 2*sat
		a.restart(nil)
		a.pays(t, b, "job/0/0", shard)
		b.expect(t, a, "job/2/0", shard)
		if _, err := a.now().Pay(t.Context(), pay(b, "job/2/0", shard)); !errors.Is(err, payments.ErrCeiling) {
			t.Fatal(err)
		}
		w.converge(t, a, b, 2)
		if x := b.balance(t, a); x.Settled != shard {
			t.Fatalf("%+v", x)
		}
	})
}

// A payer that does not settle is given nothing more after a minute, and is
// reported, once, after ten.
func TestUnpaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		b.expect(t, a, "job/0/0", shard)
		a.pays(t, b, "job/0/0", shard)
		b.reconcile(t)
		b.expect(t, a, "job/1/0", shard)
		w.sleep(b.cfg.PauseAfter + time.Second)
		err := b.now().Expect(t.Context(), pay(a, "job/2/0", shard))
		if !errors.Is(err, lightning.ErrUnpaid) || !errors.Is(err, payments.ErrOverLimit) {
			t.Fatal(err)
		}
		b.expect(t, a, "job/1/0", shard) // is expected already
		w.sleep(b.cfg.ReportAfter)
		b.reconcile(t)
		b.reconcile(t)
		if len(b.told) != 1 || !strings.HasPrefix(b.told[0], "job/0/0: ") {
			t.Fatalf("told %q", b.told)
		}
		a.reconcile(t)
		b.expect(t, a, "job/2/0", shard) // it hears that it was paid
		a.pays(t, b, "job/1/0", shard)
		a.pays(t, b, "job/2/0", shard)
		w.converge(t, a, b, 2)
		w.agree(t, a, b)
	})
}

// A payee that is another Lightning node from one day to the next is paid there,
// once it has signed for it.
func TestPayeeMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t, config(1000*sat))
		for i := range 2 {
			ref := fmt.Sprintf("job/%d/0", i)
			b.expect(t, a, ref, shard)
			a.pays(t, b, ref, shard)
			w.converge(t, a, b, 1)
			if x := a.balance(t, b); x.SettledOut != uint64(i+1)*shard {
				t.Fatalf("%+v", x)
			}
			b.ln = w.ln.Node("another")
			w.ln.Open(a.ln, b.ln, channel, channel)
			b.restart(nil)
		}
	})
}

// The loops of both sides settle by themselves, soon, and end with their context.
func TestRunSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, a, b := routed(t, config(1000*sat))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for _, n := range []*node{a, b} {
			go func() { done <- n.now().Run(ctx) }()
		}
		begun := time.Now()
		for i := range 40 { // 4800 sat through a window of 1000
			ref := fmt.Sprintf("job/%d/0", i)
			for b.now().Expect(ctx, pay(a, ref, shard)) != nil {
				<-time.After(100 * time.Millisecond)
			}
			a.pays(t, b, ref, shard)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("waited %v for windows to be paid", took)
		}
		<-time.After(a.cfg.Linger + time.Second)
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		w.agree(t, a, b)
		if x := b.balance(t, a); x.Exposure != 0 || x.Settled != 40*shard {
			t.Fatalf("%+v", x)
		}
	})
}
