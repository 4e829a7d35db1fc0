package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/store"
)

// counter is a contract by hand: called with data it adds one to slot 0 and
// logs the first word under topic 1, unless the data begins with ff: then it
// reverts; called without, it returns slot 0.
var (
	counter     = common.HexToAddress("0xc0ffee0000000000000000000000000000000001")
	counterCode = common.FromHex("3615602857" + "60003560f81c60ff14603457" + "600054600101600055" + "600035600052" + "600160206000a100" +
		"5b60005460005260206000f3" + "5b60006000fd")
	topicOne = common.HexToHash("0x01")
)

// sim is a chain in this process, served over HTTP.
type sim struct {
	*evm.Chain
	t     *testing.T
	url   string
	close func()
}

// secret is the i-th key that the chain gave coins to.
func secret(i byte) []byte { return bytes.Repeat([]byte{i + 1}, 32) }

func signer(t *testing.T, i byte) *chain.KeySigner {
	t.Helper()
	k, err := chain.NewKeySigner(secret(i))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSim(t *testing.T) *sim {
	t.Helper()
	alloc := types.GenesisAlloc{counter: {Code: counterCode, Balance: new(big.Int)}}
	for i := range byte(4) {
		alloc[signer(t, i).Address()] = types.Account{Balance: new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)}
	}
	c, err := evm.Start(evm.Config{Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	s := &sim{Chain: c, t: t, url: c.URL()}
	s.close = sync.OnceFunc(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.close)
	c.Commit()
	if err := c.Indexed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// commit makes n blocks.
func (s *sim) commit(n int) (last common.Hash) {
	for range n {
		last = s.Commit()
	}
	return last
}

// fork makes the chain go on from parent with n empty blocks, without the
// transactions that were after it.
func (s *sim) fork(parent common.Hash, n int) {
	s.t.Helper()
	s.Rollback() // it forks only when nothing waits
	if err := s.Fork(parent); err != nil {
		s.t.Fatal(err)
	}
	s.Rollback() // what the fork put back into the pool
	s.commit(n)
}

func (s *sim) head() uint64 {
	s.t.Helper()
	n, err := s.Client().BlockNumber(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// count is how often the counter was called, by the chain itself.
func (s *sim) count() int {
	s.t.Helper()
	raw, err := s.Client().StorageAt(s.t.Context(), counter, common.Hash{}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(new(big.Int).SetBytes(raw).Int64())
}

// outside sends a transaction that no Sender knows.
func (s *sim) outside(i byte, nonce uint64, tip int64, data ...byte) *types.Transaction {
	s.t.Helper()
	key, _ := crypto.ToECDSA(secret(i))
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(1337)), &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: nonce, To: &counter, Gas: 400_000, Data: data,
		GasTipCap: big.NewInt(tip), GasFeeCap: big.NewInt(tip + 10e9),
	})
	if err := s.Client().SendTransaction(s.t.Context(), tx); err != nil {
		s.t.Fatal(err)
	}
	return tx
}

// proxy stands before a chain and does with its answers what a test wants.
type proxy struct {
	*httptest.Server
	to string
	mu sync.Mutex
	// twist is asked for each call; answer fetches the true result.
	twist  map[string]func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error)
	raw    func(w http.ResponseWriter) // in place of any answer
	called map[string]int
}

type rpcRequest struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// rpcError is an answer that is an error.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return e.Message }

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{to: to, called: map[string]int{}}
	p.heal()
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// heal makes it honest.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.twist = map[string]func([]json.RawMessage, func() (json.RawMessage, error)) (any, error){}
	p.raw = nil
}

// on twists the answers to a method.
func (p *proxy) on(method string, fn func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.twist[method] = fn
}

// says has a method always answer v.
func (p *proxy) says(method string, v any) {
	p.on(method, func([]json.RawMessage, func() (json.RawMessage, error)) (any, error) {
		if err, ok := v.(error); ok {
			return nil, err
		}
		return v, nil
	})
}

// edits has fields of objects that a method answers replaced.
func (p *proxy) edits(method string, fields map[string]any) {
	p.on(method, func(_ []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
		raw, err := answer()
		if err != nil {
			return nil, err
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil || m == nil {
			return raw, err
		}
		for k, v := range fields {
			m[k] = v
		}
		return m, nil
	})
}

// answers has all calls answered by fn.
func (p *proxy) answers(fn func(w http.ResponseWriter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = fn
}

func (p *proxy) calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.called[method]
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var req rpcRequest
	if err := json.Unmarshal(body, &req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.called[req.Method]++
	raw, twist := p.raw, p.twist[req.Method]
	p.mu.Unlock()
	if raw != nil {
		raw(w)
		return
	}
	answer := func() (json.RawMessage, error) { return p.forward(r.Context(), body) }
	var result any
	var err error
	if twist != nil {
		result, err = twist(req.Params, answer)
	} else {
		result, err = answer()
	}
	out := map[string]any{"jsonrpc": "2.0", "id": req.ID, "result": result}
	var told *rpcError
	if errors.As(err, &told) {
		out = map[string]any{"jsonrpc": "2.0", "id": req.ID, "error": told}
	} else if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func (p *proxy) forward(ctx context.Context, body []byte) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct {
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	if out.Error != nil {
		return nil, out.Error
	}
	return out.Result, nil
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func dial(t *testing.T, cfg chain.Config, urls ...string) *chain.Client {
	t.Helper()
	if cfg.Profile.Name == "" {
		cfg.Profile = chain.Local()
	}
	cfg.RPCs = urls
	cfg.Timeout = time.Minute // nothing here is about slow endpoints
	c, err := chain.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// budget is a ceiling without a day.
type budget struct{ limit uint64 }

var errOverBudget = errors.New("over the ceiling")

func (b *budget) spent(r store.Reader) (sum uint64, err error) {
	err = r.Scan([]byte("budget/"), func(_, v []byte) error {
		n, err := strconv.ParseUint(string(v), 10, 64)
		sum += n
		return err
	})
	return sum, err
}

func (b *budget) Take(tx store.Txn, ref string, gwei uint64) error {
	key := []byte("budget/" + ref)
	if _, err := tx.Get(key); err == nil {
		return nil
	}
	sum, err := b.spent(tx)
	if err != nil {
		return err
	}
	if sum+gwei > b.limit {
		return fmt.Errorf("%w: %d of %d gwei", errOverBudget, sum, b.limit)
	}
	return tx.Set(key, []byte(strconv.FormatUint(gwei, 10)))
}

func (b *budget) Return(tx store.Txn, ref string) error { return tx.Delete([]byte("budget/" + ref)) }
