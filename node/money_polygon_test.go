package node_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/chaintest"
)

// usdc has a member ask so much for a unit of work.
func usdc(micro uint64) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Config.Provider.Prices = []payments.Amount{{Value: micro, Unit: payments.MicroUSDC}}
	}
}

// onPolygon connects a member to the chain as its i-th account.
func onPolygon(t *testing.T, m *nodetest.Member, c *chaintest.Chain, i int, perDay string) api.Wallet {
	t.Helper()
	key := filepath.Join(t.TempDir(), "usdc.key")
	if err := os.WriteFile(key, []byte(hex.EncodeToString(crypto.FromECDSA(c.Key(i)))), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := m.API().Connect(t.Context(), api.ConnectRequest{
		Rail: "polygon", Network: "local", RPC: []string{c.URL()}, Key: key, PerDay: perDay, Deposit: "1 USDC",
		Contract: c.Contract.Address.Hex(), Token: c.Token.Address.Hex(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A job with a cheater, paid in USDC through channels: what left the client is
// in the contract or with the providers, to the millionth, and the cheater has
// nothing.
func TestPolygonJob(t *testing.T) {
	t.Parallel()
	chain := chaintest.Start(t)
	chain.Instant(200 * time.Millisecond)
	c := nodetest.New(t)
	var providers []*nodetest.Member
	for i := range 3 {
		p := c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider, usdc(100))
		onPolygon(t, p, chain, i+1, "")
		providers = append(providers, p)
	}
	liar := c.Add("cheater", node.RoleProvider, usdc(100), cheat)
	onPolygon(t, liar, chain, 4, "")
	client := c.Add("client", node.RoleClient)
	w := onPolygon(t, client, chain, 0, "10 USDC")
	if w.State != "ready" || w.OnChain.Amount != 1_000_000_000_000 || w.LeftToday.Amount != 10_000_000 {
		t.Errorf("%+v", w)
	}

	dir, name := nodetest.Lines(t, 100)
	text := strings.ReplaceAll(spec, "payment: {rail: credit, max: 1000}", "payment: {max: 0.1 USDC}")
	j, runs := cheated(t, client, liar, fmt.Sprintf(text, "upper", nodetest.Image(t), name), dir)
	if j.State != "done" || j.Shards.OK != 10 {
		t.Fatalf("job is %s: %s %s\n%+v", j.State, j.Reason, j.Hint, j.Shards)
	}
	if len(j.Cheaters) != 1 || j.Cheaters[0].NPub != liar.NPub() || j.Cheaters[0].PaidForWrong != 0 {
		t.Errorf("cheaters: %+v", j.Cheaters)
	}
	// Twenty good results of ten units at 100 each.
	if j.Cost.Amount != 20_000 || j.Cost.Unit != "uusdc" {
		t.Errorf("it cost %+v", j.Cost)
	}
	nodetest.Predicate(t, 20*time.Second, "vouchers cover all that was earned", func() bool {
		var promised uint64
		for _, p := range providers {
			promised += channels(t, p).promised
		}
		return promised == runs*20_000
	})
	if got := channels(t, liar); got.promised != 0 {
		t.Errorf("the cheater is promised %d", got.promised)
	}
	// What left the client is in the contract, or redeemed by a provider. A deposit
	// that is on its way counts in the books before it does on the chain.
	nodetest.Predicate(t, 20*time.Second, "all money is where the books say", func() bool {
		held := chain.Balance(chain.Contract.Address)
		for i := range 5 {
			held += chain.Balance(chain.Address(i))
		}
		left, locked := chain.Balance(chain.Address(0)), channels(t, client).capacity
		return held == 5*1_000_000_000_000 && left+locked == 1_000_000_000_000 && locked > 0
	})
	reconciled(t, client)
	for _, p := range providers {
		reconciled(t, p)
	}
}

// sums are those of a member's channels.
type sums struct{ capacity, promised uint64 }

func channels(t *testing.T, m *nodetest.Member) (out sums) {
	t.Helper()
	all, err := m.API().Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range all {
		out.capacity += ch.Capacity.Amount
		out.promised += ch.Spent.Amount
	}
	return out
}

func wallet(t *testing.T, m *nodetest.Member, rail string) api.Wallet {
	t.Helper()
	all, err := m.API().Wallets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if w.Rail == rail {
			return w
		}
	}
	t.Fatalf("no rail %s: %+v", rail, all)
	return api.Wallet{}
}

// reconciled waits until journal, rails and receipts agree: what is under way
// when a job ends is a difference until it is not.
func reconciled(t *testing.T, m *nodetest.Member) {
	t.Helper()
	nodetest.NoError(t, 20*time.Second, func() error {
		all, err := m.API().Reconcile(t.Context())
		for _, r := range all {
			if r.Error != "" || len(r.Differences) > 0 {
				return fmt.Errorf("%s of %s: %+v", r.Rail, m.NPub()[:12], r)
			}
		}
		return err
	})
}

// The node's own key opens no money: who steals it can spend nothing, and its
// owner is kept from using it so.
func TestNodeKeyIsNoMoney(t *testing.T) {
	t.Parallel()
	chain := chaintest.Start(t)
	m := nodetest.New(t).Add("client", node.RoleClient)
	k, err := identity.Load(node.KeyPath(m.Config.Home), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := k.Libp2p().Raw()
	if err != nil {
		t.Fatal(err)
	}
	stolen := filepath.Join(t.TempDir(), "stolen.key")
	if err := os.WriteFile(stolen, []byte(hex.EncodeToString(raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = m.API().Connect(t.Context(), api.ConnectRequest{
		Rail: "polygon", Network: "local", RPC: []string{chain.URL()}, Key: stolen, PerDay: "1 USDC", Deposit: "1 USDC",
		Contract: chain.Contract.Address.Hex(), Token: chain.Token.Address.Hex(),
	})
	if err == nil || !strings.Contains(err.Error(), "node's own key") {
		t.Errorf("%v", err)
	}
	all, err := m.API().Wallets(t.Context())
	if err != nil || len(all) != 1 || all[0].Rail != "credit" {
		t.Errorf("%+v, %v", all, err)
	}
}

// A wallet cannot be exchanged for another while channels need its key, nor the
// contract for another; the refusal names them, and closing them is the way out.
func TestWalletHoldsChannels(t *testing.T) {
	t.Parallel()
	chain := chaintest.Start(t)
	chain.Instant(200 * time.Millisecond)
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, usdc(100))
	onPolygon(t, p, chain, 1, "")
	client := c.Add("client", node.RoleClient)
	onPolygon(t, client, chain, 0, "10 USDC")
	var ch api.MoneyChannel
	nodetest.NoError(t, 20*time.Second, func() (err error) {
		ch, err = client.API().Open(t.Context(), api.OpenRequest{Rail: "polygon", Peer: p.NPub(), Amount: "1 USDC"})
		return err
	})
	connect := func(i int, contract string) error {
		key := filepath.Join(t.TempDir(), "usdc.key")
		if err := os.WriteFile(key, []byte(hex.EncodeToString(crypto.FromECDSA(chain.Key(i)))), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := client.API().Connect(t.Context(), api.ConnectRequest{
			Rail: "polygon", Network: "local", RPC: []string{chain.URL()}, Key: key, PerDay: "10 USDC", Deposit: "1 USDC",
			Contract: contract, Token: chain.Token.Address.Hex(),
		})
		return err
	}
	ours, other := chain.Contract.Address.Hex(), chain.Address(7).Hex()
	refused := func(what string, err error) {
		t.Helper()
		var coded *api.Error
		if !errors.As(err, &coded) || coded.Code != api.CodeConflict || !strings.Contains(coded.Message, ch.ID) || !strings.Contains(coded.Hint, "wallet close "+ch.ID) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("another key", connect(2, ours))
	refused("another contract", connect(0, other))
	if w := wallet(t, client, "polygon"); w.Account != chain.Address(0).Hex() {
		t.Errorf("%+v", w)
	}
	nodetest.NoError(t, 30*time.Second, func() error {
		_, err := client.API().Close(t.Context(), api.CloseRequest{Channel: ch.ID})
		return err
	})
	nodetest.Predicate(t, 60*time.Second, "the channel is closed", func() bool {
		all, err := client.API().Channels(t.Context())
		return err == nil && len(all) == 1 && all[0].State == "closed"
	})
	var coded *api.Error
	if err := connect(2, ours); !errors.As(err, &coded) || !strings.Contains(coded.Message, "was kept") {
		t.Errorf("%v", err)
	}
}

// A network without a contract that everybody knows says what to do.
func TestNoContract(t *testing.T) {
	t.Parallel()
	m := nodetest.New(t).Add("client", node.RoleClient)
	for _, network := range []string{"polygon", "amoy", "local"} {
		_, err := m.API().Connect(t.Context(), api.ConnectRequest{
			Rail: "polygon", Network: network, RPC: []string{"http://127.0.0.1:1"}, Key: "k", PerDay: "1 USDC", Deposit: "1 USDC",
		})
		var coded *api.Error
		if !errors.As(err, &coded) || !strings.Contains(coded.Message, network) ||
			!strings.Contains(coded.Hint, "--contract") || !strings.Contains(coded.Hint, "wallet deploy --network "+network) {
			t.Errorf("%s: %v", network, err)
		}
	}
}
