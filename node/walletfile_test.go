package node

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"infernet.tech/infernet/payments"
)

func TestWalletFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if w, err := loadWallets(home); err != nil || w.Lightning != nil || w.Polygon != nil {
		t.Fatalf("of a new home: %+v, %v", w, err)
	}
	want := walletFile{
		Lightning: &lightningWallet{LND: "127.0.0.1:10009", Macaroon: "/m", TLS: "/t", PerDay: 5},
		Polygon:   &polygonWallet{Network: "local", RPC: []string{"http://127.0.0.1:1"}, Key: "/k", Contract: "0x1", Deposit: 7, GasPerDay: 9},
	}
	if err := saveWallets(home, want); err != nil {
		t.Fatal(err)
	}
	if w, err := loadWallets(home); err != nil || !reflect.DeepEqual(w, want) {
		t.Fatalf("%+v, %v", w, err)
	}
	path := filepath.Join(home, walletFileName)
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadWallets(home); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("of a broken file: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadWallets(home); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("of a file that others read: %v", err)
	}
}

// A ceiling that nobody named spends nothing, and one in another unit is none.
func TestCeilingOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{"": 0, "5 sat": 5000, "0 sat": 0, "7 msat": 7} {
		if got, err := ceilingOf("per-day", text, payments.MilliSat); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"5", "5 credits", "1 USDC", "-5 sat", "0.0001 sat", "9999999999999999999999 sat"} {
		if got, err := ceilingOf("per-day", text, payments.MilliSat); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	if _, err := ceilingOf("per-day", "1 USDC", payments.MilliSat); !errors.Is(err, payments.ErrUnit) {
		t.Errorf("a foreign unit: %v", err)
	}
}
