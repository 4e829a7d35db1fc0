package infer_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// The tests here are with real nodes, containers and engines, and the official
// client as its users have it.

// official is the client of a node's local API.
func official(t *testing.T, c *api.Client) openai.Client {
	t.Helper()
	return openai.NewClient(option.WithBaseURL("http://"+c.Addr()+"/v1/"), option.WithAPIKey(c.Token()), option.WithMaxRetries(0))
}

func ask(model, prompt string, most int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: model, MaxTokens: openai.Int(most), Temperature: openai.Float(0),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
	}
}

// echoImage lays out the engine without a model as an image.
func echoImage(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(devnettest.Dir(t), "image")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"echo": {Mode: 0o755, Path: filepath.Join(filepath.Dir(devnettest.Program(t)), "engine", "infernet-echo")}},
		Entrypoint: []string{"/echo"}, WorkDir: "/", Name: "echo", Labels: map[string]string{engine.LabelEngine: "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestE2EInference(t *testing.T) {
	net := devnettest.Up(t, devnet.Config{Providers: 2, Serve: []string{"demo"}})
	node := devnettest.Client(t, net, "client")
	client := official(t, node)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	const question, answer = "What is the capital of France?", "The capital of France is Paris."
	res, err := client.Chat.Completions.New(ctx, ask("demo", question, 64))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(res.Choices[0].Message.Content); got != answer || res.Usage.CompletionTokens == 0 {
		t.Fatalf("%q, %+v", got, res.Usage)
	}
	whole := res.Choices[0].Message.Content

	t.Run("the engine's own bytes", func(t *testing.T) {
		// Each provider's owner has the engine without any network.
		own := official(t, devnettest.Client(t, net, "provider1"))
		res, err := own.Chat.Completions.New(ctx, ask("demo", "Tell me a little story about a dog.", 64))
		if err != nil {
			t.Fatal(err)
		}
		through, err := client.Chat.Completions.New(ctx, ask("demo", "Tell me a little story about a dog.", 64))
		if err != nil {
			t.Fatal(err)
		}
		if res.Choices[0].Message.Content != through.Choices[0].Message.Content || res.Usage.TotalTokens != through.Usage.TotalTokens {
			t.Errorf("%q and %q", res.Choices[0].Message.Content, through.Choices[0].Message.Content)
		}
	})
	t.Run("stream", func(t *testing.T) {
		p := ask("demo", question, 64)
		p.StreamOptions.IncludeUsage = openai.Bool(true)
		text, usage := read(t, client.Chat.Completions.NewStreaming(ctx, p))
		if text != whole || usage != res.Usage.CompletionTokens {
			t.Errorf("%q with %d tokens, want %q with %d", text, usage, whole, res.Usage.CompletionTokens)
		}
	})
	t.Run("fifty at once", func(t *testing.T) { fifty(t, ctx, client, question, whole) })
	t.Run("errors", func(t *testing.T) { refusals(t, ctx, client) })
	t.Run("embeddings", func(t *testing.T) {
		res, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: "demo", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a dog", "a cat"}},
		})
		if err != nil || len(res.Data) != 2 || len(res.Data[0].Embedding) == 0 || res.Usage.PromptTokens == 0 {
			t.Fatalf("%v: %+v", err, res)
		}
	})
	t.Run("models", func(t *testing.T) {
		page, err := client.Models.List(ctx)
		if err != nil || len(page.Data) == 0 || page.Data[0].ID != "demo" {
			t.Fatalf("%v: %+v", err, page)
		}
	})
	t.Run("batch", func(t *testing.T) { batch(t, ctx, client) })
	t.Run("money", func(t *testing.T) { settled(t, ctx, net) })
}

// read takes a stream to its end.
func read(t *testing.T, s interface {
	Next() bool
	Current() openai.ChatCompletionChunk
	Err() error
}) (text string, tokens int64) {
	t.Helper()
	for s.Next() {
		c := s.Current()
		if len(c.Choices) > 0 {
			text += c.Choices[0].Delta.Content
		}
		if c.Usage.CompletionTokens > 0 {
			tokens = c.Usage.CompletionTokens
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return text, tokens
}

// fifty asks the same of everybody at once: all answers are the one.
func fifty(t *testing.T, ctx context.Context, client openai.Client, question, want string) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if i%2 == 0 {
				res, err := client.Chat.Completions.New(ctx, ask("demo", question, 64))
				if err != nil || res.Choices[0].Message.Content != want {
					t.Errorf("%d: %v", i, err)
				}
				return
			}
			s := client.Chat.Completions.NewStreaming(ctx, ask("demo", question, 64))
			var text string
			for s.Next() {
				if c := s.Current(); len(c.Choices) > 0 {
					text += c.Choices[0].Delta.Content
				}
			}
			if s.Err() != nil || text != want {
				t.Errorf("%d: %q, %v", i, text, s.Err())
			}
		})
	}
	wg.Wait()
}

// refusals are what nobody can answer, each in the shape that clients know.
func refusals(t *testing.T, ctx context.Context, client openai.Client) {
	schema := ask("demo", "hello", 8)
	schema.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &openai.ResponseFormatJSONSchemaParam{
		JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "bad", Schema: map[string]any{"type": "no such type"}},
	}}
	for name, c := range map[string]struct {
		params openai.ChatCompletionNewParams
		status int
		code   string
	}{
		"no such model":  {ask("no-such-model", "hello", 8), http.StatusNotFound, "model_not_found"},
		"too long":       {ask("demo", strings.Repeat("word ", 100_000), 8), http.StatusBadRequest, "context_length_exceeded"},
		"a bad schema":   {schema, http.StatusBadRequest, ""},
		"a body of 5 MB": {ask("demo", strings.Repeat("x", 5<<20), 8), http.StatusRequestEntityTooLarge, ""},
	} {
		_, err := client.Chat.Completions.New(ctx, c.params)
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != c.status || c.code != "" && e.Code != c.code || e.Message == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// batch has sums done by the hundred: an upload, a batch, and its results.
func batch(t *testing.T, ctx context.Context, client openai.Client) {
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, `{"custom_id":"c%d","method":"POST","url":"/v1/chat/completions","body":{"model":"demo","messages":[{"role":"user","content":"What is %d + 2?"}],"max_tokens":32,"temperature":0}}`+"\n", i, i)
	}
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File: openai.File(strings.NewReader(lines.String()), "sums.jsonl", "application/jsonl"), Purpose: openai.FilePurposeBatch,
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := client.Batches.New(ctx, openai.BatchNewParams{
		InputFileID: file.ID, Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions, CompletionWindow: openai.BatchNewParamsCompletionWindow24h,
	})
	for err == nil && b.Status != openai.BatchStatusCompleted {
		if b.Status == openai.BatchStatusFailed || b.Status == openai.BatchStatusExpired {
			t.Fatalf("%s: %+v", b.Status, b.Errors)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the batch is %s", b.Status)
		case <-time.After(200 * time.Millisecond):
		}
		b, err = client.Batches.Get(ctx, b.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	if b.RequestCounts.Completed != 20 || b.RequestCounts.Failed != 0 {
		t.Fatalf("%+v", b.RequestCounts)
	}
	res, err := client.Files.Content(ctx, b.OutputFileID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(out), "3 + 2 = 5.") || strings.Count(string(out), "custom_id") != 20 {
		t.Errorf("%v: %s", err, out)
	}
}

// settled waits until everything that was used is paid, and compares the
// books of both sides.
func settled(t *testing.T, ctx context.Context, net *devnet.Network) {
	client := devnettest.Client(t, net, "client")
	for {
		leases, err := client.Leases(ctx)
		if err != nil {
			t.Fatal(err)
		}
		open := len(leases) == 0
		var paid, spent uint64
		for _, l := range leases {
			paid, spent = paid+l.Paid, spent+l.Spent
			open = open || l.Paid != l.Spent || l.Active > 0
		}
		if !open && paid > 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not settled: %+v", leases)
		case <-time.After(200 * time.Millisecond):
		}
	}
	books := map[string]uint64{} // by ref, as the client has it
	entries, err := client.Payments(ctx, api.PaymentQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, twice := books[e.Ref]; twice {
			t.Errorf("%s is in the books twice", e.Ref)
		}
		books[e.Ref] = e.Amount.Amount
	}
	seen := 0
	for _, name := range []string{"provider1", "provider2"} {
		theirs, err := devnettest.Client(t, net, name).Payments(ctx, api.PaymentQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range theirs {
			if e.State == "captured" {
				seen++
				if books[e.Ref] != e.Amount.Amount {
					t.Errorf("%s: %d there, %d here", e.Ref, e.Amount.Amount, books[e.Ref])
				}
			}
		}
	}
	if seen != len(books) {
		t.Errorf("%d payments here, %d there", len(books), seen)
	}
}

// TestE2EKilledInMidStream kills the provider of a slow answer, which goes on
// at the other, since it is deterministic; then an answer that is not, which
// ends with an error that the client understands.
func TestE2EKilledInMidStream(t *testing.T) {
	net := devnettest.Up(t, devnet.Config{
		Providers: 2, Serve: []string{"demo"}, ProviderArgs: []string{"--engine", echoImage(t)},
	})
	node := devnettest.Client(t, net, "client")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	say := func(temperature float64) *http.Response {
		body, _ := json.Marshal(map[string]any{
			"model": "demo", "stream": true, "temperature": temperature,
			"messages": []map[string]string{{"role": "user", "content": "one two three @repeat=120 @delay=50ms"}},
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+node.Addr()+"/v1/chat/completions", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+node.Token())
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(res.Body)
			t.Fatalf("status %d: %s", res.StatusCode, text)
		}
		return res
	}
	res := say(0)
	text, failure := killWhile(t, net, res)
	if words := strings.Fields(text); failure != "" || len(words) < 120 {
		t.Errorf("a deterministic answer did not go on: %d words, error %s", len(words), failure)
	}
	if strings.Contains(text, "oneone") || strings.Contains(text, "twotwo") {
		t.Errorf("the answer was not joined where it broke: %s", text)
	}
	res = say(1)
	if _, failure = killWhile(t, net, res); !strings.Contains(failure, "message") {
		t.Errorf("the broken answer ends with %q", failure)
	}
}

// killWhile kills the provider of a stream after its first words, and returns
// all of its text and the error event at its end, if there was one.
func killWhile(t *testing.T, net *devnet.Network, res *http.Response) (text, failure string) {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	provider := res.Header.Get("X-Infernet-Provider")
	killed := false
	lines := bufio.NewScanner(res.Body)
	for n := 0; lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
			Error   json.RawMessage
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if chunk.Error != nil {
			failure = string(chunk.Error)
		}
		for _, c := range chunk.Choices {
			text += c.Delta.Content
		}
		if n++; n == 10 {
			killed = true
			if err := kill(net, provider); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := lines.Err(); err != nil || !killed {
		t.Fatalf("the stream ended with %v, provider %s killed: %v", err, provider, killed)
	}
	return text, failure
}

func kill(net *devnet.Network, npub string) error {
	for _, n := range net.Nodes {
		if n.NPub == npub {
			return syscall.Kill(n.PID, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("nobody is %s", npub)
}

// TestE2EClientGone drops a client in the middle of an answer: the engine stops
// working on it at once.
func TestE2EClientGone(t *testing.T) {
	net := devnettest.Up(t, devnet.Config{
		Providers: 1, Serve: []string{"demo"}, ProviderArgs: []string{"--engine", echoImage(t)},
	})
	node, provider := devnettest.Client(t, net, "client"), devnettest.Client(t, net, "provider1")
	client := official(t, node)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	gone, leave := context.WithCancel(ctx)
	s := client.Chat.Completions.NewStreaming(gone, ask("demo", "one two three @repeat=100000 @delay=20ms", 100_000))
	for range 5 {
		if !s.Next() {
			t.Fatal(s.Err())
		}
	}
	if busy := enginesDetail(t, ctx, provider); !strings.Contains(busy, " 1 requests") {
		t.Fatalf("the engine is not at work: %s", busy)
	}
	leave()
	late, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	for !strings.Contains(enginesDetail(t, ctx, provider), " 0 requests") {
		select {
		case <-late.Done():
			t.Fatal("the engine goes on for nobody: " + enginesDetail(t, ctx, provider))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func enginesDetail(t *testing.T, ctx context.Context, c *api.Client) string {
	t.Helper()
	st, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range st.Subsystems {
		if s.Name == "engines" {
			return s.Detail
		}
	}
	return ""
}
