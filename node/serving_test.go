package node_test

import (
	"errors"
	"infernet.tech/infernet/node/api"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// A provider's owner asks its own engine: no lease, no money, no network.
func TestOwnerAsksItself(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"), dear())
	if a := answered(t, p, chat("demo", "one two three")); a.text != "one two three" || a.usage.CompletionTokens != 3 {
		t.Errorf("%+v", a)
	}
	if list := servedModels(t, p); len(list) != 1 || list[0] != "demo" {
		t.Errorf("models: %v", list)
	}
	if all := leases(t, p); len(all) != 0 {
		t.Errorf("leases with itself: %+v", all)
	}
	if all, err := p.API().Payments(t.Context(), api.PaymentQuery{}); err != nil || len(all) != 0 {
		t.Errorf("payments to itself: %+v, %v", all, err)
	}
}

// What cannot be served ends the node with what is wrong.
func TestWhatCannotBeServed(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	engineOf := func(dir string) func(*nodetest.Member) {
		return func(m *nodetest.Member) { m.Config.Provider.Models.Engine = dir }
	}
	empty := t.TempDir()
	plain := nodetest.Image(t)
	plainFile := weights(t)
	text := filepath.Join(t.TempDir(), "notes.gguf")
	if err := os.WriteFile(text, []byte("\x80\x04}."), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		role node.Role
		opts []func(*nodetest.Member)
		want error
		says string
	}{
		"unknown model":  {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("nobodys")}, content.ErrNoName, `serve "nobodys"`},
		"no model":       {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving(text)}, nil, "notes.gguf"},
		"unknown engine": {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo"), engineOf("no/engine")}, content.ErrNoName, "engine:"},
		"broken engine":  {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo"), engineOf(empty)}, exec.ErrImage, "engine:"},
		"no engine":      {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo"), engineOf(plain)}, engine.ErrSpec, "label"},
		"not a provider": {node.RoleClient, []func(*nodetest.Member){nodetest.Serving("demo")}, nil, "only the provider role"},
		"too deaf": {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo"), func(m *nodetest.Member) {
			m.Runner.Serve = func(exec.Task) http.Handler { return handler.New(handler.Config{Model: "another"}) }
		}}, nil, "a first request"},
		"crashes": {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo"), func(m *nodetest.Member) {
			m.Runner.Serve = func(task exec.Task) http.Handler {
				go m.Runner.Crash(task.ID, 7)
				return nil
			}
		}}, engine.ErrStart, "exit code 7"},
		"the same twice": {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo", "other=demo")}, nil, `served already, as "demo"`},
		"a name twice":   {node.RoleProvider, []func(*nodetest.Member){nodetest.Serving("demo", "Demo="+plainFile)}, nil, "another name"},
	} {
		t.Run(name, func(t *testing.T) {
			since := time.Now()
			err := c.Fails(strings.ReplaceAll(name, " ", "-"), tc.role, tc.opts...)
			if tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
			t.Logf("after %v: %v", time.Since(since), err)
		})
	}
}

// One engine for each of several models, given as files under names of their
// own.
func TestServesFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "Tiny-Model.gguf")
	if err := os.WriteFile(file, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	other := weights(t)
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving(file, "mine="+other))
	for _, name := range []string{"tiny-model", "mine"} {
		if a := answered(t, p, chat(name, "said by "+name)); a.text != "said by "+name {
			t.Errorf("%+v", a)
		}
	}
	for _, task := range p.Runner.Started() {
		if task.Serve != "unix" || task.Limits.MemoryBytes < 512<<20 || task.Limits.WallClock < 24*time.Hour {
			t.Errorf("%+v", task)
		}
	}
}

// weights are a model of a kind that its engine alone knows.
func weights(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights.bin")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Who serves nothing says so, and gives nobody a connection.
func TestServesNothing(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	boss := c.Boss()
	for _, role := range []node.Role{node.RoleClient, node.RoleProvider} {
		m := c.Add(string(role), role)
		id := wire.RandomID()
		in := time.Now().Add(time.Minute).Unix()
		cid := boss.Offer.ImageCID
		for proto, doc := range map[string]wire.Message{
			"offer":  wire.InferOffer{Job: id, Model: cid, Unit: "credits", Rail: "credit", Budget: 100, Deadline: in},
			"lease":  wire.Lease{Quote: id, Job: id, Model: cid, In: 1, Out: 1, Unit: "credits", Rail: "credit", Budget: 100, Window: 50, Deadline: in},
			"window": wire.Window{Job: id, Requests: 1, InTokens: 1, OutTokens: 1, TotalIn: 1, TotalOut: 1, Amount: 1, Unit: "credits", Rail: "credit"},
		} {
			on := p2p.ProtoJob
			if proto == "offer" {
				on = p2p.ProtoQuote
			}
			if code, _ := boss.Code(m, on, boss.Seal(doc)); code != "refused" {
				t.Errorf("%s of a %s: %q", proto, role, code)
			}
		}
		said, err := boss.Send(m, p2p.ProtoHTTP, []byte("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))
		if err == nil || len(said) > 0 {
			t.Errorf("a %s answers HTTP: %q, %v", role, said, err)
		}
		if _, err := m.API().Measure(t.Context()); !strings.Contains(err.Error(), "serves no model") {
			t.Errorf("measured: %v", err)
		}
		if a, err := ask(t.Context(), m, chat("demo", "hello")); err != nil || a.status != http.StatusNotFound {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// What a node measured is told in its offer, and still is after a restart.
func TestMeasured(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"))
	boss := c.Boss()
	if rows := offered(t, boss, p).Benches; len(rows) != 0 {
		t.Errorf("measured by nobody: %+v", rows)
	}
	rows, err := p.API().Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]string{"memory-copy": "bytes/s", "tokens/demo": "tokens/s", "tokens-8x/demo": "tokens/s"}
	told := func(when string) {
		o := offered(t, boss, p)
		if len(o.Benches) != len(units) || len(o.Serves) != 1 || o.Serves[0].TPSMilli == 0 {
			t.Fatalf("%s: %+v", when, o)
		}
		for i, b := range o.Benches {
			if b.Unit != units[b.Name] || b.Value == 0 || float64(b.Value)/1000 != rows[i].Value || b.At != rows[i].At.Unix() {
				t.Errorf("%s: %+v, want %+v", when, b, rows[i])
			}
		}
	}
	told("at once")
	p.Stop()
	p.Start()
	told("after a restart")
}

// offered is a member's own signed offer.
func offered(t *testing.T, boss *nodetest.Boss, m *nodetest.Member) wire.ProviderOffer {
	t.Helper()
	ev, err := boss.Ask(m, p2p.ProtoOffer)
	if err != nil {
		t.Fatal(err)
	}
	if ev.PubKey != m.Key() || ev.Verify() != nil {
		t.Errorf("the offer is not signed by %s", m.Name)
	}
	o, err := wire.Decode[wire.ProviderOffer](ev)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// An engine that may rest is stopped when nobody uses it, and starts again for
// who asks.
func TestEngineRests(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"), func(m *nodetest.Member) {
		m.Config.Provider.Models.Idle = 100 * time.Millisecond
	})
	// On a busy machine it may rest between any two of the node's own requests.
	rests := func(after int) (started int) {
		nodetest.Predicate(t, 5*time.Second, "the engine rests", func() bool {
			started = len(p.Runner.Started())
			return started > after && p.Runner.Live() == 0
		})
		if started > after+4 {
			t.Fatalf("%d engines were started after the first %d", started-after, after)
		}
		return started
	}
	before := rests(0)
	if a := answered(t, p, chat("demo", "hello again")); a.text != "hello again" {
		t.Errorf("%+v", a)
	}
	rests(before)
}
