package chain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chain"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	local := chain.Local()
	none := local
	none.MaxFee = 0
	for name, cfg := range map[string]chain.Config{
		"no endpoint":     {Profile: local},
		"four endpoints":  {Profile: local, RPCs: []string{"https://a", "https://b", "https://c", "https://d"}},
		"one twice":       {Profile: local, RPCs: []string{"https://a", "https://a"}},
		"quorum of three": {Profile: local, RPCs: []string{"https://a", "https://b"}, Quorum: 3},
		"no scheme":       {Profile: local, RPCs: []string{"a.example/key"}},
		"websocket":       {Profile: local, RPCs: []string{"wss://a"}},
		"plain outside":   {Profile: local, RPCs: []string{"http://93.184.216.34/"}},
		"plain name":      {Profile: local, RPCs: []string{"http://rpc.example/"}},
		"no profile":      {RPCs: []string{"https://a"}},
		"no fee":          {Profile: none, RPCs: []string{"https://a"}},
	} {
		if err := cfg.Validate(); !errors.Is(err, chain.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"https://rpc.example/k", "http://127.0.0.1:8545", "http://localhost", "http://[::1]:1", "http://10.1.2.3", "http://192.168.0.9"} {
		if err := (chain.Config{Profile: local, RPCs: []string{url}}).Validate(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := (chain.Config{Profile: local, RPCs: []string{"http://geth:8545"}, Plain: true}).Validate(); err != nil {
		t.Error(err)
	}
	if _, err := chain.ProfileByName("mainnet"); !errors.Is(err, chain.ErrConfig) {
		t.Error(err)
	}
	for id, name := range map[uint64]string{137: "polygon", 80002: "amoy", 1337: "local"} {
		if p, err := chain.ProfileByName(name); err != nil || p.ChainID != id || p.Validate() != nil {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	a, b := newProxy(t, s.url), newProxy(t, s.url)
	c := dial(t, chain.Config{}, a.URL, b.URL)
	ctx := t.Context()
	s.outside(1, 0, 1e9, 7)
	s.commit(1)
	_, at, err := c.CallFinal(ctx, chain.Call{To: counter})
	if err != nil || at.Number != s.head()-2 {
		t.Fatal(at, err)
	}
	s.commit(2)
	out, at, err := c.CallFinal(ctx, chain.Call{To: counter}, chain.Call{To: counter})
	if err != nil || len(out) != 2 || out[0][31] != 1 || at.Number != s.head()-2 {
		t.Fatal(out, at, err)
	}
	hash, err := c.CodeHash(ctx, counter)
	if err != nil || hash != crypto.Keccak256Hash(counterCode) {
		t.Error(hash, err)
	}
	if _, err := c.CodeHash(ctx, common.Address{9}); !errors.Is(err, chain.ErrNoCode) {
		t.Error(err)
	}
	if n, err := c.Balance(ctx, signer(t, 0).Address()); err != nil || n.Cmp(new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)) != 0 {
		t.Error(n, err)
	}
	var reverted *chain.RevertError
	if _, err := c.Try(ctx, chain.Call{To: counter, Data: []byte{0xff}}); !errors.Is(err, chain.ErrReverted) || !errors.As(err, &reverted) {
		t.Error(err)
	}
	if _, _, err := c.CallFinal(ctx, chain.Call{To: counter, Data: []byte{0xff}}); !errors.Is(err, chain.ErrReverted) {
		t.Error(err)
	}
	logs, err := c.Logs(ctx, chain.LogQuery{Address: counter, Topics: [][]common.Hash{{topicOne}}, To: 1 << 40})
	if err != nil || len(logs) != 1 || logs[0].Data[0] != 7 {
		t.Error(logs, err)
	}
	logs, err = c.Logs(ctx, chain.LogQuery{Address: counter, Topics: [][]common.Hash{{}, {topicOne}}, To: 1 << 40})
	if err != nil || len(logs) != 0 {
		t.Error(logs, err)
	}
	if f, err := c.Fees(ctx); err != nil || f.Base == 0 || f.Tip == 0 {
		t.Error(f, err)
	}
	if v, err := c.Last(); err != nil || v.Final.Number != s.head()-2 || len(v.Endpoints) != 2 {
		t.Error(v, err)
	}
}

// A lie of one of two endpoints about anything that money hangs on gives no
// value, and closes the gate for a minute.
func TestOneLies(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.outside(1, 0, 1e9, 7)
	s.commit(4)
	type read func(*chain.Client) error
	call := func(c *chain.Client) error {
		_, _, err := c.CallFinal(t.Context(), chain.Call{To: counter})
		return err
	}
	word := hexutil.Encode(common.LeftPadBytes([]byte{99}, 32))
	for name, test := range map[string]struct {
		lie  func(*proxy)
		read read
	}{
		"block hash": {func(p *proxy) { p.edits("eth_getBlockByNumber", map[string]any{"hash": common.Hash{9}}) }, call},
		"state":      {func(p *proxy) { p.says("eth_call", word) }, call},
		"revert":     {func(p *proxy) { p.says("eth_call", &rpcError{Code: 3, Message: "execution reverted"}) }, call},
		"code": {func(p *proxy) { p.says("eth_getCode", "0x60") },
			func(c *chain.Client) error { _, err := c.CodeHash(t.Context(), counter); return err }},
		"balance": {func(p *proxy) { p.says("eth_getBalance", "0x1") },
			func(c *chain.Client) error { _, err := c.Balance(t.Context(), counter); return err }},
		"no logs": {func(p *proxy) { p.says("eth_getLogs", []any{}) },
			func(c *chain.Client) error {
				_, err := c.Logs(t.Context(), chain.LogQuery{Address: counter, To: 100})
				return err
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			honest, liar := newProxy(t, s.url), newProxy(t, s.url)
			now := newClock()
			c := dial(t, chain.Config{Clock: now.Now}, honest.URL, liar.URL)
			if err := test.read(c); err != nil {
				t.Fatal(err)
			}
			test.lie(liar)
			if err := test.read(c); !errors.Is(err, chain.ErrDisagree) {
				t.Errorf("read: %v", err)
			}
			liar.heal()
			if _, err := c.View(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := c.Last(); !errors.Is(err, chain.ErrDisagree) {
				t.Errorf("the gate is open right after a lie: %v", err)
			}
			now.add(2 * time.Minute)
			if _, err := c.View(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := c.Last(); err != nil {
				t.Errorf("the gate stays closed: %v", err)
			}
			if err := test.read(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnotherChain(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	p := newProxy(t, s.url)
	cfg := chain.Config{Profile: chain.Amoy(), RPCs: []string{p.URL}}
	if _, err := chain.Dial(t.Context(), cfg); !errors.Is(err, chain.ErrChainID) {
		t.Error(err)
	}
	// One that is away at the start is asked later.
	p.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
	c := dial(t, chain.Config{Profile: chain.Amoy()}, p.URL)
	if _, err := c.View(t.Context()); !errors.Is(err, chain.ErrUnreachable) {
		t.Error(err)
	}
	p.heal()
	if _, err := c.View(t.Context()); !errors.Is(err, chain.ErrChainID) {
		t.Error(err)
	}
	if _, err := c.Last(); !errors.Is(err, chain.ErrChainID) {
		t.Error(err)
	}
}

// lagging profile: an hour is as a minute, so that the simulated chain's real
// clock does not matter.
func lagging() chain.Profile {
	p := chain.Local()
	p.MaxLag = time.Hour
	return p
}

func TestLag(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.commit(5)
	var ps []*proxy
	var urls []string
	for range 3 {
		p := newProxy(t, s.url)
		ps, urls = append(ps, p), append(urls, p.URL)
	}
	now := newClock()
	three := dial(t, chain.Config{Profile: lagging(), Clock: now.Now}, urls...)
	two := dial(t, chain.Config{Profile: lagging(), Clock: now.Now}, urls[:2]...)
	one := dial(t, chain.Config{Profile: lagging(), Clock: now.Now}, urls[0])
	check := func(what string, c *chain.Client, want error) {
		t.Helper()
		v, err := c.View(t.Context())
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if len(v.Endpoints) == 0 {
			t.Errorf("%s: the view tells nothing", what)
		}
	}
	for _, c := range []*chain.Client{one, two, three} {
		check("all well", c, nil)
	}
	old := hexutil.Uint64(now.Now().Add(-2 * time.Hour).Unix())
	ps[0].edits("eth_getBlockByNumber", map[string]any{"timestamp": old})
	check("one lags", one, chain.ErrStale)
	check("one of two lags", two, chain.ErrStale)
	check("one of three lags", three, nil)
	ps[0].edits("eth_getBlockByNumber", map[string]any{"timestamp": hexutil.Uint64(now.Now().Add(2 * time.Hour).Unix())})
	check("one is ahead of time", two, chain.ErrStale)
	ps[0].answers(func(w http.ResponseWriter) { panic(http.ErrAbortHandler) })
	check("one of two is gone", two, chain.ErrUnreachable)
	check("one of three is gone", three, nil)
	ps[1].answers(func(w http.ResponseWriter) { panic(http.ErrAbortHandler) })
	check("two of three are gone", three, chain.ErrUnreachable)
	if _, err := three.Last(); err != nil {
		t.Errorf("a short absence closes the gate: %v", err)
	}
	now.add(61 * time.Minute)
	if _, err := three.Last(); !errors.Is(err, chain.ErrStale) {
		t.Errorf("a long absence: %v", err)
	}
	// An endpoint whose final block stands still would have us read the past.
	ps[0].heal()
	ps[0].on("eth_getBlockByNumber", func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
		raw, err := answer()
		if err != nil || string(params[0]) == `"latest"` {
			var m map[string]any
			json.Unmarshal(raw, &m)
			m["timestamp"] = hexutil.Uint64(now.Now().Unix())
			return m, err
		}
		var m map[string]any
		json.Unmarshal(raw, &m)
		m["timestamp"] = hexutil.Uint64(now.Now().Add(-3 * time.Hour).Unix())
		return m, err
	})
	check("final stands still", one, chain.ErrStale)
}

// The final block is the oldest that all call final, and only then compared.
func TestFinalTag(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.commit(10)
	p := chain.Local()
	p.Depth = 0
	a, b := newProxy(t, s.url), newProxy(t, s.url)
	tag := func(n uint64) func([]json.RawMessage, func() (json.RawMessage, error)) (any, error) {
		return func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
			if string(params[0]) != `"finalized"` {
				return answer()
			}
			h, err := s.Client().HeaderByNumber(t.Context(), new(big.Int).SetUint64(n))
			return h, err
		}
	}
	a.on("eth_getBlockByNumber", tag(8))
	b.on("eth_getBlockByNumber", tag(6))
	c := dial(t, chain.Config{Profile: p}, a.URL, b.URL)
	v, err := c.View(t.Context())
	if err != nil || v.Final.Number != 6 || v.Head.Number != s.head() {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	body := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, text) }
	}
	result := func(text string) func(http.ResponseWriter) {
		return body(`{"jsonrpc":"2.0","id":1,"result":` + text + `}`)
	}
	for name, fn := range map[string]func(http.ResponseWriter){
		"html":       body("<html>no</html>"),
		"nothing":    body(""),
		"half":       body(`{"jsonrpc":"2.0","id":1,"resu`),
		"null":       result("null"),
		"a number":   result("7"),
		"an array":   result("[1,2]"),
		"half block": result(`{"number":"0x1"}`),
		"bad hash":   result(`{"number":"0x1","hash":"0x12","parentHash":"0x0","timestamp":"0x1"}`),
		"time": result(`{"number":"0x1","hash":"` + strings.Repeat("0x00000000", 1) + strings.Repeat("0", 56) +
			`","parentHash":"0x` + strings.Repeat("0", 64) + `","timestamp":"0xffffffffffffffff"}`),
		"huge": func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":"`)
			for range 8 << 10 {
				if _, err := fmt.Fprint(w, strings.Repeat("a", 1<<10)); err != nil {
					return
				}
			}
		},
		"refused": body(`{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"\u001b[31mlimit exceeded\n"}}`),
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", s.url)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"401":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"hangs": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, s.url)
			c := dial(t, chain.Config{MaxAnswer: 1 << 20}, p.URL+"/topsecret")
			p.answers(fn)
			_, err := c.View(t.Context())
			if !errors.Is(err, chain.ErrUnreachable) {
				t.Errorf("view: %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 600) {
				t.Errorf("the error shows what it should not: %q", err)
			}
			t.Log(err)
		})
	}
}

// An endpoint that takes only small ranges of logs is asked for small ones.
func TestLogsInHalves(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for i := range 20 {
		s.outside(1, uint64(i), 1e9, byte(i+1))
		s.commit(1)
	}
	s.commit(2)
	p := newProxy(t, s.url)
	p.on("eth_getLogs", func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
		var q struct{ FromBlock, ToBlock hexutil.Uint64 }
		json.Unmarshal(params[0], &q)
		if q.ToBlock-q.FromBlock > 3 {
			return nil, &rpcError{Code: -32005, Message: "query returned more than 10000 results"}
		}
		return answer()
	})
	c := dial(t, chain.Config{}, p.URL)
	logs, err := c.Logs(t.Context(), chain.LogQuery{Address: counter, To: 1000})
	if err != nil || len(logs) != 20 {
		t.Fatal(len(logs), err)
	}
	for i, l := range logs {
		if l.Data[0] != byte(i+1) {
			t.Errorf("log %d is %x", i, l.Data)
		}
	}
	// Logs of another contract, out of order or removed are no answer.
	for name, twist := range map[string]func([]map[string]any) []map[string]any{
		"foreign": func(l []map[string]any) []map[string]any { l[0]["address"] = common.Address{1}; return l },
		"removed": func(l []map[string]any) []map[string]any { l[0]["removed"] = true; return l },
		"order":   func(l []map[string]any) []map[string]any { slices.Reverse(l); return l },
		"twice":   func(l []map[string]any) []map[string]any { return append(l, l...) },
	} {
		p.on("eth_getLogs", func(_ []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
			raw, err := answer()
			var l []map[string]any
			json.Unmarshal(raw, &l)
			return twist(l), err
		})
		if logs, err := c.Logs(t.Context(), chain.LogQuery{Address: counter, To: 1000}); !errors.Is(err, chain.ErrAnswer) {
			t.Errorf("%s: %d logs, %v", name, len(logs), err)
		}
	}
}
