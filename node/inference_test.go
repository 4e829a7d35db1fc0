package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/reputation"
)

// dear is a price at which a few words fill a window.
func dear() func(*nodetest.Member) { return nodetest.Priced(1_000_000, 3_000_000) }

// soon pays an open window as soon as nobody asks for a moment, and looks often
// at who serves what.
func soon() func(*nodetest.Member) {
	c := infer.Default()
	c.PayIdle = 50 * time.Millisecond
	c.SearchEvery, c.QuoteEvery = 200*time.Millisecond, 200*time.Millisecond
	return nodetest.With(node.WithInference(c))
}

// chat is a request to a model.
func chat(model, prompt string) map[string]any {
	return map[string]any{
		"model": model, "max_tokens": 200, "temperature": 0,
		"messages": []map[string]string{{"role": "user", "content": prompt}},
	}
}

// answer is what a client of another program makes of an answer.
type answer struct {
	status   int
	provider string // npub; "" when it is this node itself
	text     string
	usage    openai.Usage
	failure  openai.Error
}

// ask asks a member by HTTP.
func ask(ctx context.Context, m *nodetest.Member, body map[string]any) (a answer, err error) {
	res, err := m.Do(ctx, http.MethodPost, "/v1/chat/completions", body)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	a.status, a.provider = res.StatusCode, res.Header.Get("X-Infernet-Provider")
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return a, a.stream(res.Body)
	}
	var doc struct {
		openai.ChatResponse
		Error openai.Error
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		return a, err
	}
	a.failure = doc.Error
	if len(doc.Choices) > 0 {
		a.text = doc.Choices[0].Message.Content.String()
	}
	if doc.Usage != nil {
		a.usage = *doc.Usage
	}
	return a, nil
}

// stream reads events to the last.
func (a *answer) stream(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return nil
		}
		var doc struct {
			openai.ChatChunk
			Error *openai.Error
		}
		if err := json.Unmarshal([]byte(data), &doc); err != nil {
			return fmt.Errorf("%q: %w", data, err)
		}
		if doc.Error != nil {
			a.failure = *doc.Error
		}
		for _, c := range doc.Choices {
			if c.Delta.Content != nil {
				a.text += *c.Delta.Content
			}
		}
		if doc.Usage != nil {
			a.usage = *doc.Usage
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// answered asks until there is an answer: who serves what is found out by the
// way.
func answered(t *testing.T, m *nodetest.Member, body map[string]any) (a answer) {
	t.Helper()
	nodetest.NoError(t, 10*time.Second, func() (err error) {
		if a, err = ask(t.Context(), m, body); err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", a.status, a.failure.Message)
		}
		return err
	})
	return a
}

// leases lists those of a member.
func leases(t *testing.T, m *nodetest.Member) []api.Lease {
	t.Helper()
	all, err := m.API().Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// settled waits until all that a client used is paid, and holds the books of
// both sides against each other: each window paid once, for the same amount,
// with a receipt that both have and anybody can check.
func settled(t *testing.T, client *nodetest.Member, providers ...*nodetest.Member) (paid uint64) {
	t.Helper()
	nodetest.NoError(t, 10*time.Second, func() error {
		for _, l := range leases(t, client) {
			if l.Paid != l.Spent || l.Active > 0 {
				return fmt.Errorf("lease %s: %d spent, %d paid, %d active, %s %s", l.ID, l.Spent, l.Paid, l.Active, l.State, l.Reason)
			}
		}
		return nil
	})
	mine := outgoing(t, client)
	theirs := map[string]api.Payment{}
	for _, p := range providers {
		nodetest.NoError(t, 10*time.Second, func() error {
			all, err := p.API().Payments(t.Context())
			for _, e := range all {
				if e.State != "captured" {
					return fmt.Errorf("%s is %s at %s", e.Ref, e.State, p.Name)
				}
				theirs[e.Ref] = e
			}
			return err
		})
	}
	if len(mine) != len(theirs) {
		t.Errorf("%d payments by the client's book, %d by the providers'", len(mine), len(theirs))
	}
	for ref, e := range mine {
		paid += e.Amount.Amount
		if theirs[ref].Amount != e.Amount {
			t.Errorf("%s: %v here, %v there", ref, e.Amount, theirs[ref].Amount)
		}
	}
	var spent uint64
	for _, l := range leases(t, client) {
		spent += l.Spent
		receipts(t, l, client)
		for _, p := range providers {
			if p.NPub() == l.Provider {
				receipts(t, l, p)
			}
		}
	}
	if spent != paid {
		t.Errorf("%d spent, %d paid", spent, paid)
	}
	return paid
}

// outgoing is what a client paid, by its own book; nothing is there twice.
func outgoing(t *testing.T, client *nodetest.Member) map[string]api.Payment {
	t.Helper()
	all, err := client.API().Payments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]api.Payment{}
	for _, e := range all {
		if _, twice := out[e.Ref]; twice {
			t.Errorf("%s is in the book twice", e.Ref)
		}
		out[e.Ref] = e
	}
	return out
}

// receipts waits until a member has receipts for all of a lease, and checks
// them.
func receipts(t *testing.T, l api.Lease, m *nodetest.Member) {
	t.Helper()
	nodetest.NoError(t, 10*time.Second, func() error {
		all, err := m.API().LeaseReceipts(t.Context(), l.ID)
		if err != nil {
			return err
		}
		var sum uint64
		for _, r := range all {
			v, err := reputation.VerifyReceipt(r.Doc)
			if err != nil {
				t.Fatalf("%s: receipt %s: %v", m.Name, r.ID, err)
			}
			if v.Receipt.Provider.String() != l.Provider || v.Receipt.ModelCID != l.Model {
				t.Errorf("%s: a receipt of others: %+v", m.Name, v.Receipt)
			}
			sum += v.Receipt.Amount
		}
		if sum != l.Spent {
			return fmt.Errorf("%s has receipts for %d of %d", m.Name, sum, l.Spent)
		}
		return nil
	})
}

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
	for _, l := range leases(t, client) {
		if l.Out != price[l.Provider] || l.State != "open" || l.Requests == 0 || l.InTokens == 0 || l.OutTokens == 0 || l.Deadline == nil {
			t.Errorf("%+v", l)
		}
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
		"too dear": {api.ProviderQuery{Model: "demo", MaxPriceOut: 2_000_000}, []string{cheap.NPub()}, "more than the limit"},
		"no cards": {api.ProviderQuery{Model: "demo", GPU: "vram>=24"}, nil, "gpu"},
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
