package polygon

import (
	"context"
	"log/slog"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// realPurse is what the accounts of chaintest begin with.
const realPurse = 1_000_000_000_000

// newRealWorld is a world on the contract itself, in an EVM.
func newRealWorld(t testing.TB) *world {
	w := &world{t: t, nodes: map[identity.PubKey]*node{}, purse: realPurse, began: time.Now(), c: chaintest.Start(t)}
	t.Cleanup(w.served.Wait)
	return w
}

func realConfig(w *world) Config {
	cfg := testConfig()
	cfg.Contract, cfg.Token = w.at().Address, evm.Token().Address
	return cfg
}

func (w *world) evm() bool { return w.c != nil || w.far != nil }

// at is the contract, wherever it is.
func (w *world) at() contract.Contract {
	if w.evm() {
		return evm.Contract()
	}
	return w.m.at
}

func (w *world) client() (*ethclient.Client, string) {
	if w.far != nil {
		return w.far.Client, w.far.URL
	}
	return w.c.Client(), w.c.URL()
}

func (w *world) balance(of common.Address) uint64 {
	w.t.Helper()
	c, _ := w.client()
	v, err := evm.Token().Balance(w.t.Context(), c, of, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// real makes the node's rail with all that a node has, over HTTP.
func (n *node) real(d Deps) (*Rail, error) {
	_, url := n.w.client()
	wire := &mortalWire{s: n.s}
	client, err := chain.Dial(context.Background(), chain.Config{
		Profile: chain.Local(), RPCs: []string{url}, Transport: wire, Clock: n.w.now, Log: d.Log, Timeout: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	n.w.t.Cleanup(client.Close)
	wire.live = true // what every client does at its start is no effect of the rail
	if d.Wallet, err = chain.NewKeySigner(crypto.FromECDSA(n.wallet)); err != nil {
		return nil, err
	}
	if d.Voucher, err = chain.NewKeySigner(crypto.FromECDSA(n.hot)); err != nil {
		return nil, err
	}
	sending := store.Prefix(n.s, "sender/")
	d.Client = client
	d.Sender, err = chain.NewSender(chain.SenderConfig{}, client, d.Wallet, sending,
		ceiling.New(sending, "gwei", 1_000_000_000, n.w.now), n.w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return New(n.cfg, d)
}

// mortalWire is a connection to an endpoint that dies with its process.
type mortalWire struct {
	s    *mortal
	live bool
}

func (m *mortalWire) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.live {
		if err := m.s.each("rpc", false); err != nil {
			r.Body.Close()
			return nil, err
		}
	}
	out, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && m.s.isDead() {
		out.Body.Close()
		return nil, errCrash
	}
	return out, err
}

// fees is all that a node spent on gas, by its sender's own account of it.
func (n *node) fees(t *testing.T) *big.Int {
	t.Helper()
	list, err := n.now().l.(*onchain).sender.List("")
	if err != nil {
		t.Fatal(err)
	}
	sum := new(big.Int)
	for _, s := range list {
		if s.State != chain.Final {
			t.Fatalf("%s is %s: %s%s", s.Op.Ref, s.State, s.Reason, s.Waiting)
		}
		used := new(big.Int).SetUint64(s.GasUsed)
		sum.Add(sum, used.Mul(used, new(big.Int).SetUint64(s.GasPrice)))
	}
	return sum
}

func (n *node) ether(t *testing.T) *big.Int {
	t.Helper()
	client, _ := n.w.client()
	v, err := client.BalanceAt(t.Context(), crypto.PubkeyToAddress(n.wallet.PublicKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The life of a channel on the contract itself: every micro-USDC and every wei
// is accounted for.
func TestLifeOnChain(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	a, b := w.add(realConfig(w)), w.add(realConfig(w))
	ether := []*big.Int{a.ether(t), b.ether(t)}
	live(t, w, a, b)
	for i, n := range []*node{a, b} {
		spent := new(big.Int).Sub(ether[i], n.ether(t))
		if fees := n.fees(t); spent.Cmp(fees) != 0 || spent.Sign() <= 0 {
			t.Errorf("node %d spent %s wei, its sender says %s", i, spent, fees)
		}
	}
}

// A payer whose payee has gone gets its money back after the delay.
func TestCloseAlone(t *testing.T) {
	t.Parallel()
	for _, make := range []func(testing.TB) *world{newWorld, newRealWorld} {
		w := make(t)
		a, b := w.pair()
		a.ready(b, "j/0/0", 700)
		a.work(b, "j/0/0", 700)
		a.settle(b)
		w.fault("refuses connections")
		w.fault("refuses connections")
		if err := a.now().Close(t.Context(), a.channel("out").ID); err != nil {
			t.Fatal(err)
		}
		w.quiet(a, b)
		if s := a.channel("out"); s.State != StateClosing || a.coins() != w.purse-1_000_000 {
			t.Fatalf("%+v %d", s, a.coins())
		}
		if s := b.channel("in"); s.State != StateClosing || s.Redeemed != 700 {
			t.Fatalf("the payee did not redeem at once: %+v", s)
		}
		w.pass(25 * time.Hour)
		w.quiet(a, b)
		if a.coins() != w.purse-700 || b.coins() != w.purse+700 || b.channel("in").Lost != 0 {
			t.Fatalf("%d and %d", a.coins(), b.coins())
		}
	}
}
