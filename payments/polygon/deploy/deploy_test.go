package deploy_test

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/payments/polygon/deploy"
)

// A contract put on a chain is found where the plan said, costs what the account
// lost and no more than planned, and takes a channel.
func TestDeploy(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	c.Instant(100 * time.Millisecond)
	cfg := deploy.Config{Profile: chain.Local(), RPC: c.URL(), Token: c.Token.Address, MinDelay: time.Hour}
	d, err := deploy.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	by, err := chain.NewKeySigner(crypto.FromECDSA(c.Key(1)))
	if err != nil {
		t.Fatal(err)
	}
	ether := func() *big.Int {
		v, err := c.Client().BalanceAt(t.Context(), by.Address(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := ether()
	p, err := d.Plan(t.Context(), by.Address())
	if err != nil || ether().Cmp(before) != 0 {
		t.Fatal("a plan costs nothing", err)
	}
	got, err := d.Do(t.Context(), p, by)
	if err != nil {
		t.Fatal(err)
	}
	spent := new(big.Int).Sub(before, ether())
	if spent.Cmp(got.Paid) != 0 || spent.Cmp(p.Most()) > 0 || spent.Sign() <= 0 {
		t.Errorf("spent %s, told %s, planned %s at most", spent, got.Paid, p.Most())
	}
	at := contract.At(chain.Local().ChainID, p.Contract)
	if token, delay, err := at.Terms(t.Context(), c.Client(), nil); err != nil || token != c.Token.Address || delay != 3600 {
		t.Fatalf("%s %d %v", token, delay, err)
	}
	// The same plan again finds what it did and sends nothing.
	again, err := d.Do(t.Context(), p, by)
	if err != nil || again.Tx != got.Tx || new(big.Int).Sub(before, ether()).Cmp(spent) != 0 {
		t.Fatalf("%+v %v", again, err)
	}
}

// What is refused before anything is spent.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	good := deploy.Config{Profile: chain.Local(), RPC: c.URL(), Token: c.Token.Address, MinDelay: time.Hour}
	for name, change := range map[string]func(*deploy.Config){
		"another chain": func(c *deploy.Config) { c.Profile = chain.Amoy() },
		"no token":      func(c *deploy.Config) { c.Token = common.Address{} },
		"nothing there": func(c *deploy.Config) { c.Token = common.HexToAddress("0xdead") },
	} {
		cfg := good
		change(&cfg)
		if _, err := deploy.Dial(t.Context(), cfg); !errors.Is(err, deploy.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, delay := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond} {
		cfg := good
		cfg.MinDelay = delay
		d, err := deploy.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Plan(t.Context(), c.Address(1)); !errors.Is(err, deploy.ErrConfig) {
			t.Errorf("%s: %v", delay, err)
		}
		d.Close()
	}
	d, err := deploy.Dial(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if p, err := d.Plan(t.Context(), common.HexToAddress("0xbeef")); !errors.Is(err, deploy.ErrFunds) || p.Gas == 0 {
		t.Errorf("an empty account: %+v %v", p, err)
	}
}
