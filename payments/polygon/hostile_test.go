package polygon

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// forge is what a payer says in a voucher, to be changed by a test.
type forge struct {
	doc     wire.Voucher
	key     *ecdsa.PrivateKey // signs the voucher
	at      contract.Contract // for which contract
	channel common.Hash
	as      *node // signs the document and sends it
	raw     func([]byte) []byte
}

// say sends a forged voucher to b and returns the code of the answer; none is a
// countersignature.
func (w *world) say(b *node, f forge) string {
	w.t.Helper()
	sig, err := contract.Sign(f.at.VoucherDigest(contract.ChannelID(f.channel), f.doc.Cumulative, f.doc.Root), f.key)
	if err != nil {
		w.t.Fatal(err)
	}
	raw := sig[:]
	if f.raw != nil {
		raw = f.raw(raw)
	}
	f.doc.Signature = hex.EncodeToString(raw)
	return w.show(b, f.as, f.doc)
}

// show sends a document and returns the code of the answer.
func (w *world) show(b, as *node, doc wire.Message) string {
	w.t.Helper()
	e, err := wire.Seal(as.key, doc, w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	answers, err := as.now().acct.Ask(w.t.Context(), b.id(), e)
	if err != nil || len(answers) != 1 {
		w.t.Fatalf("%d answers, %v", len(answers), err)
	}
	if m, err := wire.Decode[wire.Error](answers[0]); err == nil {
		if m.Ref != e.ID {
			w.t.Fatal("it answers something else")
		}
		return m.Code
	}
	if answers[0].Kind != wire.KindCountersign {
		w.t.Fatalf("answered by a %s", answers[0].Kind)
	}
	return ""
}

// honest is the voucher that a would send b next for all it owes.
func (w *world) honest(a, b *node) forge {
	w.t.Helper()
	d, err := a.now().acct.Owing(w.t.Context(), b.id())
	if err != nil {
		w.t.Fatal(err)
	}
	c := a.channel(payments.Out)
	p := a.now().l.place()
	return forge{
		key: a.hot, at: w.at(), channel: c.ID, as: a,
		doc: wire.Voucher{
			Rail: Name, Network: p.Network, Contract: p.Contract.Hex(), Channel: c.ID.Hex(),
			Cumulative: c.Promised + d.Total - d.Settled, Total: d.Total, Root: d.Root,
		},
	}
}

// Every voucher that a payee must not take, and that none moves anything.
func TestVouchersRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, m := w.add(testConfig()), w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	a.settle(b)
	before := w.honest(a, b)
	a.work(b, "j/1/0", 500)
	m.ready(b, "m/0/0", 400)
	m.work(b, "m/0/0", 400)
	m.settle(b)
	good := w.honest(a, b)
	for _, c := range []struct {
		name string
		want string
		f    func(*forge)
	}{
		{"another rail", CodeForeign, func(f *forge) { f.doc.Rail = "polygon2" }},
		{"another network", CodeForeign, func(f *forge) { f.doc.Network = "amoy" }},
		{"another contract named", CodeForeign, func(f *forge) { f.doc.Contract = common.HexToAddress("0xbad").Hex() }},
		{"signed for another contract", CodeBadVoucher, func(f *forge) { f.at = contract.At(1337, common.HexToAddress("0xbad")) }},
		{"signed for another chain", CodeBadVoucher, func(f *forge) { f.at = contract.At(137, w.m.at.Address) }},
		{"signed by another key", CodeBadVoucher, func(f *forge) { f.key = m.hot }},
		{"signed for another channel", CodeBadVoucher, func(f *forge) { f.channel = m.channel(payments.Out).ID }},
		{"signed for another sum", CodeBadVoucher, func(f *forge) { f.raw = func([]byte) []byte { return sum(t, *f, f.doc.Cumulative+1) } }},
		{"high s", CodeBadVoucher, func(f *forge) { f.raw = highS }},
		{"v of 0", CodeBadVoucher, func(f *forge) { f.raw = func(s []byte) []byte { s[64] -= 27; return s } }},
		{"another peer's channel", CodeBadChannel, func(f *forge) {
			f.channel = m.channel(payments.Out).ID
			f.doc.Channel, f.key = f.channel.Hex(), m.hot
		}},
		{"another peer's voucher", CodeBadChannel, func(f *forge) { f.as = m }},
		{"no such channel", CodeNoChannel, func(f *forge) { f.doc.Channel = common.HexToHash("0x77").Hex() }},
		{"not an id", CodeBadChannel, func(f *forge) { f.doc.Channel = "0x77" }},
		{"the last one's sum", CodeStale, func(f *forge) { f.doc.Cumulative = 300 }},
		{"less than the last one", CodeStale, func(f *forge) { f.doc.Cumulative = 299 }},
		{"over the deposit", CodeOverDeposit, func(f *forge) { f.doc.Cumulative = 1_000_001 }},
		{"more than is noted", CodeDiverged, func(f *forge) { f.doc.Cumulative, f.doc.Total = 900, 900 }},
		{"gives less than it makes good", CodeDiverged, func(f *forge) { f.doc.Cumulative = 799 }},
		{"of other notes", CodeDiverged, func(f *forge) { f.doc.Root[0] ^= 1 }},
	} {
		f := good
		c.f(&f)
		if got := w.say(b, f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := b.balance(a); got.Settled != 300 || b.channel(payments.In).Promised+b.other(a).Promised != 700 {
			t.Fatalf("%s moved something: %+v", c.name, got)
		}
	}
	for range 2 { // and the good one once, however often it comes
		if got := w.say(b, good); got != "" {
			t.Fatal(got)
		}
	}
	if got := w.say(b, before); got != CodeStale {
		t.Fatalf("an older one that was never sent: %q", got)
	}
	if got := b.balance(a); got.Settled != 800 || got.Exposure != 0 {
		t.Fatalf("%+v", got)
	}
	a.settle(b)
	w.quiet(a, b, m)
	evenBooks(t, w, a, b, "after all that")
}

// other is the channel through which n is paid by somebody else than channel
// tells of.
func (n *node) other(from *node) (out Channel) {
	list, err := n.now().Channels(n.w.t.Context())
	if err != nil {
		n.w.t.Fatal(err)
	}
	first := n.channel(payments.In).ID
	for _, c := range list {
		if c.Direction == payments.In && c.ID != first {
			out = c
		}
	}
	return out
}

func sum(t *testing.T, f forge, cum uint64) []byte {
	sig, err := contract.Sign(f.at.VoucherDigest(contract.ChannelID(f.channel), cum, f.doc.Root), f.key)
	if err != nil {
		t.Fatal(err)
	}
	return sig[:]
}

// highS is the other signature that the curve allows for the same message.
func highS(sig []byte) []byte {
	n := crypto.S256().Params().N
	s := common.BytesToHash(sig[32:64]).Big()
	s.Sub(n, s)
	out := bytes.Clone(sig)
	s.FillBytes(out[32:64])
	out[64] = 27 + 28 - out[64]
	return out
}

// Channels that exist and are still none to be paid through.
func TestChannelsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		want string
		b    func(*Config)
		open func(w *world, t *terms)
	}{
		{"delay too short", CodeBadChannel, nil, func(_ *world, t *terms) { t.Delay = 60 }},
		{"to somebody else", CodeNoChannel, nil, func(_ *world, t *terms) { t.Payee = common.HexToAddress("0x1234") }},
		{"signed by the payer's wallet", CodeBadVoucher, nil, func(_ *world, t *terms) { t.Signer = t.Payer }},
		{"one too many", CodeBadChannel, func(c *Config) { c.Channels = 1 }, func(*world, *terms) {}},
	} {
		w := newWorld(t)
		cfg := testConfig()
		if c.b != nil {
			c.b(&cfg)
		}
		a, b := w.add(testConfig()), w.add(cfg)
		a.ready(b, "j/0/0", 300)
		a.work(b, "j/0/0", 300)
		a.settle(b)
		a.work(b, "j/1/0", 500)
		tm := terms{
			Payer: a.v.place().Wallet, Payee: b.v.place().Wallet, Signer: a.v.place().Signer,
			Delay: uint64(24 * time.Hour / time.Second), Salt: 7,
		}
		c.open(w, &tm)
		id := a.ledger().identify(tm)
		if err := a.ledger().do(t.Context(), "test", call{Kind: opOpen, ID: id, Terms: tm, Amount: 5000}); err != nil {
			t.Fatal(err)
		}
		w.mine(3)
		f := w.honest(a, b)
		f.channel, f.doc.Channel, f.doc.Cumulative = id, id.Hex(), 500
		if got := w.say(b, f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A deposit counts when it is final and not before; one that a reorganisation
// took away never counted.
func TestReorgedDeposit(t *testing.T) {
	t.Parallel()
	for _, drop := range []bool{false, true} {
		w := newWorld(t)
		a, b := w.add(testConfig()), w.add(testConfig())
		if err := a.now().Fund(t.Context(), to(b, "j/0/0", 300)); err != nil {
			t.Fatal(err)
		}
		a.work(b, "j/0/0", 300)
		w.mine(2) // in a block with one above it; two make it final
		early := w.honest(a, b)
		if got := w.say(b, early); got != CodeNoChannel {
			t.Fatalf("not final: %q", got)
		}
		if a.balance(b).Available != nil {
			t.Fatal("the payer counts a deposit that is not final")
		}
		w.m.reorg(2, drop)
		if got := w.say(b, early); got != CodeNoChannel {
			t.Fatalf("taken back: %q", got)
		}
		if b.balance(a).Exposure != 300 || b.balance(a).Settled != 0 {
			t.Fatalf("%+v", b.balance(a))
		}
		if drop {
			// The transaction is gone for good and nobody sends it again; the
			// sender proper would. Nothing was counted, nothing is lost.
			w.mine(5)
			if a.coins() != purse {
				t.Fatal(a.coins())
			}
			continue
		}
		w.mine(4)
		w.quiet(a, b)
		evenBooks(t, w, a, b, "after the reorganisation")
	}
}

// A payee that asks at the close for more than it was promised does not get our
// signature: the channel is closed without it.
func TestPayeeOverchargesAtClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pair()
	a.ready(b, "j/0/0", 300)
	a.work(b, "j/0/0", 300)
	a.settle(b)
	id := a.channel(payments.Out).ID
	err := b.s.Update(func(tx store.Txn) error {
		c, err := loadIn(tx, id)
		if err != nil {
			return err
		}
		c.Last.Cum = 900_000
		return put(tx, inKey(id), c)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.now().Close(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if c := a.channel(payments.Out); c.Doing != opClose {
		t.Fatalf("%+v", c)
	}
	for range 3 {
		w.mine(3)
		w.pass(25 * time.Hour)
		if err := a.now().pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.coins() < purse-300 || a.channel(payments.Out).State != StateClosed {
		t.Fatalf("%d %+v", a.coins(), a.channel(payments.Out))
	}
}
