package chain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/payments/polygon/chain"
)

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
