package chain_test

import (
	"context"
	"errors"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/payments/polygon/chain"
)

// clefAPI speaks Clef's external API as documented, for what the real one does
// not do by itself: change transactions, sign with another key, refuse.
type clefAPI struct {
	mu      sync.Mutex
	key     *chain.KeySigner
	version string
	change  func(*types.DynamicFeeTx)
	refuse  bool
	hang    chan struct{}
}

func (c *clefAPI) set(fn func(*clefAPI)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(c)
}

// Version is account_version.
func (c *clefAPI) Version() string { return c.version }

// SignTransaction is account_signTransaction.
func (c *clefAPI) SignTransaction(ctx context.Context, args apitypes.SendTxArgs) (map[string]any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hang != nil {
		select {
		case <-c.hang:
		case <-ctx.Done():
		}
	}
	if c.refuse {
		return nil, errors.New("request denied")
	}
	inner := &types.DynamicFeeTx{
		ChainID: args.ChainID.ToInt(), Nonce: uint64(args.Nonce), Gas: uint64(args.Gas), Value: args.Value.ToInt(),
		GasTipCap: args.MaxPriorityFeePerGas.ToInt(), GasFeeCap: args.MaxFeePerGas.ToInt(), Data: *args.Input,
	}
	to := args.To.Address()
	inner.To = &to
	if c.change != nil {
		c.change(inner)
	}
	tx, err := c.key.SignTx(ctx, types.NewTx(inner), inner.ChainID)
	if err != nil {
		return nil, err
	}
	raw, err := tx.MarshalBinary()
	return map[string]any{"raw": hexutil.Bytes(raw), "tx": tx}, err
}

// SignTypedData is account_signTypedData.
func (c *clefAPI) SignTypedData(ctx context.Context, _ common.MixedcaseAddress, data apitypes.TypedData) (hexutil.Bytes, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		return nil, errors.New("request denied")
	}
	sig, err := c.key.SignTyped(ctx, data)
	return sig[:], err
}

func serveClef(t *testing.T, c *clefAPI) string {
	t.Helper()
	s := rpc.NewServer()
	if err := s.RegisterName("account", c); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() { h.Close(); s.Stop() })
	return h.URL
}

func TestClef(t *testing.T) {
	t.Parallel()
	k := signer(t, 0)
	api := &clefAPI{key: k, version: "6.1.0"}
	url := serveClef(t, api)
	c, err := chain.DialClef(t.Context(), url, k.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	signsAs(t, c, k.Address())

	other := common.Address{6}
	for name, change := range map[string]func(*types.DynamicFeeTx){
		"to":    func(tx *types.DynamicFeeTx) { tx.To = &other },
		"value": func(tx *types.DynamicFeeTx) { tx.Value = big.NewInt(2) },
		"data":  func(tx *types.DynamicFeeTx) { tx.Data = []byte{9} },
		"nonce": func(tx *types.DynamicFeeTx) { tx.Nonce++ },
		"fee":   func(tx *types.DynamicFeeTx) { tx.GasFeeCap = big.NewInt(5e10) },
		"gas":   func(tx *types.DynamicFeeTx) { tx.Gas *= 10 },
	} {
		api.set(func(c *clefAPI) { c.change = change })
		if _, err := c.SignTx(t.Context(), transfer(counter, 1, []byte{1}), big.NewInt(1337)); !errors.Is(err, chain.ErrSigner) {
			t.Errorf("changed %s: %v", name, err)
		}
	}
	api.set(func(c *clefAPI) { c.change, c.key = nil, signer(t, 1) })
	if _, err := c.SignTx(t.Context(), transfer(counter, 1, nil), big.NewInt(1337)); !errors.Is(err, chain.ErrSigner) {
		t.Errorf("another key: %v", err)
	}
	if _, err := c.SignTyped(t.Context(), typed(1)); !errors.Is(err, chain.ErrSigner) {
		t.Errorf("another key: %v", err)
	}
	api.set(func(c *clefAPI) { c.key, c.refuse = k, true })
	if _, err := c.SignTx(t.Context(), transfer(counter, 1, nil), big.NewInt(1337)); !errors.Is(err, chain.ErrSigner) || !strings.Contains(err.Error(), "denied") {
		t.Errorf("refused: %v", err)
	}
	hang := make(chan struct{})
	api.set(func(c *clefAPI) { c.refuse, c.hang = false, hang })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.SignTx(ctx, transfer(counter, 1, nil), big.NewInt(1337)); !errors.Is(err, chain.ErrSigner) {
		t.Errorf("nobody nods: %v", err)
	}
	close(hang)
}

func TestDialClef(t *testing.T) {
	t.Parallel()
	k := signer(t, 0)
	old := serveClef(t, &clefAPI{key: k, version: "5.0.0"})
	for name, test := range map[string]struct {
		at   string
		of   common.Address
		want error
	}{
		"old":        {old, k.Address(), chain.ErrSigner},
		"no account": {old, common.Address{}, chain.ErrConfig},
		"outside":    {"http://clef.example/", k.Address(), chain.ErrConfig},
		"nobody":     {"http://127.0.0.1:1/", k.Address(), chain.ErrSigner},
		"no socket":  {t.TempDir() + "/clef.ipc", k.Address(), chain.ErrSigner},
	} {
		if _, err := chain.DialClef(t.Context(), test.at, test.of); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// signsAs has a signer sign both kinds, and checks them.
func signsAs(t *testing.T, s chain.Signer, who common.Address) {
	t.Helper()
	asked := transfer(counter, 1, []byte{1, 2, 3, 4})
	tx, err := s.SignTx(t.Context(), asked, big.NewInt(1337))
	if err != nil {
		t.Fatal(err)
	}
	rules := types.LatestSignerForChainID(big.NewInt(1337))
	if by, err := types.Sender(rules, tx); err != nil || by != who || rules.Hash(tx) != rules.Hash(asked) {
		t.Errorf("%s signed: %v", by, err)
	}
	sig, err := s.SignTyped(t.Context(), typed(7))
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := apitypes.TypedDataAndHash(typed(7))
	if err != nil {
		t.Fatal(err)
	}
	if by, err := chain.Recover(common.BytesToHash(digest), sig); err != nil || by != who {
		t.Errorf("%s signed: %v", by, err)
	}
}
