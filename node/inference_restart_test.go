package node_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

// A provider that was away serves again: its engine is started anew, and the
// client comes back to it without being told.
func TestServingRestarts(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"), dear())
	client := c.Add("client", node.RoleClient, soon())
	answered(t, client, chat("demo", "one two three"))
	settled(t, client, p)
	p.Stop()
	if n := p.Runner.Live(); n != 0 {
		t.Errorf("%d engines outlive their node", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if a, err := ask(ctx, client, chat("demo", "is anybody there")); err == nil && a.status/100 != 5 {
		t.Errorf("nobody serves: %+v", a)
	}
	p.Start()
	if a := answered(t, client, chat("demo", "four five six")); a.text != "four five six" {
		t.Errorf("%+v", a)
	}
	if n := len(p.Runner.Started()); n != 2 {
		t.Errorf("%d engines were started", n)
	}
	settled(t, client, p)
	if all := leases(t, client); !slices.ContainsFunc(all, func(l api.Lease) bool { return l.State == "open" && l.OutTokens >= 3 }) {
		t.Errorf("%+v", all)
	}
}

// A client that stops in the middle of an answer finds its address and token
// again, and has paid for what it was given, once.
func TestAskingRestarts(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"), dear())
	client := c.Add("client", node.RoleClient, soon())
	answered(t, client, chat("demo", "one two three"))
	before := client.API()

	// Half a minute of words, so that the client stops in their midst.
	body := chat("demo", "one two three @repeat=200 @delay=150ms")
	body["stream"] = true
	res, err := client.Do(t.Context(), http.MethodPost, "/v1/chat/completions", body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for n := 0; n < 10 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") {
			n++
		}
	}
	client.Stop()
	for lines.Scan() { // to the end, however it is told
	}
	client.Start()
	if now := client.API(); now.Addr() != before.Addr() || now.Token() != before.Token() {
		t.Errorf("was at %s, is at %s", before.Addr(), now.Addr())
	}
	answered(t, client, chat("demo", "four five six"))
	settled(t, client, p)
	var out uint64
	for _, l := range leases(t, client) {
		out += l.OutTokens
	}
	if out < 3+8+3 || out >= 200 {
		t.Errorf("%d tokens were charged", out)
	}
}

// An engine that crashes is started again; an answer that it owed is asked for
// again where it is the same each time.
func TestEngineCrashes(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	first := c.Add("first", node.RoleProvider, nodetest.Serving("demo"), dear())
	second := c.Add("second", node.RoleProvider, nodetest.Serving("demo"), dear())
	client := c.Add("client", node.RoleClient, soon())
	answered(t, client, chat("demo", "one two three"))
	started := func() int { return len(first.Runner.Started()) + len(second.Runner.Started()) }

	body := chat("demo", "one two three @repeat=40 @delay=10ms")
	body["stream"] = true
	res, err := client.Do(t.Context(), http.MethodPost, "/v1/chat/completions", body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	victim := first
	if res.Header.Get("X-Infernet-Provider") == second.NPub() {
		victim = second
	}
	tasks := victim.Runner.Started()
	if !victim.Runner.Crash(tasks[len(tasks)-1].ID, 139) {
		t.Fatal("no engine was there to crash")
	}
	var a answer
	if err := a.stream(res.Body); err != nil || len(strings.Fields(a.text)) != 40 {
		t.Errorf("%d words, %+v, %v", len(strings.Fields(a.text)), a.failure, err)
	}
	nodetest.Predicate(t, 5*time.Second, "the engine is back", func() bool { return started() >= 3 })
	if n := started(); n > 6 {
		t.Errorf("%d engines were started, one of two was to be started again", n)
	}

	// The request's own fault, everywhere: it is told, and does not hang.
	if a, err := ask(t.Context(), client, chat("demo", "one two @crash=1")); err != nil || a.status/100 != 5 || a.failure.Message == "" {
		t.Errorf("%+v, %v", a, err)
	}
	nodetest.NoError(t, 10*time.Second, func() error {
		a, err := ask(t.Context(), client, chat("demo", "after all"))
		if err == nil && a.text != "after all" {
			err = fmt.Errorf("%+v", a)
		}
		return err
	})
	settled(t, client, first, second)
}
