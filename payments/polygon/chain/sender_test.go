package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// bench is a sender on a chain behind a proxy, whose time a test moves.
type bench struct {
	t      *testing.T
	sim    *sim
	proxy  *proxy
	now    *clock
	disk   store.Store
	budget *budget
	cfg    chain.SenderConfig
	signer chain.Signer
	c      *chain.Client
	s      *chain.Sender
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, sim: newSim(t), now: newClock(), disk: store.NewMem(), budget: &budget{limit: 1 << 60}, signer: signer(t, 0)}
	b.proxy = newProxy(t, b.sim.url)
	b.start()
	return b
}

// start begins the sender anew on what is on its disk.
func (b *bench) start() {
	b.t.Helper()
	b.c = dial(b.t, chain.Config{Clock: b.now.Now}, b.proxy.URL)
	s, err := chain.NewSender(b.cfg, b.c, b.signer, b.disk, b.budget, b.now.Now, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.s = s
}

func (b *bench) send(ops ...chain.Op) {
	b.t.Helper()
	for _, op := range ops {
		if err := b.s.Send(b.t.Context(), op); err != nil {
			b.t.Fatal(err)
		}
	}
}

// step looks once.
func (b *bench) step() {
	b.t.Helper()
	if err := b.s.Step(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// later steps after a bump's time.
func (b *bench) later() {
	b.t.Helper()
	b.now.add(31 * time.Second)
	b.step()
}

// mine makes n blocks and steps.
func (b *bench) mine(n int) {
	b.t.Helper()
	b.sim.commit(n)
	b.step()
}

func (b *bench) is(ref string, want chain.State) chain.Sent {
	b.t.Helper()
	x, err := b.s.Status(ref)
	if err != nil || x.State != want {
		b.t.Fatalf("%s is %q, not %q (%s; waiting for %q): %v", ref, x.State, want, x.Reason, x.Waiting, err)
	}
	return x
}

func (b *bench) spent() uint64 {
	b.t.Helper()
	var sum uint64
	err := b.disk.View(func(r store.Reader) (err error) { sum, err = b.budget.spent(r); return err })
	if err != nil {
		b.t.Fatal(err)
	}
	return sum
}

// call is an Op that calls the counter.
func call(ref string, data ...byte) chain.Op {
	return chain.Op{Ref: ref, To: counter, Data: data, Why: "counting"}
}

func TestSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	op := call("chain/one", 1)
	b.send(op, op)
	b.is(op.Ref, chain.Queued)
	b.step()
	x := b.is(op.Ref, chain.Pending)
	if *x.Nonce != 0 || len(x.Tries) != 1 || x.Gas == 0 || b.spent() == 0 {
		t.Errorf("%+v", x)
	}
	b.mine(1)
	x = b.is(op.Ref, chain.Mined)
	if x.Block != b.sim.head() || x.GasUsed == 0 || x.GasPrice == 0 {
		t.Errorf("%+v", x)
	}
	b.mine(1)
	b.is(op.Ref, chain.Mined)
	b.mine(1)
	x = b.is(op.Ref, chain.Final)
	if cost := (x.GasUsed*x.GasPrice + 1e9 - 1) / 1e9; b.spent() < cost || b.spent() > cost+cost/100+1 {
		t.Errorf("budget says %d gwei, it cost %d", b.spent(), cost)
	}
	b.send(op) // for ever
	b.mine(3)
	if n := b.sim.count(); n != 1 {
		t.Errorf("it happened %d times", n)
	}
	other := op
	other.Data = []byte{2}
	if err := b.s.Send(t.Context(), other); !errors.Is(err, chain.ErrOtherOp) {
		t.Error(err)
	}
	if _, err := b.s.Status("chain/none"); !errors.Is(err, chain.ErrNoOp) {
		t.Error(err)
	}
	if err := b.s.Cancel(op.Ref, ""); !errors.Is(err, chain.ErrUnderway) {
		t.Error(err)
	}
}

func TestOps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, op := range map[string]chain.Op{
		"no ref":    {To: counter},
		"long ref":  {Ref: strings.Repeat("a", 201), To: counter},
		"space":     {Ref: "a b", To: counter},
		"nowhere":   {Ref: "a"},
		"itself":    {Ref: "a", To: counter, After: "a"},
		"negative":  {Ref: "a", To: counter, Value: big.NewInt(-1)},
		"huge":      {Ref: "a", To: counter, Value: new(big.Int).Lsh(big.NewInt(1), 200)},
		"long data": {Ref: "a", To: counter, Data: make([]byte, chain.MaxData+1)},
		"gas":       {Ref: "a", To: counter, Gas: 1 << 40},
		"ours":      {Ref: "gap/7", To: counter},
	} {
		if err := b.s.Send(t.Context(), op); !errors.Is(err, chain.ErrOp) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := b.s.List(""); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
	if _, err := chain.NewSender(chain.SenderConfig{}, b.c, b.signer, b.disk, nil, nil, nil); !errors.Is(err, chain.ErrConfig) {
		t.Errorf("a sender without a budget: %v", err)
	}
}

// What reverts is failed before it costs anything; what reverts in a block
// after all has cost its gas. What comes after it fails too.
func TestReverts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	blind := call("chain/blind", 0xff)
	blind.Gas = 100_000
	after := call("chain/after", 1)
	after.After = blind.Ref
	b.send(call("chain/seen", 0xff), after, blind)
	b.step()
	x := b.is("chain/seen", chain.Failed)
	if x.Nonce != nil || !strings.Contains(x.Reason, "revert") {
		t.Errorf("%+v", x)
	}
	if x := b.is(after.Ref, chain.Queued); x.Waiting == "" {
		t.Error("it does not say what it waits for")
	}
	b.mine(1)
	b.mine(2)
	x = b.is(blind.Ref, chain.Failed)
	if x.GasUsed == 0 || b.spent() == 0 {
		t.Errorf("%+v, %d gwei", x, b.spent())
	}
	b.step()
	b.is(after.Ref, chain.Failed)
	if n := b.sim.count(); n != 0 {
		t.Error(n)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.MaxPending = 4
	b.start()
	second := call("chain/a", 2)
	second.After = "chain/z"
	b.send(second, call("chain/z", 1))
	for i := range 10 {
		b.send(call(fmt.Sprintf("chain/%d", i), byte(i+1)))
	}
	late := call("chain/late", 1)
	late.NotAfter = b.now.Now().Add(-time.Second)
	b.send(late, call("chain/cancelled", 1))
	if err := b.s.Cancel("chain/cancelled", "not wanted"); err != nil {
		t.Fatal(err)
	}
	b.step()
	b.is(second.Ref, chain.Queued)
	b.is(late.Ref, chain.Failed)
	open, err := b.s.Open()
	given := 0
	for _, x := range open {
		if x.Nonce != nil {
			given++
		}
	}
	if err != nil || given != 4 {
		t.Errorf("%d have a nonce: %v", given, err)
	}
	for range 8 {
		b.mine(1)
	}
	b.mine(2)
	if n := b.sim.count(); n != 12 {
		t.Errorf("%d of 12 happened", n)
	}
	z, a := b.is("chain/z", chain.Final), b.is("chain/a", chain.Final)
	if *z.Nonce != 0 || *a.Nonce < 4 || b.is("chain/0", chain.Final).Block != z.Block {
		t.Errorf("nonces %d and %d", *z.Nonce, *a.Nonce)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	to := common.Address{7}
	wei, _ := new(big.Int).SetString("1234567890000000001", 10)
	b.send(chain.Op{Ref: "chain/coin", To: to, Value: wei})
	b.step()
	b.mine(1)
	b.mine(2)
	x := b.is("chain/coin", chain.Final)
	got, err := b.c.Balance(t.Context(), to)
	if err != nil || got.Cmp(wei) != 0 || x.Op.Value.Cmp(wei) != 0 {
		t.Error(got, x.Op.Value, err)
	}
	if want := uint64(1234567891); b.spent() < want || b.spent() > want+1e6 {
		t.Errorf("budget says %d gwei for %d and gas", b.spent(), want)
	}
}

func TestRunAndWait(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := chain.Local()
	p.Poll = 10 * time.Millisecond
	b.c = dial(t, chain.Config{Profile: p}, b.proxy.URL)
	s, err := chain.NewSender(b.cfg, b.c, b.signer, b.disk, b.budget, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx) }()
	go func() { ended <- b.c.Run(ctx) }()
	if err := s.Send(ctx, call("chain/a", 1)); err != nil {
		t.Fatal(err)
	}
	done := make(chan chain.Sent, 1)
	go func() {
		x, err := s.Wait(ctx, "chain/a")
		if err != nil {
			t.Error(err)
		}
		done <- x
	}()
	for {
		select {
		case x := <-done:
			if x.State != chain.Final || b.sim.count() != 1 {
				t.Errorf("%+v", x)
			}
			cancel()
			for range 2 {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			return
		case <-time.After(20 * time.Millisecond): // a block every now and then
			b.sim.Commit()
		}
	}
}

// What is journalled is read back as it was.
func TestSentRoundTrip(t *testing.T) {
	t.Parallel()
	n := uint64(7)
	x := chain.Sent{Op: call("a", 1, 2), State: chain.Mined, Nonce: &n, Tries: []chain.Try{{Tip: 1, FeeCap: 2, At: time.Unix(1, 0).UTC()}}, Raw: []byte{1}}
	x.Op.Value = big.NewInt(5)
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var y chain.Sent
	if err := json.Unmarshal(raw, &y); err != nil || !y.Op.Same(x.Op) || *y.Nonce != 7 || y.Tries[0] != x.Tries[0] {
		t.Errorf("%s: %+v, %v", raw, y, err)
	}
}
