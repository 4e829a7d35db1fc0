package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

var errCrash = errors.New("the process was killed")

// crashing is a store of a process that dies at a chosen write: before it, or
// after it reached the disk but before anyone heard so.
type crashing struct {
	store.Store
	mu    sync.Mutex
	left  int // writes until death; below zero it does not come
	after bool
	dead  bool
}

func (c *crashing) View(fn func(store.Reader) error) error {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if dead {
		return errCrash
	}
	return c.Store.View(fn)
}

func (c *crashing) Update(fn func(store.Txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errCrash
	}
	if c.left != 0 {
		c.left--
		return c.Store.Update(fn)
	}
	c.dead = true
	if c.after {
		if err := c.Store.Update(fn); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashing) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
}

// program sends two transactions, the second after the first, bumps the first
// once, loses a block to a reorg, and has both final. It goes on where it is,
// so that it can be run again after a death.
func program(ctx context.Context, b *bench, s *chain.Sender) error {
	second := call("chain/second", 2)
	second.After = "chain/first"
	send := func(op chain.Op) error {
		// The caller does as rails do: asks again under the same ref.
		return s.Send(ctx, op)
	}
	step := func(wait time.Duration, blocks int) error {
		b.now.add(wait)
		err := s.Step(ctx)
		b.sim.commit(blocks)
		return err
	}
	if err := errors.Join(send(call("chain/first", 1)), send(second)); err != nil {
		return err
	}
	if err := step(0, 0); err != nil {
		return err
	}
	if err := step(31*time.Second, 0); err != nil { // a bump
		return err
	}
	parent, err := b.sim.Client().HeaderByNumber(b.t.Context(), nil)
	if err != nil {
		return err
	}
	b.sim.commit(1)
	if err := step(0, 0); err != nil { // mined
		return err
	}
	b.sim.fork(parent.Hash(), 2)
	for range 12 {
		if err := step(5*time.Second, 1); err != nil {
			return err
		}
		if x, err := s.Status(second.Ref); err != nil || x.State.Done() {
			return err
		}
	}
	return nil
}

// settled checks that after a program both happened once, and what the budget
// says.
func settled(b *bench) {
	b.t.Helper()
	first, second := b.is("chain/first", chain.Final), b.is("chain/second", chain.Final)
	if n := b.sim.count(); n != 2 {
		b.t.Errorf("%d of 2 happened", n)
	}
	if *first.Nonce == *second.Nonce {
		b.t.Errorf("both have nonce %d", *first.Nonce)
	}
	cost := (first.GasUsed*first.GasPrice + second.GasUsed*second.GasPrice) / 1e9
	if got := b.spent(); got+2 < cost || got > cost+cost/100+4 {
		b.t.Errorf("budget says %d gwei, it cost %d", got, cost)
	}
}

// The process dies before or after each write to its disk, is started again,
// and both transactions happen once.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	for write := 0; ; write++ {
		died := false
		for _, after := range []bool{false, true} {
			b := newBench(t)
			disk := b.disk
			dying := &crashing{Store: disk, left: write, after: after}
			b.disk = dying
			b.start()
			err := program(t.Context(), b, b.s)
			died = errors.Is(err, errCrash)
			if !died && err != nil {
				t.Fatalf("write %d: %v", write, err)
			}
			b.disk = disk
			b.start()
			if err := program(t.Context(), b, b.s); err != nil {
				t.Fatalf("write %d, after %v: %v", write, after, err)
			}
			settled(b)
			if t.Failed() {
				t.Fatalf("write %d, after %v", write, after)
			}
			b.sim.close()
		}
		if !died {
			if write < 8 {
				t.Errorf("only %d writes", write)
			}
			t.Logf("%d writes", write)
			return
		}
	}
}

// The process dies before or after an endpoint heard a call.
func TestCrashAtCalls(t *testing.T) {
	t.Parallel()
	methods := []string{"eth_sendRawTransaction"}
	if os.Getenv("INFERNET_LONG") != "" {
		methods = append(methods, "eth_estimateGas", "eth_getTransactionReceipt", "eth_getBlockByNumber", "eth_getTransactionCount", "eth_maxPriorityFeePerGas")
	}
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				died := false
				for _, after := range []bool{false, true} {
					died = crashAtCall(t, method, n, after)
				}
				if t.Failed() {
					t.Fatalf("call %d", n)
				}
				if !died {
					t.Logf("%d calls", n)
					return
				}
			}
		})
	}
}

// crashAtCall reports whether there was an n-th call to die at.
func crashAtCall(t *testing.T, method string, n int, after bool) bool {
	t.Helper()
	b := newBench(t)
	defer b.sim.close()
	disk := b.disk
	dying := &crashing{Store: disk, left: -1}
	b.disk = dying
	b.start()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	left, died := n, false
	b.proxy.on(method, func(_ []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
		mu.Lock()
		now := left == 0
		left--
		died = died || now
		mu.Unlock()
		if !now {
			return answer()
		}
		if after {
			answer()
		}
		dying.kill()
		cancel()
		return nil, errors.New("nobody listens")
	})
	err := program(ctx, b, b.s)
	mu.Lock()
	gone := died
	mu.Unlock()
	if err != nil && !gone {
		t.Fatal(err)
	}
	b.proxy.heal()
	b.disk = disk
	b.start()
	if err := program(t.Context(), b, b.s); err != nil {
		t.Fatal(err)
	}
	settled(b)
	return gone
}

// A random life: Ops, blocks, reorgs, lost transactions, dear gas, lies about
// nonces, signers that say no, restarts. In the end each Op that is final
// happened once and no other did.
func TestRandomLife(t *testing.T) {
	t.Parallel()
	seeds, steps := 3, 80
	if os.Getenv("INFERNET_LONG") != "" {
		seeds, steps = 40, 400
	}
	for range seeds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			live(t, rand.New(rand.NewPCG(seed, 1)), steps)
		})
	}
}

func live(t *testing.T, rnd *rand.Rand, steps int) {
	b := newBench(t)
	b.sim.commit(3)
	no := &refusing{Signer: b.signer}
	b.signer = no
	b.start()
	ops := 0
	actions := []func(){
		func() {
			ops++
			op := call(fmt.Sprintf("chain/%03d", ops), byte(1+rnd.IntN(2)))
			if ops > 1 && rnd.IntN(3) == 0 {
				op.After = fmt.Sprintf("chain/%03d", 1+rnd.IntN(ops-1))
			}
			b.send(op)
		},
		func() { b.sim.commit(1 + rnd.IntN(2)) },
		func() { b.sim.commit(1) },
		func() { b.now.add(time.Duration(rnd.IntN(40)) * time.Second) },
		func() { b.sim.Rollback() },
		func() {
			h, err := b.sim.Client().HeaderByNumber(t.Context(), new(big.Int).SetUint64(b.sim.head()-uint64(1+rnd.IntN(2))))
			if err != nil {
				t.Fatal(err)
			}
			b.sim.fork(h.Hash(), 3)
		},
		func() { b.proxy.says("eth_sendRawTransaction", common.Hash{1}) },
		func() {
			b.proxy.edits("eth_getBlockByNumber", map[string]any{"baseFeePerGas": hexutil.Uint64(900 * chain.Gwei)})
		},
		func() { b.proxy.says("eth_getTransactionReceipt", nil) },
		func() { b.proxy.says("eth_getTransactionCount", "0x0") },
		func() { b.proxy.says("eth_getLogs", &rpcError{Code: 1, Message: "no"}) },
		func() { b.proxy.heal() },
		func() { b.proxy.heal() },
		func() { no.no = errors.New("no") },
		func() { no.no = nil },
		func() { b.start() },
	}
	for range steps {
		actions[rnd.IntN(len(actions))]()
		b.step()
	}
	b.proxy.heal()
	no.no = nil
	for range 40 + 3*ops {
		b.later()
		b.sim.commit(1)
	}
	all, err := b.s.List("chain/")
	if err != nil || len(all) != ops {
		t.Fatal(len(all), err)
	}
	nonces := map[uint64]string{}
	for _, x := range all {
		if x.State != chain.Final {
			t.Errorf("%s is %s (%s), waiting for %q", x.Op.Ref, x.State, x.Reason, x.Waiting)
			continue
		}
		if other := nonces[*x.Nonce]; other != "" {
			t.Errorf("%s and %s have nonce %d", x.Op.Ref, other, *x.Nonce)
		}
		nonces[*x.Nonce] = x.Op.Ref
	}
	if n := b.sim.count(); n != ops {
		t.Errorf("%d of %d happened", n, ops)
	}
}
