package polygon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// strict gives a stranger credit for less than any work of these tests costs.
func strict(limit, cover uint64) Config {
	cfg := testConfig()
	cfg.Account.Limit, cfg.MaxCover = limit, cover
	return cfg
}

func (n *node) room(of *node) uint64 {
	n.w.t.Helper()
	room, err := n.now().RoomFor(context.Background(), of.id())
	if err != nil {
		n.w.t.Fatal(err)
	}
	return room.Value
}

// A first shard that is dearer than the credit of strangers: the payee hears of
// the channel before it is asked to work, on a model and on the contract itself.
func TestFirstShardAboveCredit(t *testing.T) {
	t.Parallel()
	for _, real := range []bool{false, true} {
		w := newWorld(t)
		cfg := strict(1000, 5_000_000)
		if real {
			w = newRealWorld(t)
			cfg.Contract, cfg.Token = realConfig(w).Contract, realConfig(w).Token
		}
		a, b := w.add(cfg), w.add(cfg)
		if err := b.now().Expect(t.Context(), to(a, "j/0/0", 700_000)); !errors.Is(err, payments.ErrOverLimit) {
			t.Fatalf("before there is a channel: %v", err)
		}
		a.fund(b, "j/0/0", 700_000)
		if got := b.room(a); got != 1_001_000 {
			t.Fatalf("room for %d beside a channel of 1,000,000", got)
		}
		b.expect(a, "j/0/0", 700_000)
		if got := b.room(a); got != 301_000 {
			t.Fatalf("room for %d beside what is expected", got)
		}
		// The same deposit is not there for a second shard as well.
		if err := b.now().Expect(t.Context(), to(a, "j/1/0", 301_001)); !errors.Is(err, payments.ErrOverLimit) {
			t.Fatalf("counted twice: %v", err)
		}
		a.fund(b, "j/1/0", 900_000)
		b.expect(a, "j/1/0", 900_000)
		for i, v := range []uint64{700_000, 900_000} {
			a.pay(b, fmt.Sprintf("j/%d/0", i), v)
			a.settle(b)
		}
		w.quiet(a, b)
		got := b.balance(a)
		if free := a.channel(payments.Out).Final - 1_600_000; got.Settled != 1_600_000 || got.Window != 1000+free || got.Left != got.Window {
			t.Fatalf("%+v with %d free", got, free)
		}
		closeAll(t, w, a, b)
		if a.coins() != w.purse-1_600_000 || b.coins() != w.purse+1_600_000 {
			t.Fatalf("%d and %d", a.coins(), b.coins())
		}
	}
}

// What a payee will never let be owed opens no channel.
func TestFundAboveCover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(strict(1000, 5_000)), w.add(strict(1000, 5_000))
	if err := a.tryFund(b, "j/0/0", 6_001); !errors.Is(err, payments.ErrOverLimit) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatal(err)
	}
	if list, err := a.now().Channels(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("%+v %v", list, err)
	}
	a.fund(b, "j/1/0", 6_000)
	b.expect(a, "j/1/0", 6_000)
	if got := b.room(a); got != 0 {
		t.Fatalf("room for %d above the most", got)
	}
}

// introduced is what a says to introduce its channel, to be changed by a test.
type introduced struct {
	ask     wire.PayTermsAsk
	payer   *node // that signed for itself
	key     *node // whose voucher key signs
	at      contract.Contract
	channel common.Hash
	as      *node // who sends it
}

// meets sends it and returns the code of the refusal, "" where there is none.
func (w *world) meets(b *node, f introduced) string {
	w.t.Helper()
	v := introduction(f.payer.id(), b.id())
	sig, err := contract.Sign(f.at.VoucherDigest(contract.ChannelID(f.channel), 0, v.Root), f.key.hot)
	if err != nil {
		w.t.Fatal(err)
	}
	if f.ask.Proof == "" {
		f.ask.Proof = hex.EncodeToString(sig[:])
	}
	e, err := wire.Seal(f.as.key, f.ask, w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	answers, err := f.as.now().acct.Ask(w.t.Context(), b.id(), e)
	if err != nil || len(answers) != 1 {
		w.t.Fatalf("%d answers, %v", len(answers), err)
	}
	if m, err := wire.Decode[wire.Error](answers[0]); err == nil {
		return m.Code
	}
	return ""
}

// Every introduction that a payee must not take, and that none gives room.
func TestIntroductionsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := strict(1000, 5_000_000)
	a, b, m := w.add(cfg), w.add(cfg), w.add(cfg)
	open := func(from, to *node) common.Hash {
		id, err := from.now().Open(t.Context(), to.id(), 400_000)
		if err != nil {
			t.Fatal(err)
		}
		w.mine(3)
		return id
	}
	ours, other, theirs := open(a, b), open(a, m), open(m, b)
	good := introduced{
		ask: wire.PayTermsAsk{Rail: Name, Channel: ours.Hex()}, payer: a, key: a, at: w.at(), channel: ours, as: a,
	}
	as := func(id common.Hash, f *introduced) { f.channel, f.ask.Channel = id, id.Hex() }
	for _, c := range []struct {
		name, want string
		f          func(*introduced)
	}{
		{"a channel to another payee", CodeNoChannel, func(f *introduced) { as(other, f) }},
		{"no such channel", CodeNoChannel, func(f *introduced) { as(common.HexToHash("0x77"), f) }},
		{"not an id", CodeBadChannel, func(f *introduced) { f.ask.Channel = "0x77" }},
		{"another payer's channel", CodeBadVoucher, func(f *introduced) { as(theirs, f) }},
		{"seen on the chain before its payer came", CodeBadVoucher, func(f *introduced) { f.as, f.payer, f.key = m, m, m }},
		{"what the payer said, by another", CodeBadVoucher, func(f *introduced) { f.as = m }},
		{"signed for another contract", CodeBadVoucher, func(f *introduced) { f.at = contract.At(1337, common.HexToAddress("0xbad")) }},
		{"signed for another chain", CodeBadVoucher, func(f *introduced) { f.at = contract.At(137, w.at().Address) }},
		{"signed for another channel", CodeBadVoucher, func(f *introduced) { f.channel = theirs }},
		{"no signature", CodeBadVoucher, func(f *introduced) { f.ask.Proof = fmt.Sprintf("%0130x", 0) }},
	} {
		f := good
		c.f(&f)
		if got := w.meets(b, f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, n := range []*node{a, m} {
			if got := b.room(n); got != 1000 {
				t.Fatalf("%s gives room for %d", c.name, got)
			}
		}
	}
	for range 3 { // and the good one once, however often it comes
		if got := w.meets(b, good); got != "" {
			t.Fatal(got)
		}
		if got := b.room(a); got != 401_000 {
			t.Fatalf("room for %d", got)
		}
	}
	late := good
	late.as, late.payer, late.key = m, m, m
	if got := w.meets(b, late); got != CodeBadChannel || b.room(m) != 1000 {
		t.Fatalf("of another peer: %q", got)
	}
	// A voucher that would introduce it, too, is no introduction.
	zero := w.honest(a, b)
	zero.doc.Cumulative, zero.doc.Total, zero.doc.Root = 0, 0, wire.ID(introduction(a.id(), b.id()).Root)
	if got := w.say(b, zero); got != CodeStale {
		t.Fatalf("a voucher of nothing: %q", got)
	}
}

// A deposit that is not final, reorganised away, on its way back or gone covers
// nothing; what was accepted under it can be paid all the same.
func TestCoverEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := strict(1000, 5_000_000)
	a, b := w.add(cfg), w.add(cfg)
	id, err := a.now().Open(t.Context(), b.id(), 400_000)
	if err != nil {
		t.Fatal(err)
	}
	early := introduced{ask: wire.PayTermsAsk{Rail: Name, Channel: id.Hex()}, payer: a, key: a, at: w.at(), channel: id, as: a}
	w.m.mine(1)
	if got := w.meets(b, early); got != CodeNoChannel || b.room(a) != 1000 {
		t.Fatalf("not final: %q, room for %d", got, b.room(a))
	}
	w.m.reorg(1, false)
	w.m.mine(2) // it is in another block now, and in none that is final
	if got := w.meets(b, early); got != CodeNoChannel || b.room(a) != 1000 {
		t.Fatalf("taken back: %q, room for %d", got, b.room(a))
	}
	a.ready(b, "j/0/0", 300_000)
	if got := b.room(a); got != 401_000 {
		t.Fatalf("room for %d", got)
	}
	b.expect(a, "j/0/0", 300_000)
	if err := a.now().ForceClose(t.Context(), a.current(b)); err != nil {
		t.Fatal(err)
	}
	w.mine(1) // seen in a block that is not final
	if err := b.now().l.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.room(a); got != 0 {
		t.Fatalf("room for %d while it is being closed", got)
	}
	if got := b.balance(a); got.Window != 1000 || got.Expected != 300_000 {
		t.Fatalf("%+v", got)
	}
	a.pay(b, "j/0/0", 300_000) // the note is taken, and another channel makes it good
	w.quiet(a, b)
	w.quiet(a, b)
	if got := b.balance(a); got.Settled != 300_000 || got.Exposure != 0 {
		t.Fatalf("%+v", got)
	}
	w.pass(25 * time.Hour)
	w.quiet(a, b)
	closeAll(t, w, a, b)
	if got := b.room(a); got != 1000 || a.coins() != purse-300_000 {
		t.Fatalf("room for %d, %d left", got, a.coins())
	}
}

// A payer cannot have its deposit back at once while it covers what is owed or
// worked for: the payee signs no close, and the payer's own takes the delay.
func TestNoCloseUnderCover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := strict(1000, 5_000_000)
	a, b := w.add(cfg), w.add(cfg)
	a.ready(b, "j/0/0", 300_000)
	id := a.current(b)
	ask := wire.Release{Rail: Name, Ref: closeWord + id.Hex(), Hold: wire.ID(id)}
	b.expect(a, "j/0/0", 300_000)
	if got := w.show(b, a, ask); got != CodeOwing {
		t.Fatalf("while work is under way: %q", got)
	}
	a.pay(b, "j/0/0", 300_000)
	if got := w.show(b, a, ask); got != CodeOwing {
		t.Fatalf("while it is owed: %q", got)
	}
	if got := b.room(a); got != 701_000 {
		t.Fatalf("room for %d: a refusal changes nothing", got)
	}
	a.settle(b)
	b.expect(a, "j/1/0", 1000) // on credit, as without any channel
	if _, err := b.now().agreeClose(t.Context(), a.id(), ask); err != nil {
		t.Fatal(err)
	}
	if got := b.room(a); got != 0 {
		t.Fatalf("room for %d after it", got)
	}
}

// current is the channel that n pays peer through.
func (n *node) current(peer *node) common.Hash {
	n.w.t.Helper()
	c, ok, err := n.now().currentTo(peer.id())
	if err != nil || !ok {
		n.w.t.Fatal("no channel", err)
	}
	return c.ID
}

// A payee that was replaced by one with empty books hears of the channel again.
func TestIntroducedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := strict(1000, 5_000_000)
	a, b := w.add(cfg), w.add(cfg)
	a.ready(b, "j/0/0", 2000)
	if err := b.now().s.Update(func(tx store.Txn) error {
		return errors.Join(tx.Delete(inKey(a.current(b))), tx.Delete(ofKey(a.id(), a.current(b))))
	}); err != nil {
		t.Fatal(err)
	}
	if got := b.room(a); got != 1000 {
		t.Fatal(got)
	}
	w.pass(a.cfg.TermsAge)
	a.fund(b, "j/1/0", 3000)
	if got := b.room(a); got != 1_001_000 {
		t.Fatal(got)
	}
}

// A payee that will not have the channel made for it costs one deposit, which
// comes back, however often it is asked.
func TestSpurnedChannelIsTheLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := strict(1000, 5_000_000)
	a, b := w.add(cfg), w.add(cfg)
	if _, err := a.now().termsOf(t.Context(), b.id()); err != nil {
		t.Fatal(err)
	}
	b.cfg.MinDelay = a.cfg.Delay + time.Hour // not what it said before
	b.restart()
	for i := range 3 {
		err := a.tryFund(b, fmt.Sprintf("j/%d/0", i), 2000)
		if !errors.Is(err, ErrRefused) || payments.OutcomeOf(err) != payments.NotCharged {
			t.Fatalf("%d: %v", i, err)
		}
		if list, err := a.now().Channels(t.Context()); err != nil || len(list) != 1 {
			t.Fatalf("%d: %d channels, %v", i, len(list), err)
		}
	}
	w.quiet(a)
	w.pass(a.cfg.Delay + time.Hour)
	w.quiet(a)
	if a.coins() != purse {
		t.Fatalf("%d came back of %d", a.coins(), purse)
	}
	a.fund(b, "j/3/0", 2000) // by what it says now
	b.expect(a, "j/3/0", 2000)
}

// Whatever payers do, what a payee has accepted and not been promised stays
// under its limit and what the chain holds for it, by the model's own account of
// the final blocks, each time that it accepts.
func TestCoverBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		cfg := strict(500, 3_000)
		cfg.Deposit, cfg.MaxLocked = 2_000, 40_000
		a, b := w.add(cfg), w.add(cfg)
		ctx := t.Context()
		open := map[string]uint64{}
		for i := range rapid.IntRange(5, 40).Draw(rt, "steps") {
			ref, v := fmt.Sprintf("j/%d/0", i), rapid.Uint64Range(1, 2500).Draw(rt, "amount")
			switch rapid.SampledFrom([]string{
				"fund", "expect", "expect", "expect", "pay", "settle", "settle", "pass", "mine", "mine", "close", "reorg", "redeem", "hours",
			}).Draw(rt, "do") {
			case "fund":
				_ = a.tryFund(b, ref, v) // the chain goes on meanwhile
			case "expect":
				if b.now().Expect(ctx, to(a, ref, v)) == nil {
					open[ref] = v
					w.bounded(rt, a, b)
				}
			case "pay":
				for ref, v := range open {
					_, _ = a.now().Pay(ctx, to(b, ref, v))
					delete(open, ref)
				}
			case "settle":
				_ = a.now().Settle(ctx, b.id())
			case "pass":
				_ = a.now().pass(ctx)
			case "mine":
				w.mine(rapid.IntRange(1, 4).Draw(rt, "blocks"))
			case "reorg":
				w.m.reorg(rapid.IntRange(1, 2).Draw(rt, "blocks"), false)
			case "close":
				if c, ok, _ := a.now().currentTo(b.id()); ok {
					_ = a.now().Close(ctx, c.ID)
				}
			case "redeem":
				_ = b.now().Redeem(ctx)
			case "hours":
				w.pass(7 * time.Hour)
			}
		}
	})
}

// bounded holds the payee's account against the last final block.
func (w *world) bounded(rt *rapid.T, a, b *node) {
	got := b.balance(a)
	promised := map[common.Hash]uint64{}
	list, err := b.now().Channels(context.Background())
	if err != nil {
		rt.Fatal(err)
	}
	for _, c := range list {
		promised[c.ID] = c.Promised
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	free := uint64(0)
	for id, ch := range w.m.blocks[w.m.finalHeight()].channels {
		if ch.terms.Payee == b.v.place().Wallet && !ch.ended && ch.closeAt.IsZero() {
			free += ch.balance - max(promised[id], ch.claimed)
		}
	}
	if owed := got.Exposure + got.Expected; owed > b.cfg.Account.Limit+min(free, b.cfg.MaxCover) {
		rt.Fatalf("%d owed or expected, %d covers it beyond %d: %+v", owed, free, b.cfg.Account.Limit, got)
	}
}
