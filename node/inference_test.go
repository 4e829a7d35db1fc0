package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

// A client with its owner's HTTP client, two providers with different prices.
func TestInference(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	cheap := c.Add("cheap", node.RoleProvider, nodetest.Serving("demo"), nodetest.Priced(500_000, 1_000_000))
	costly := c.Add("costly", node.RoleProvider, nodetest.Serving("demo"), dear())
	client := c.Add("client", node.RoleClient, soon())
	price := map[string]uint64{cheap.NPub(): 1_000_000, costly.NPub(): 3_000_000}

	a := answered(t, client, chat("demo", "one two three"))
	if a.text != "one two three" || a.usage.CompletionTokens != 3 || a.usage.PromptTokens != 5 || price[a.provider] == 0 {
		t.Errorf("%+v", a)
	}
	body := chat("demo", "one two three @repeat=60")
	body["stream"], body["stream_options"] = true, map[string]bool{"include_usage": true}
	s := answered(t, client, body)
	if n := len(strings.Fields(s.text)); n != 60 || s.usage.CompletionTokens != 60 || s.failure.Message != "" {
		t.Errorf("%d words: %+v", n, s)
	}
	if list := servedModels(t, client); len(list) != 1 || list[0] != "demo" {
		t.Errorf("models: %v", list)
	}
	var written uint64
	for _, l := range leases(t, client) {
		// One on which answers are only replayed writes nothing, and the first
		// replay may still be going on.
		idle := l.Active == 0 && (l.Requests == 0 || l.InTokens == 0)
		if l.Out != price[l.Provider] || l.State != "open" || idle || l.Deadline == nil {
			t.Errorf("%+v", l)
		}
		written += l.OutTokens
	}
	if written != 63 {
		t.Errorf("%d tokens were written, want 63", written)
	}
	if paid := settled(t, client, cheap, costly); paid < 63 {
		t.Errorf("63 tokens cost %d", paid)
	}

	t.Run("refusals", func(t *testing.T) { inferenceRefusals(t, client) })
	t.Run("alias", func(t *testing.T) {
		cid := leases(t, client)[0].Model
		// The model comes with the program, so the client has it to name.
		if _, err := client.API().Alias(t.Context(), api.Models, "mine", "demo"); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{cid, "DEMO", "mine"} {
			if a := answered(t, client, chat(ref, "by another name")); a.text != "by another name" {
				t.Errorf("%s: %+v", ref, a)
			}
		}
	})
	t.Run("search", func(t *testing.T) { searched(t, client, cheap, costly) })
}

// servedModels are the names that a member's OpenAI face lists.
func servedModels(t *testing.T, m *nodetest.Member) (names []string) {
	t.Helper()
	res, err := m.Do(t.Context(), http.MethodGet, "/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list openai.ModelList
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Data {
		names = append(names, one.ID)
	}
	return names
}

func inferenceRefusals(t *testing.T, client *nodetest.Member) {
	for name, c := range map[string]struct {
		body   map[string]any
		status int
		code   string
	}{
		"no such model": {chat("nobodys", "hello"), http.StatusNotFound, "model_not_found"},
		"no prompt":     {map[string]any{"model": "demo"}, http.StatusBadRequest, ""},
		"engine's own":  {chat("demo", "hello @error=400"), http.StatusBadRequest, ""},
	} {
		a, err := ask(t.Context(), client, c.body)
		if err != nil || a.status != c.status || a.failure.Message == "" || c.code != "" && a.failure.Code != c.code {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	api := client.API()
	for _, token := range []string{"", "Bearer " + strings.Repeat("0", len(api.Token()))} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+api.Addr()+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %q: %s", token, res.Status)
		}
	}
}

// searched looks at who serves a model, and who is left out and why.
func searched(t *testing.T, client, cheap, costly *nodetest.Member) {
	list, err := client.API().Providers(t.Context(), api.ProviderQuery{Model: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Providers) != 2 || len(list.Dropped) != 0 {
		t.Fatalf("%+v", list)
	}
	for _, p := range list.Providers {
		if len(p.Serves) != 1 {
			t.Fatalf("%+v", p)
		}
		s, want := p.Serves[0], map[string]uint64{cheap.NPub(): 500_000, costly.NPub(): 1_000_000}[p.NPub]
		if s.In != want || s.TPS <= 0 || s.TTFTMS == 0 || s.Queue != 0 || s.Context == 0 || s.Parallel == 0 || s.Name != "demo" {
			t.Errorf("%s: %+v", p.NPub, s)
		}
	}
	for name, c := range map[string]struct {
		query  api.ProviderQuery
		who    []string
		reason string
	}{
		"too dear":          {api.ProviderQuery{Model: "demo", MaxPriceOut: "2000000"}, []string{cheap.NPub()}, "more than the limit"},
		"too dear in words": {api.ProviderQuery{Model: "demo", MaxPriceOut: "2000000 credits"}, []string{cheap.NPub()}, "3000000 credits per million completion tokens, at most 2000000 credits"},
		"no cards":          {api.ProviderQuery{Model: "demo", GPU: "vram>=24"}, nil, "gpu"},
	} {
		list, err := client.API().Providers(t.Context(), c.query)
		if err != nil {
			t.Fatal(err)
		}
		var who []string
		for _, p := range list.Providers {
			who = append(who, p.NPub)
		}
		if fmt.Sprint(who) != fmt.Sprint(c.who) || len(list.Dropped) != 2-len(who) {
			t.Errorf("%s: %v, dropped %+v", name, who, list.Dropped)
		}
		for _, d := range list.Dropped {
			if !strings.Contains(d.Reason, c.reason) {
				t.Errorf("%s: dropped for %q", name, d.Reason)
			}
		}
	}
	// Any model: the same rows.
	all, err := client.API().Providers(t.Context(), api.ProviderQuery{Quotes: true})
	if err != nil || len(all.Providers) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}
