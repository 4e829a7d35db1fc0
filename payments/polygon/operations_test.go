package polygon

import (
	"errors"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
)

// Operations that fail on the chain did nothing and are tried again; those that
// failed because a stranger brought our signature there first are done.
func TestOperationsFail(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"revert", "quicker"} {
		for _, kind := range []string{opOpen, opTopUp, opAgreed, opClose, opFinish, opRedeem} {
			w := newWorld(t)
			cfg := testConfig()
			cfg.Deposit, cfg.MaxLocked = 10_000, 30_000
			a, b := w.add(cfg), w.add(cfg)
			w.m.meddle = map[string]string{kind: how}
			if kind == opClose || kind == opFinish {
				w.m.meddle[opAgreed] = "revert" // so that it comes to that
			}
			if err := a.now().Fund(t.Context(), to(b, "j/0/0", 9000)); err != nil {
				t.Fatal(err)
			}
			w.mine(3)
			if err := a.now().pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.work(b, "j/0/0", 9000)
			w.quiet(a, b)
			w.sound(a, b)
			w.m.meddle = map[string]string{kind: w.m.meddle[kind], opAgreed: w.m.meddle[opAgreed]}
			if kind == opOpen || kind == opTopUp {
				w.m.meddle = nil
				w.quiet(a, b)
				evenBooks(t, w, a, b, kind+" "+how)
			}
			if err := b.now().Redeem(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.quiet(a, b)
			list, err := a.now().Channels(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if !c.State.ended() {
					if err := a.now().Close(t.Context(), c.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.quiet(a, b)
			w.m.meddle = nil
			closeAll(t, w, a, b)
			if a.coins() != purse-9000 || b.coins() != purse+9000 {
				t.Errorf("%s %s: %d and %d", kind, how, a.coins(), b.coins())
			}
		}
	}
}

// A consent that failed can be used by anyone while it is good: the deposit is
// found and fetched back.
func TestConsentUsedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	w.m.meddle = map[string]string{opOpen: "revert"}
	if _, err := a.now().Open(t.Context(), b.id(), 5000); err != nil {
		t.Fatal(err)
	}
	w.mine(3)
	if err := a.now().pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := a.channel(payments.Out); c.State != StateFailed || c.Deposit != 0 {
		t.Fatalf("%+v", c)
	}
	w.m.late(opOpen)
	if a.coins() != purse-5000 {
		t.Fatal(a.coins())
	}
	w.quiet(a, b)
	w.pass(25 * time.Hour)
	w.quiet(a, b)
	if c := a.channel(payments.Out); c.State != StateClosed || a.coins() != purse {
		t.Fatalf("%+v %d", c, a.coins())
	}
}

// A voucher of which only the payee knows that it counts is not paid a second
// time through another channel: that one waits for the chain's last word.
func TestNoSecondChannelInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	w.fault("lost reply")
	if err := a.now().Settle(t.Context(), b.id()); err == nil {
		t.Fatal("settled without an answer")
	}
	if a.balance(b).SettledOut != 0 || b.balance(a).Settled != 300 {
		t.Fatal("no doubt")
	}
	if err := a.now().ForceClose(t.Context(), a.channel(payments.Out).ID); err != nil {
		t.Fatal(err)
	}
	w.mine(3)
	if err := a.now().pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.tryFund(b, "j/1/0", 200_000); !errors.Is(err, ErrNoRoom) {
		t.Fatalf("a second channel: %v", err)
	}
	if _, err := a.now().Open(t.Context(), b.id(), 5000); !errors.Is(err, ErrState) {
		t.Fatalf("a second channel: %v", err)
	}
	w.quiet(a, b) // the payee redeems at the close
	evenBooks(t, w, a, b, "redeemed")
	w.pass(25 * time.Hour)
	w.quiet(a, b)
	a.ready(b, "j/2/0", 200)
	a.work(b, "j/2/0", 200)
	w.quiet(a, b)
	closeAll(t, w, a, b)
	if a.coins() != purse-500 || b.coins() != purse+500 {
		t.Fatalf("%d %d", a.coins(), b.coins())
	}
}
