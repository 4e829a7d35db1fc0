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
	c.PayIdle, c.Audits.Wait = 50*time.Millisecond, time.Second
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
			all, err := p.API().Payments(t.Context(), api.PaymentQuery{})
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
	all, err := client.API().Payments(t.Context(), api.PaymentQuery{})
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
