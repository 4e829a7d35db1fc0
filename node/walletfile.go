package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/polygon"
)

// walletFile is what a node keeps of the wallets its owner connected: where they
// are and how they are opened. Keys stay where they were; an NWC secret, which
// is a key, stands here, so the file is readable by its owner alone.
type walletFile struct {
	Lightning *lightningWallet `json:"lightning,omitempty"`
	Polygon   *polygonWallet   `json:"polygon,omitempty"`
}

// of is the wallet of a rail; nil for none.
func (f walletFile) of(rail string) walletConf {
	switch {
	case rail == lightning.Name && f.Lightning != nil:
		return *f.Lightning
	case rail == polygon.Name && f.Polygon != nil:
		return *f.Polygon
	}
	return nil
}

// put takes a wallet in, in the place of one of the same rail.
func (f *walletFile) put(conf walletConf) {
	switch w := conf.(type) {
	case lightningWallet:
		f.Lightning = &w
	case polygonWallet:
		f.Polygon = &w
	}
}

// lightningWallet is an lnd node, or a wallet behind NOSTR Wallet Connect.
type lightningWallet struct {
	LND      string `json:"lnd,omitempty"` // host:port
	Macaroon string `json:"macaroon,omitempty"`
	TLS      string `json:"tls,omitempty"`
	NWC      string `json:"nwc,omitempty"`
	Network  string `json:"network,omitempty"` // that it was on when it was connected, where it told
	PerDay   uint64 `json:"per_day"`           // msat; 0: only receive
}

// polygonWallet is an account on a chain and who signs for it.
type polygonWallet struct {
	Network   string   `json:"network"`
	RPC       []string `json:"rpc"`
	Key       string   `json:"key,omitempty"`
	Password  string   `json:"password,omitempty"`
	Clef      string   `json:"clef,omitempty"`
	Address   string   `json:"address,omitempty"`
	Contract  string   `json:"contract"`
	Token     string   `json:"token,omitempty"`      // where the network has none of its own
	GasPerDay uint64   `json:"gas_per_day"`          // 10^-9 of the coin
	CoinPrice uint64   `json:"coin_price,omitempty"` // uusdc for a whole coin; 0: the network's default
	Deposit   uint64   `json:"deposit"`              // uusdc put into a channel that a job needs
	PerDay    uint64   `json:"per_day"`              // uusdc; 0: only receive
}

const walletFileName = "wallet.json"

// loadWallets reads the wallets of a home; none were connected is no error.
func loadWallets(home string) (w walletFile, err error) {
	path := filepath.Join(home, walletFileName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return w, fmt.Errorf("%s can be read by others: chmod 600 it", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, fmt.Errorf("%s cannot be read as it is (mend it, or move it away and connect the wallets again): %w", path, err)
	}
	return w, nil
}

// saveWallets writes them so that a crash leaves the old file or the new one.
func saveWallets(home string, w walletFile) error {
	raw, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(home, walletFileName+".*") // 0600 by itself
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(append(raw, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(home, walletFileName))
}

// unitName is what people call a unit: sat, USDC.
func unitName(unit payments.Unit) string {
	_, name, _ := strings.Cut(payments.Amount{Unit: unit}.Human(), " ")
	return name
}

// ceilingOf reads a ceiling in a unit; none is zero, which spends nothing.
func ceilingOf(what, text string, unit payments.Unit) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	a, err := payments.ParseHuman(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if a.Unit != unit {
		return 0, fmt.Errorf("%s: %s is no amount in %s: %w", what, a.Human(), unitName(unit), payments.ErrUnit)
	}
	return a.Value, nil
}
