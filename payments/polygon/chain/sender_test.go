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
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

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

// A transaction that does not get in is sent for an eighth more every 30
// seconds, up to the ceiling, where it says so and waits.
func TestBumps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.MaxFee = 6 * chain.Gwei
	b.start()
	b.proxy.says("eth_sendRawTransaction", common.Hash{1}) // says yes and drops it
	b.send(call("chain/slow", 1), call("chain/behind", 2))
	b.step()
	b.step()
	if x := b.is("chain/slow", chain.Pending); len(x.Tries) != 1 {
		t.Errorf("sent %d times at once", len(x.Tries))
	}
	for range 12 {
		b.later()
	}
	x := b.is("chain/slow", chain.Pending)
	if len(x.Tries) < 4 || !strings.Contains(x.Waiting, "ceiling of 6 gwei") {
		t.Errorf("%d tries, waiting for %q", len(x.Tries), x.Waiting)
	}
	for i, try := range x.Tries {
		if try.FeeCap > 6*chain.Gwei || try.Tip > try.FeeCap {
			t.Errorf("try %d offers %+v", i, try)
		}
		if i > 0 && (try.FeeCap*10 < x.Tries[i-1].FeeCap*11 || try.Tip*10 < x.Tries[i-1].Tip*11 || try.At.Sub(x.Tries[i-1].At) < 30*time.Second) {
			t.Errorf("try %d offers %+v after %+v", i, try, x.Tries[i-1])
		}
	}
	if behind := b.is("chain/behind", chain.Pending); len(behind.Tries) != 1 {
		t.Errorf("what waits behind was bumped %d times", len(behind.Tries))
	}
	b.proxy.heal()
	b.later() // sent again at the old fee
	b.later()
	b.mine(1)
	b.mine(2)
	b.is("chain/slow", chain.Final)
	b.is("chain/behind", chain.Final)
	if n := b.sim.count(); n != 2 {
		t.Errorf("%d of 2 happened", n)
	}
}

// The older of two transactions under a nonce gets in, while the newer was the
// last one sent.
func TestOlderTryWins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(call("chain/a", 1))
	b.step()
	b.proxy.says("eth_sendRawTransaction", &rpcError{Code: -32000, Message: "replacement transaction underpriced"})
	b.later()
	x := b.is("chain/a", chain.Pending)
	if len(x.Tries) != 2 || x.Hash != x.Tries[1].Hash || !strings.Contains(x.Waiting, "underpriced") {
		t.Fatalf("%+v", x)
	}
	b.mine(1)
	x = b.is("chain/a", chain.Mined)
	if x.Hash != x.Tries[0].Hash {
		t.Errorf("mined as %s", x.Hash)
	}
	b.mine(2)
	b.is("chain/a", chain.Final)
}

// A pool that forgets is told again.
func TestDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(call("chain/a", 1))
	b.step()
	b.sim.Rollback()
	b.mine(1)
	b.is("chain/a", chain.Pending)
	b.later()
	b.mine(1)
	b.mine(2)
	b.is("chain/a", chain.Final)
	if n := b.sim.count(); n != 1 {
		t.Error(n)
	}
}

// Another holder of the key took the nonce: that is Replaced, once it is final
// and has stayed so, and what was behind goes on.
func TestReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.proxy.says("eth_sendRawTransaction", common.Hash{1})
	b.send(call("chain/lost", 1), call("chain/next", 2))
	b.step()
	b.sim.outside(0, 0, 1e9, 9)
	b.mine(1)
	b.proxy.heal()
	b.is("chain/lost", chain.Pending)
	b.mine(2)
	if x := b.is("chain/lost", chain.Pending); x.Waiting == "" {
		t.Error("it does not say what it waits for")
	}
	b.later()
	b.is("chain/lost", chain.Pending)
	b.later()
	b.is("chain/lost", chain.Replaced)
	b.mine(1)
	b.mine(2)
	b.is("chain/next", chain.Final)
	if n := b.sim.count(); n != 2 {
		t.Error(n)
	}
}

// A receipt that an endpoint does not find for a while is not a replacement.
func TestReceiptLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(call("chain/a", 1))
	b.step()
	b.proxy.says("eth_getTransactionReceipt", nil)
	b.mine(4)
	b.later()
	if x := b.is("chain/a", chain.Pending); !strings.Contains(x.Waiting, "receipt") {
		t.Errorf("%q", x.Waiting)
	}
	b.proxy.says("eth_getTransactionReceipt", &rpcError{Code: -32000, Message: "transaction indexing is in progress"})
	for range 4 {
		b.later()
	}
	b.is("chain/a", chain.Pending)
	b.proxy.heal()
	b.step()
	b.is("chain/a", chain.Final)
}

// A reorg takes a mined transaction out: it is sent again and gets in again.
func TestReorg(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	parent := b.sim.commit(1)
	b.send(call("chain/a", 1))
	b.step()
	b.mine(1)
	first := b.is("chain/a", chain.Mined)
	b.sim.fork(parent, 2)
	b.step()
	x := b.is("chain/a", chain.Pending)
	if x.Block != 0 || b.sim.count() != 0 {
		t.Errorf("%+v", x)
	}
	b.mine(1)
	second := b.is("chain/a", chain.Mined)
	if first.BlockHash == second.BlockHash || second.Hash != first.Hash {
		t.Errorf("%s and %s", first.BlockHash, second.BlockHash)
	}
	// And once more, into another block at once.
	raw := new(types.Transaction)
	if err := raw.UnmarshalBinary(second.Raw); err != nil {
		t.Fatal(err)
	}
	h, err := b.sim.Client().HeaderByHash(t.Context(), second.BlockHash)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Fork(h.ParentHash); err != nil {
		t.Fatal(err)
	}
	b.sim.commit(2)
	b.step()
	if x := b.is("chain/a", chain.Mined); x.BlockHash == second.BlockHash {
		t.Error("still in the block that is gone")
	}
	b.mine(2)
	b.is("chain/a", chain.Final)
	if n := b.sim.count(); n != 1 {
		t.Error(n)
	}
}

// An endpoint told a nonce too high once: the transaction waits behind a gap,
// which is filled.
func TestNonceGap(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.proxy.says("eth_getTransactionCount", "0x3")
	b.send(call("chain/a", 1))
	b.step()
	if x := b.is("chain/a", chain.Pending); *x.Nonce != 3 {
		t.Fatal(*x.Nonce)
	}
	b.proxy.heal()
	b.mine(1)
	b.is("chain/a", chain.Pending)
	b.later()
	b.later()
	b.send(call("chain/b", 2))
	b.step()
	b.mine(1)
	b.mine(1)
	b.mine(2)
	b.is("chain/a", chain.Final)
	b.is("chain/b", chain.Final)
	fillers, err := b.s.List("gap/")
	if err != nil || len(fillers) != 3 {
		t.Errorf("%d fillers: %v", len(fillers), err)
	}
	for _, x := range fillers {
		b.is(x.Op.Ref, chain.Final)
	}
}

// One far out of reach is told, not filled.
func TestNonceFarAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.proxy.says("eth_getTransactionCount", "0xffffff")
	b.send(call("chain/a", 1))
	b.step()
	b.proxy.heal()
	for range 3 {
		b.later()
	}
	if x := b.is("chain/a", chain.Pending); !strings.Contains(x.Waiting, "too far") {
		t.Errorf("%q", x.Waiting)
	}
	if fillers, err := b.s.List("gap/"); err != nil || len(fillers) != 0 {
		t.Error(fillers, err)
	}
}

// Gas over the ceiling: nothing is signed, it says so, and goes on when gas is
// cheap again. What is out already is left as it is.
func TestGasSpike(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.proxy.says("eth_sendRawTransaction", common.Hash{1})
	b.send(call("chain/before", 1))
	b.step()
	b.proxy.edits("eth_getBlockByNumber", map[string]any{"baseFeePerGas": hexutil.Uint64(800 * chain.Gwei)})
	b.send(call("chain/during", 2))
	b.later()
	b.later()
	x := b.is("chain/during", chain.Queued)
	if x.Nonce != nil || !strings.Contains(x.Waiting, "gas costs 800 gwei, the ceiling is 500") {
		t.Errorf("%q", x.Waiting)
	}
	if x := b.is("chain/before", chain.Pending); len(x.Tries) != 1 || !strings.Contains(x.Waiting, "800 gwei") {
		t.Errorf("%d tries, %q", len(x.Tries), x.Waiting)
	}
	b.proxy.heal()
	b.later()
	b.mine(1)
	b.mine(2)
	b.is("chain/before", chain.Final)
	b.is("chain/during", chain.Final)
}

// One endpoint of three that lies about fees does not make us pay.
func TestFeeLie(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	honest, honest2, liar := newProxy(t, s.url), newProxy(t, s.url), newProxy(t, s.url)
	liar.says("eth_maxPriorityFeePerGas", "0x746a528800") // 500 gwei
	liar.edits("eth_getBlockByNumber", map[string]any{"baseFeePerGas": "0x746a528800"})
	c := dial(t, chain.Config{}, honest.URL, honest2.URL, liar.URL)
	f, err := c.Fees(t.Context())
	if err != nil || f.Base > 2*chain.Gwei || f.Tip > 2*chain.Gwei {
		t.Errorf("%+v, %v", f, err)
	}
}

// The ceiling on gas is taken before anything is signed.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.budget.limit = 0
	counting := &refusing{Signer: b.signer}
	b.signer = counting
	b.start()
	b.send(call("chain/a", 1))
	b.step()
	x := b.is("chain/a", chain.Queued)
	if !strings.Contains(x.Waiting, "over the ceiling") || counting.asked != 0 {
		t.Errorf("%q, the signer was asked %d times", x.Waiting, counting.asked)
	}
	b.budget.limit = 1 << 60
	b.step()
	b.is("chain/a", chain.Pending)
}

// refusing is a signer that a test has say no, or sign something else.
type refusing struct {
	chain.Signer
	no    error
	other bool
	asked int
}

func (r *refusing) SignTx(ctx context.Context, tx *types.Transaction, id *big.Int) (*types.Transaction, error) {
	r.asked++
	if r.no != nil && len(tx.Data()) > 0 && tx.Data()[0] == 1 {
		return nil, r.no
	}
	if r.other {
		to := common.Address{6, 6, 6}
		tx = types.NewTx(&types.DynamicFeeTx{ChainID: id, Nonce: tx.Nonce(), To: &to, Value: big.NewInt(1e18), Gas: tx.Gas(), GasTipCap: tx.GasTipCap(), GasFeeCap: tx.GasFeeCap()})
	}
	return r.Signer.SignTx(ctx, tx, id)
}

func (r *refusing) SignTyped(ctx context.Context, d apitypes.TypedData) ([65]byte, error) {
	return r.Signer.SignTyped(ctx, d)
}

// A signer that says no to one Op keeps no other: its nonce goes back.
func TestSignerRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	no := &refusing{Signer: b.signer, no: errors.New("the person said no")}
	b.signer = no
	b.start()
	b.send(call("chain/no", 1), call("chain/yes", 2))
	b.step()
	x := b.is("chain/no", chain.Queued)
	if x.Nonce != nil || !strings.Contains(x.Waiting, "said no") {
		t.Errorf("%+v", x)
	}
	if x := b.is("chain/yes", chain.Pending); *x.Nonce != 0 {
		t.Errorf("nonce %d", *x.Nonce)
	}
	asked := no.asked
	b.step()
	if no.asked != asked {
		t.Error("the signer is asked at every look")
	}
	no.no = nil
	b.later()
	b.mine(1)
	b.mine(2)
	b.is("chain/no", chain.Final)
	b.is("chain/yes", chain.Final)
	if n := b.sim.count(); n != 2 {
		t.Error(n)
	}
}

// One that signs another transaction gets nothing sent.
func TestSignerLies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signer = &refusing{Signer: b.signer, other: true}
	b.start()
	b.send(call("chain/a", 2))
	b.step()
	if x := b.is("chain/a", chain.Queued); !strings.Contains(x.Waiting, "changed the transaction") {
		t.Errorf("%q", x.Waiting)
	}
	if n := b.proxy.calls("eth_sendRawTransaction"); n != 0 {
		t.Errorf("%d sent", n)
	}
}

// While the chain cannot be relied on nothing is sent, and each Op says why.
func TestChainAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(call("chain/a", 1))
	b.proxy.says("eth_getBlockByNumber", &rpcError{Code: -32000, Message: "away"})
	if err := b.s.Step(t.Context()); !errors.Is(err, chain.ErrUnreachable) {
		t.Error(err)
	}
	if x := b.is("chain/a", chain.Queued); !strings.Contains(x.Waiting, "away") {
		t.Errorf("%q", x.Waiting)
	}
	b.proxy.heal()
	b.step()
	b.is("chain/a", chain.Pending)
}

// Two endpoints of which one lies about a receipt: it is never final.
func TestReceiptLie(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	liar := newProxy(t, b.sim.url)
	liar.edits("eth_getTransactionReceipt", map[string]any{"status": "0x0"})
	b.c = dial(t, chain.Config{Clock: b.now.Now}, b.proxy.URL, liar.URL)
	s, err := chain.NewSender(b.cfg, b.c, b.signer, b.disk, b.budget, b.now.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.s = s
	b.send(call("chain/a", 1))
	b.step()
	b.mine(1)
	b.is("chain/a", chain.Mined)
	b.mine(3)
	b.is("chain/a", chain.Mined)
	if _, err := b.c.Last(); !errors.Is(err, chain.ErrDisagree) {
		t.Error(err)
	}
	liar.heal()
	b.step()
	b.is("chain/a", chain.Final)
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
