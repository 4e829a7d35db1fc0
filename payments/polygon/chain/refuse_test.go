package chain_test

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/payments/polygon/chain"
)

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
