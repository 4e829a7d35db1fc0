package polygon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

func kinds(t *testing.T, n *node) (out []string) {
	t.Helper()
	rep, err := n.now().Reconcile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range rep.Differences {
		if d.What == "" || d.Certain == "" || d.Doing == "" {
			t.Errorf("says too little: %+v", d)
		}
		out = append(out, d.Kind)
	}
	return out
}

// While endpoints lag or disagree a payee takes no work and no voucher, says so,
// and goes on when they are well again.
func TestEndpointsNotRelied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	a.settle(b)
	a.work(b, "j/1/0", 500)
	b.s.rpc = func(string) error { return errRPC }
	if err := b.now().Expect(t.Context(), to(a, "j/2/0", 5)); !errors.Is(err, payments.ErrOverLimit) || !errors.Is(err, errRPC) {
		t.Fatalf("work taken: %v", err)
	}
	if room, err := b.now().RoomFor(t.Context(), a.id()); err != nil || !room.IsZero() {
		t.Fatalf("%v %v", room, err)
	}
	if err := a.now().Settle(t.Context(), b.id()); !errors.Is(err, ErrRefused) {
		t.Fatalf("voucher taken: %v", err)
	}
	if got := b.balance(a); got.Settled != 300 || got.Exposure != 500 {
		t.Fatalf("%+v", got)
	}
	if !slices.Contains(kinds(t, b), KindChain) || !slices.Contains(kinds(t, a), KindVoucher) {
		t.Fatal("nobody says so")
	}
	// What was expected before stays so.
	if err := b.now().Expect(t.Context(), to(a, "j/1/0", 500)); err != nil {
		t.Fatal(err)
	}
	b.s.rpc = nil
	w.quiet(a, b)
	evenBooks(t, w, a, b, "when the endpoints are well")
}

// An endpoint that tells of a deposit that is not there can make a payee count
// on it, which is why there are several; but it cannot make it pay.
func TestEndpointLies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := testConfig()
	cfg.Deposit, cfg.MaxLocked, cfg.TopUpAt = 500, 500, 0
	a, b := w.add(cfg), w.add(cfg)
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 900)
	if err := a.now().Settle(t.Context(), b.id()); !errors.Is(err, ErrNoRoom) {
		t.Fatal(err)
	}
	// The payer's endpoint lies: its voucher is over the deposit, the payee's
	// endpoint knows.
	a.ledger().lie = func(on onChain) onChain { on.Balance += 1000; return on }
	if err := a.now().tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.now().Settle(t.Context(), b.id()); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	if got := b.balance(a); got.Settled != 500 || got.Exposure != 400 {
		t.Fatalf("%+v", got)
	}
	if err := b.now().Redeem(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mine(3)
	if b.coins() != purse+500 || w.total() != 2*purse {
		t.Fatal(b.coins())
	}
}

// While gas is dear nothing is redeemed that it would eat, what was sent waits
// and is told of, and it goes on afterwards.
func TestGasSpike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 60_000)
	a.work(b, "j/0/0", 60_000)
	a.settle(b)
	w.m.gas = 70_000
	for range 3 {
		if err := b.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.mine(3)
	}
	if got := b.channel(payments.In); got.Doing != "" || got.Redeemed != 0 {
		t.Fatalf("%+v", got)
	}
	w.m.gas = 1000 // worth its gas sixty times: sent, and then it is dear again
	w.m.stuck = true
	if err := b.now().pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mine(5)
	if got := b.channel(payments.In); got.Doing != opRedeem {
		t.Fatalf("%+v", got)
	}
	w.pass(b.cfg.OpenWithin + time.Minute)
	if !slices.Contains(kinds(t, b), KindSlow) {
		t.Fatal("nobody says so")
	}
	w.m.stuck = false
	w.mine(3)
	w.quiet(a, b)
	if b.coins() != purse+60_000 {
		t.Fatal(b.coins())
	}
}

// When vouchers are redeemed: what is worth its gas, and what is old.
func TestRedeemPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gas  uint64
		wait time.Duration
		want bool
	}{
		{"fifty times its gas", 1000, 0, true},
		{"less", 1001, 0, false},
		{"less but old", 1001, 6*time.Hour + time.Minute, true},
		{"old but less than its gas", 50_000, 6*time.Hour + time.Minute, false},
	} {
		w := newWorld(t)
		a, b := w.add(testConfig()), w.add(testConfig())
		a.ready(b, "j/0/0", 50_000)
		a.work(b, "j/0/0", 50_000)
		a.settle(b)
		w.m.gas = c.gas
		w.pass(c.wait)
		if err := b.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.channel(payments.In).Doing == opRedeem; got != c.want {
			t.Errorf("%s: redeeming %t", c.name, got)
		}
	}
}

// A payer that closes while it owes: the payee takes no more of its work, counts
// no more vouchers, has what was promised, and its loss is what was only noted.
func TestPayerClosesEarly(t *testing.T) {
	t.Parallel()
	for _, make := range []func(*testing.T) *world{
		func(t *testing.T) *world { return newWorld(t) }, func(t *testing.T) *world { return newRealWorld(t) },
	} {
		w := make(t)
		a, b := w.pair()
		a.ready(b, "j/0/0", 300)
		a.work(b, "j/0/0", 300)
		a.settle(b)
		a.work(b, "j/1/0", 500)
		late := w.honest(a, b)
		c, err := a.now().stop(a.channel(payments.Out).ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.now().beginClose(t.Context(), c.ID, nil, "to cheat"); err != nil {
			t.Fatal(err)
		}
		w.mine(1) // seen, not final
		if err := b.now().l.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.now().Expect(t.Context(), to(a, "j/2/0", 5)); !errors.Is(err, ErrLate) {
			t.Fatalf("work taken at a close: %v", err)
		}
		w.mine(3)
		if got := w.say(b, late); got != CodeClosing {
			t.Fatalf("voucher taken at a close: %q", got)
		}
		if err := b.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.mine(3)
		if err := b.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.coins() != w.purse+300 || b.channel(payments.In).State != StateClosing {
			t.Fatalf("%d %+v", b.coins(), b.channel(payments.In))
		}
		if len(b.unpaid) != 1 || !strings.Contains(b.unpaid[0], "500 uusdc[j/1/0]") {
			t.Fatalf("told: %q", b.unpaid)
		}
		if got := b.balance(a); got.Exposure != 500 || got.Exposure > got.Window {
			t.Fatalf("%+v", got)
		}
	}
}

// A payee that was away for the whole delay loses what it had not redeemed, says
// so, and the payer's books say the truth too.
func TestPayeeAwayForTheDelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	a.settle(b)
	c, err := a.now().stop(a.channel(payments.Out).ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.now().beginClose(t.Context(), c.ID, nil, "to cheat"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.mine(3)
		w.pass(25 * time.Hour)
		if err := a.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.quiet(a, b)
	if got := b.channel(payments.In); got.State != StateClosed || got.Lost != 300 || got.Redeemed != 0 {
		t.Fatalf("%+v", got)
	}
	if !slices.Contains(kinds(t, b), KindLost) || a.coins() != purse || b.coins() != purse {
		t.Fatalf("%v %d %d", kinds(t, b), a.coins(), b.coins())
	}
}

// Peers that owe for too long get no more work and are told of once.
func TestLatePeer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	if err := b.now().Expect(t.Context(), to(a, "j/1/0", 5)); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	if err := b.now().Expect(t.Context(), to(a, "j/2/0", 5)); !errors.Is(err, ErrLate) || !errors.Is(err, payments.ErrOverLimit) {
		t.Fatal(err)
	}
	if err := b.now().report(t.Context()); err != nil || len(b.unpaid) != 0 {
		t.Fatalf("%q %v", b.unpaid, err)
	}
	w.pass(10 * time.Minute)
	for range 3 {
		if err := b.now().report(t.Context()); err != nil || len(b.unpaid) != 1 {
			t.Fatalf("%q %v", b.unpaid, err)
		}
	}
	a.settle(b)
	if err := b.now().Expect(t.Context(), to(a, "j/2/0", 5)); err != nil {
		t.Fatal(err)
	}
}

// Without a ceiling nothing is locked and nothing signed; with one, no more a day
// than it says.
func TestCeiling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.perDay = 0
	a.restart()
	err := a.tryFund(b, "j/0/0", 300)
	if !errors.Is(err, payments.ErrCeiling) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatal(err)
	}
	w.mine(3)
	if a.coins() != purse {
		t.Fatal("a deposit without a ceiling")
	}
	a.perDay = 1000
	a.restart()
	a.ready(b, "j/0/0", 900)
	a.work(b, "j/0/0", 900)
	a.settle(b)
	a.work(b, "j/1/0", 200)
	if err := a.now().Settle(t.Context(), b.id()); !errors.Is(err, payments.ErrCeiling) {
		t.Fatal(err)
	}
	if got := b.balance(a); got.Settled != 900 || got.Exposure != 200 {
		t.Fatalf("%+v", got)
	}
	a.perDay = 0
	a.restart()
	if err := a.now().Settle(t.Context(), b.id()); !errors.Is(err, payments.ErrCeiling) {
		t.Fatal(err)
	}
	a.perDay = 1000
	a.restart()
	w.pass(25 * time.Hour)
	a.settle(b)
	evenBooks(t, w, a, b, "a day later")
}

// Payees that come and go do not have more locked in a day than was said, and no
// less where its owner says more while the rail runs.
func TestDepositsOfADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := testConfig()
	cfg.Deposit, cfg.MaxLocked, cfg.DayLocked = 300_000, 4_000_000, 700_000
	a := w.add(cfg)
	for i := range 4 {
		b := w.add(cfg)
		err := a.tryFund(b, "j/0/"+string(rune('0'+i)), 200_000)
		if i < 2 && err != nil || i >= 2 && !errors.Is(err, payments.ErrCeiling) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := a.now().Limit(Limits{Deposit: 5, MaxLocked: 4}); !errors.Is(err, ErrConfig) {
		t.Errorf("a deposit of more than may be locked: %v", err)
	}
	if err := a.now().Limit(Limits{Deposit: 300_000, MaxLocked: 4_000_000, DayLocked: 1_000_000}); err != nil {
		t.Fatal(err)
	}
	if err := a.tryFund(w.add(cfg), "j/2/0", 200_000); err != nil {
		t.Fatal(err)
	}
	if err := a.tryFund(w.add(cfg), "j/2/1", 200_000); !errors.Is(err, payments.ErrCeiling) {
		t.Errorf("over the raised limit: %v", err)
	}
	w.pass(25 * time.Hour)
	if err := a.tryFund(w.add(cfg), "j/1/0", 200_000); err != nil {
		t.Fatal(err)
	}
	w.quiet(a)
}

// Deposits: topped up before they are used up, never more than may be locked,
// never more than is there.
func TestDeposits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := testConfig()
	cfg.Deposit, cfg.MaxLocked = 10_000, 25_000
	a, b := w.add(cfg), w.add(cfg)
	for i := range 40 {
		ref := fmt.Sprintf("j/%d/0", i)
		a.ready(b, ref, 1000)
		a.work(b, ref, 1000)
		a.settle(b)
		if got := a.channel(payments.Out); got.Deposit-got.Promised < 1000 || got.Deposit-got.Promised > 20_000 {
			t.Fatalf("%+v", got)
		}
	}
	if list, err := a.now().Channels(t.Context()); err != nil || len(list) != 1 {
		t.Fatalf("%d channels, %v", len(list), err)
	}
	err := a.tryFund(b, "big/0/0", 200_000)
	if !errors.Is(err, ErrDeposit) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatal(err)
	}
	poor := testConfig()
	poor.Deposit, poor.MaxLocked = 2*purse, 4*purse
	c := w.add(poor)
	if err := c.tryFund(b, "c/0/0", 5); !errors.Is(err, ErrDeposit) {
		t.Fatal(err)
	}
	if err := a.now().Release(t.Context(), "never/0/0", "no"); err != nil {
		t.Fatal(err)
	}
	// A ref stands for one payment here too.
	a.ready(b, "again/0/0", 10)
	a.ready(b, "again/0/0", 10)
	if err := a.tryFund(b, "again/0/0", 11); !errors.Is(err, payments.ErrConflict) {
		t.Fatal(err)
	}
	w.quiet(a, b, c)
	evenBooks(t, w, a, b, "at the end")
}

// Terms that a payer does not pay by.
func TestTermsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	p := b.v.place()
	ask := wire.RandomID()
	good := wire.PayTerms{
		Ask: ask, Rail: Name, Unit: string(payments.MicroUSDC), Network: "local",
		Account: p.Wallet.Hex(), Contract: p.Contract.Hex(), Limit: 5, Delay: 3600,
	}
	if _, err := a.now().readTerms(good, ask); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*wire.PayTerms){
		"an answer to something else": func(m *wire.PayTerms) { m.Ask = wire.RandomID() },
		"another rail":                func(m *wire.PayTerms) { m.Rail = "lightning" },
		"another unit":                func(m *wire.PayTerms) { m.Unit = "msat" },
		"another network":             func(m *wire.PayTerms) { m.Network = "polygon" },
		"another contract":            func(m *wire.PayTerms) { m.Contract = p.Wallet.Hex() },
		"no contract":                 func(m *wire.PayTerms) { m.Contract = "" },
		"no account":                  func(m *wire.PayTerms) { m.Account = "" },
		"nobody":                      func(m *wire.PayTerms) { m.Account = common.Address{}.Hex() },
		"ourselves":                   func(m *wire.PayTerms) { m.Account = a.v.place().Wallet.Hex() },
		"a delay for ever":            func(m *wire.PayTerms) { m.Delay = 1 << 40 },
	} {
		m := good
		change(&m)
		if _, err := a.now().readTerms(m, ask); !errors.Is(err, ErrTerms) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a payee signs of a close, and for whom.
func TestCloseRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, m := w.add(testConfig()), w.add(testConfig()), w.add(testConfig())
	a.fund(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	id := a.channel(payments.Out).ID
	ask := wire.Release{Rail: Name, Ref: closeWord + id.Hex(), Hold: wire.ID(id)}
	if got := w.show(b, a, ask); got != CodeNoChannel {
		t.Fatalf("before any introduction: %q", got)
	}
	a.ready(b, "j/0/0", 300)
	a.settle(b)
	if got := w.show(b, m, ask); got != CodeNoChannel {
		t.Fatalf("for somebody else: %q", got)
	}
	bad := ask
	bad.Ref = "close/0x12"
	if got := w.show(b, a, bad); got != CodeForeign {
		t.Fatalf("no channel: %q", got)
	}
	// Once signed, no voucher is taken any more: it would be worth nothing.
	a.work(b, "j/1/0", 200)
	if _, err := b.now().agreeClose(t.Context(), a.id(), ask); err != nil {
		t.Fatal(err)
	}
	if got := w.say(b, w.honest(a, b)); got != CodeClosing {
		t.Fatalf("after it was agreed: %q", got)
	}
	if err := b.now().Expect(t.Context(), to(a, "j/2/0", 5)); !errors.Is(err, ErrLate) {
		t.Fatal(err)
	}
}
