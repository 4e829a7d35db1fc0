package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/contract"
)

// A contract is put on a chain under a ceiling, and not without one.
func TestWalletDeploy(t *testing.T) {
	t.Parallel()
	c := chaintest.Start(t)
	c.Instant(100 * time.Millisecond)
	key := filepath.Join(t.TempDir(), "gas.key")
	if err := os.WriteFile(key, []byte(hex.EncodeToString(crypto.FromECDSA(c.Key(2)))), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(code int, more ...string) (d deployed) {
		t.Helper()
		var out, errw bytes.Buffer
		args := append([]string{"wallet", "deploy", "--json", "--network", "local", "--rpc", c.URL(), "--key", key, "--token", c.Token.Address.Hex()}, more...)
		if got := run(t.Context(), args, strings.NewReader(""), &out, &errw); got != code {
			t.Fatalf("%v: exit %d\n%s%s", more, got, out.String(), errw.String())
		}
		if code == 0 {
			if err := json.Unmarshal(out.Bytes(), &d); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	there := func(at string) bool {
		code, err := c.Client().CodeAt(t.Context(), common.HexToAddress(at), nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(code) > 0
	}
	plan := said(0)
	if plan.Sent || there(plan.Contract) {
		t.Fatalf("sent without a ceiling: %+v", plan)
	}
	said(exitRefused, "--max-cost", "0.000000001")
	if there(plan.Contract) {
		t.Fatal("sent above the ceiling")
	}
	done := said(0, "--max-cost", plan.Most, "--min-delay", "2h")
	if !done.Sent || done.Contract != plan.Contract || !there(done.Contract) {
		t.Fatalf("%+v", done)
	}
	at := contract.At(chain.Local().ChainID, common.HexToAddress(done.Contract))
	if token, delay, err := at.Terms(t.Context(), c.Client(), nil); err != nil || token != c.Token.Address || delay != 7200 {
		t.Fatalf("%s %d %v", token, delay, err)
	}
}

func TestCoins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0.2": "200000000000000000", "1": "1000000000000000000", "0.000000000000000001": "1", ".5": "500000000000000000",
	} {
		if wei, err := weiOf(text); err != nil || wei.String() != want {
			t.Errorf("%s: %s %v", text, wei, err)
		}
	}
	for _, bad := range []string{"-1", "1e3", "0x1", "1.0000000000000000001", " 1", "1,5", strings.Repeat("9", 50), "+1"} {
		if wei, err := weiOf(bad); err == nil {
			t.Errorf("%q is read as %s", bad, wei)
		}
	}
	for wei, want := range map[int64]string{0: "0", 1: "0.000001", 1_500_000_000_000_000: "0.0015", 1_000_000_000_000_000_000: "1"} {
		if got := coins(big.NewInt(wei)); got != want {
			t.Errorf("%d is %s", wei, got)
		}
	}
}
