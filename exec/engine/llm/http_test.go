package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/openai"
)

func TestServeSaysWhatBatchSays(t *testing.T) {
	asked := questions(12)
	asked = append(asked, "Tell me a story about a fox named Pip.", "ünïcödé 😀", "", strings.Repeat("The weather is nice. ", 40)+"Is this text happy or sad?")
	var in strings.Builder
	for _, q := range asked {
		fmt.Fprintf(&in, "{\"prompt\":%q,\"max_tokens\":100000}\n", q)
	}
	want, _, _ := answers(t, in.String())
	cl := start(t)
	for i, q := range asked {
		r := cl.chat(t, user(q))
		if got := r.Choices[0].Message.Content.String(); got != *want[i].Answer || r.Usage.CompletionTokens != *want[i].Tokens {
			t.Errorf("%q: served %q, in batch %q", q, got, *want[i].Answer)
		}
		if cut := r.Choices[0].FinishReason == openai.FinishLength; cut != want[i].Cut {
			t.Errorf("%q: finish %q, cut in batch %v", q, r.Choices[0].FinishReason, want[i].Cut)
		}
	}
}

// events are the chunks of a streamed chat.
func (c *client) events(t *testing.T, f fields) []openai.ChatChunk {
	t.Helper()
	resp := c.open(t, t.Context(), f)
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, ct)
	}
	var out []openai.ChatChunk
	r := openai.NewEventReader(resp.Body, openai.MaxEvent)
	for {
		ev, err := r.Next()
		if err != nil {
			t.Fatalf("after %d events: %v", len(out), err)
		}
		if ev.Done() {
			return out
		}
		out = append(out, decoded[openai.ChatChunk](t, ev.Data))
	}
}

// open begins a streamed chat.
func (c *client) open(t *testing.T, ctx context.Context, f fields) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/v1/chat/completions", bytes.NewReader(encoded(t, f.with(fields{"stream": true}))))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestStream(t *testing.T) {
	cl := start(t)
	ask := user("Tell me a story about a fox named Pip.").with(fields{"return_token_ids": true, "logprobs": true, "top_logprobs": 2})
	whole := cl.chat(t, ask)
	chunks := cl.events(t, ask.with(fields{"stream_options": fields{"include_usage": true}}))
	var text strings.Builder
	var ids []int
	var logprobs []openai.TokenLogprob
	last := chunks[len(chunks)-1]
	for _, ch := range chunks[:len(chunks)-1] {
		c := ch.Choices[0]
		if c.Delta.Content != nil {
			text.WriteString(*c.Delta.Content)
		}
		ids = append(ids, c.TokenIDs...)
		if c.Logprobs != nil {
			logprobs = append(logprobs, c.Logprobs.Content...)
		}
		if ch.Usage != nil {
			t.Error("usage before the end")
		}
	}
	w := whole.Choices[0]
	if text.String() != w.Message.Content.String() || !slices.Equal(ids, w.TokenIDs) {
		t.Errorf("streamed %q, whole %q", text.String(), w.Message.Content.String())
	}
	if chunks[0].Choices[0].Delta.Role != "assistant" || !slices.Equal(chunks[0].PromptTokenIDs, whole.PromptTokenIDs) || len(whole.PromptTokenIDs) != whole.Usage.PromptTokens {
		t.Errorf("first chunk %+v", chunks[0])
	}
	if !reflect.DeepEqual(logprobs, w.Logprobs.Content) {
		t.Error("log-probabilities differ in a stream")
	}
	for _, l := range logprobs {
		if l.Logprob > 0 || l.Logprob != l.TopLogprobs[0].Logprob || len(l.TopLogprobs) != 2 {
			t.Errorf("greedy token %+v", l)
		}
	}
	if u := last.Usage; u == nil || len(last.Choices) != 0 || u.CompletionTokens != len(ids) || u.TotalTokens != u.PromptTokens+u.CompletionTokens {
		t.Errorf("last chunk %+v", last)
	}
	if n := len(cl.events(t, user("What is 2 plus 2?"))); n < 3 {
		t.Errorf("%d events", n)
	}
}

func TestStopAndLimits(t *testing.T) {
	cl := start(t)
	france := user("What is the capital of France?")
	for _, tc := range []struct {
		more         fields
		text, finish string
	}{
		{fields{"stop": "Par"}, "The capital of France is ", "stop"},
		{fields{"stop": []string{"nope", "of Fr"}}, "The capital ", "stop"},
		{fields{"stop": []string{"Paris!"}}, "The capital of France is Paris.", "stop"},
		{fields{"max_tokens": 2}, "The capital", "length"},
		{fields{"max_completion_tokens": 1}, "The", "length"},
		{fields{"logit_bias": fields{"295": -100}, "max_tokens": 1}, "F", "length"},
	} {
		c := cl.chat(t, france.with(tc.more)).Choices[0]
		if c.Message.Content.String() != tc.text || c.FinishReason != tc.finish {
			t.Errorf("%v: %q, %s", tc.more, c.Message.Content.String(), c.FinishReason)
		}
	}
	// Many answers at once, all the same, one prompt.
	r := cl.chat(t, france.with(fields{"n": 6}))
	for i, c := range r.Choices {
		if c.Index != i || c.Message.Content.String() != "The capital of France is Paris." {
			t.Errorf("answer %d: %+v", i, c)
		}
	}
	if u := r.Usage; u.CompletionTokens != 66 || u.PromptTokens != 16 {
		t.Errorf("usage %+v", u)
	}
}

func TestSeed(t *testing.T) {
	cl := start(t)
	ask := user("Tell me a story about a fox.").with(fields{"temperature": 1.5, "seed": 42, "n": 2, "max_tokens": 40})
	a, b := cl.chat(t, ask), cl.chat(t, ask)
	for i := range a.Choices {
		if a.Choices[i].Message.Content.String() != b.Choices[i].Message.Content.String() {
			t.Errorf("the same seed says %q and %q", a.Choices[i].Message.Content, b.Choices[i].Message.Content)
		}
	}
	if a.Choices[0].Message.Content.String() == a.Choices[1].Message.Content.String() {
		t.Error("two answers to one request are the same")
	}
	other := cl.chat(t, ask.with(fields{"seed": 43}))
	if a.Choices[0].Message.Content.String() == other.Choices[0].Message.Content.String() {
		t.Error("another seed says the same")
	}
}

func TestPromptsAreKept(t *testing.T) {
	cl := start(t, func(c *config) { c.parallel = 2 })
	ask := user(strings.Repeat("The weather is nice. ", 20) + "Is this text happy or sad?").with(fields{"max_tokens": 4})
	cached := func(f fields) int { return cl.chat(t, f).Usage.PromptDetails.CachedTokens }
	n := cl.chat(t, ask).Usage.PromptTokens
	if got := cached(ask); got != n-1 {
		t.Errorf("%d of %d tokens were kept", got, n)
	}
	if got := cached(ask.with(fields{"cache_salt": "mine"})); got != 0 {
		t.Errorf("%d tokens of another's prompt were used", got)
	}
	if got := cached(ask.with(fields{"cache_salt": "mine"})); got != n-1 {
		t.Errorf("%d tokens of one's own prompt were used", got)
	}
}

func TestRefusals(t *testing.T) {
	cl := start(t)
	long := strings.Repeat("word ", 3000)
	const chat, plain = "/v1/chat/completions", "/v1/completions"
	schema := func(s any) fields {
		return user("x").with(fields{"response_format": fields{"type": "json_schema", "json_schema": fields{"name": "x", "schema": s}}})
	}
	deep := any(fields{})
	for range 50 {
		deep = fields{"type": "array", "items": deep}
	}
	for _, tc := range []struct {
		path        string
		body        any
		status      int
		param, code string
	}{
		{chat, user(long), 400, "messages", openai.CodeContextLength},
		{chat, user(strings.Repeat("x", 3<<20)), 400, "messages", openai.CodeContextLength},
		{plain, fields{"model": "demo", "prompt": long}, 400, "messages", openai.CodeContextLength},
		{"/v1/embeddings", fields{"model": "demo", "input": long}, 400, "messages", openai.CodeContextLength},
		{"/infernet/replay", fields{"prompt": "a", "completion": long}, 400, "messages", openai.CodeContextLength},
		{chat, bytes.Repeat([]byte(" "), maxBody+1), 413, "", openai.CodeTooLarge},
		{chat, user("x").with(fields{"model": "gpt-5"}), 404, "model", openai.CodeModelNotFound},
		{chat, []byte("{"), 400, "", ""},
		{chat, user("x").with(fields{"temperature": 3}), 400, "temperature", ""},
		{chat, user("x").with(fields{"top_k": "many"}), 400, "top_k", ""},
		{chat, user("x").with(fields{"min_p": 2}), 400, "min_p", ""},
		{chat, user("x").with(fields{"n": 100}), 400, "n", ""},
		{chat, user("x").with(fields{"stop": strings.Split(strings.Repeat("a", 20), "")}), 400, "stop", ""},
		{"/v1/images", fields{}, 404, "", ""},
		{chat, user("x").with(fields{"logit_bias": fields{"99999": 1}}), 400, "logit_bias", ""},
		{chat, user("x").with(fields{"tools": []fields{{"type": "function"}}}), 400, "tools", ""},
		{chat, schema(fields{"type": "thing"}), 400, "response_format.json_schema.schema", ""},
		{chat, schema(fields{"$ref": "#/x"}), 400, "response_format.json_schema.schema", ""},
		{chat, schema(deep), 400, "response_format.json_schema.schema", ""},
		{chat, schema(fields{"type": "array", "minItems": 1 << 40}), 400, "response_format.json_schema.schema", ""},
		{chat, user("x").with(fields{"grammar": "root ::= ("}), 400, "grammar", ""},
		{chat, user("x").with(fields{"grammar": `root ::= root "a" | "b"`}), 400, "response_format", ""},
		{chat, user("x").with(fields{"grammar": `root ::= "a"`, "response_format": fields{"type": "json_object"}}), 400, "grammar", ""},
		{plain, fields{"model": "demo", "prompt": []int{1, 99999}}, 400, "prompt", ""},
		{plain, fields{"model": "demo", "prompt": []string{"a", "b"}}, 400, "prompt", ""},
		{"/v1/embeddings", fields{"model": "demo", "input": "x", "dimensions": 3}, 400, "dimensions", ""},
		{"/detokenize", fields{"tokens": []int{-1}}, 400, "tokens", ""},
		{"/infernet/replay", fields{"prompt": "a", "token_ids": []int{5000}}, 400, "token_ids", ""},
	} {
		e := cl.refusal(t, tc.path, tc.body)
		if e.Status != tc.status || e.Code != tc.code || tc.param != "" && e.Param != tc.param && tc.code == "" {
			t.Errorf("%s %.100v: %d %q %q %s", tc.path, tc.body, e.Status, e.Param, e.Code, e.Message)
		}
	}
	if got := cl.chat(t, user("What is 2 plus 2?")).Choices[0].Message.Content.String(); got != "2 + 2 = 4." {
		t.Errorf("afterwards: %q", got)
	}
}

func TestHeaderBomb(t *testing.T) {
	cl := start(t)
	conn, err := net.Dial("unix", cl.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n")
		for range 1024 {
			if _, err := io.WriteString(conn, "X: "+strings.Repeat("x", 1020)+"\r\n"); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
}

func TestForm(t *testing.T) {
	cl := start(t)
	format := func(schema string) fields {
		return fields{"response_format": fields{"type": "json_schema", "json_schema": fields{"name": "x", "schema": decoded[any](t, []byte(schema))}}}
	}
	type verdict struct {
		Mood string `json:"mood"`
		Sure bool   `json:"sure"`
	}
	for _, temperature := range []float64{0, 1.2} {
		r := cl.chat(t, user("Is this text happy or sad?").with(fields{"temperature": temperature, "n": 4}).with(
			format(`{"type":"object","properties":{"mood":{"enum":["happy","sad"]},"sure":{"type":"boolean"}},"required":["mood","sure"]}`)))
		for _, c := range r.Choices {
			v := decoded[verdict](t, []byte(c.Message.Content.String()))
			if v.Mood != "happy" && v.Mood != "sad" || c.FinishReason != "stop" {
				t.Errorf("%q, %s", c.Message.Content, c.FinishReason)
			}
		}
	}
	r := cl.chat(t, user("What is the capital of France?").with(fields{"grammar": `root ::= "The " ("city" | "town") " of P" [a-z]{1,8}`}))
	if text := r.Choices[0].Message.Content.String(); !strings.HasPrefix(text, "The city of P") && !strings.HasPrefix(text, "The town of P") {
		t.Errorf("by a grammar: %q", text)
	}
	r = cl.chat(t, user("What is the capital of France?").with(fields{"response_format": fields{"type": "json_object"}, "max_tokens": 30}))
	if text := r.Choices[0].Message.Content.String(); text[0] != '{' {
		t.Errorf("no object: %q", text)
	}
}

func TestEmbeddings(t *testing.T) {
	cl := start(t, func(c *config) { c.parallel = 3 })
	input := []string{"Paris is the capital of France.", "two plus two", strings.Repeat("long ", 150), "two plus two", "x"}
	var all, one openai.EmbeddingResponse
	if err := cl.post(t.Context(), "/v1/embeddings", fields{"model": "demo", "input": input}, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Data) != len(input) || all.Usage.PromptTokens != all.Usage.TotalTokens || all.Usage.PromptTokens == 0 {
		t.Fatalf("%d embeddings, %+v", len(all.Data), all.Usage)
	}
	for i, d := range all.Data {
		length := 0.0
		for _, x := range d.Embedding.Values {
			length += float64(x) * float64(x)
		}
		if d.Index != i || len(d.Embedding.Values) != 128 || math.Abs(length-1) > 1e-5 {
			t.Errorf("embedding %d: %d numbers, length %v", d.Index, len(d.Embedding.Values), length)
		}
		f := fields{"model": "demo", "input": input[i], "encoding_format": "base64"}
		if err := cl.post(t.Context(), "/v1/embeddings", f, &one); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.Data[0].Embedding.Values, d.Embedding.Values) {
			t.Errorf("%q is embedded differently alone", input[i])
		}
	}
	if slices.Equal(all.Data[0].Embedding.Values, all.Data[1].Embedding.Values) || !slices.Equal(all.Data[1].Embedding.Values, all.Data[3].Embedding.Values) {
		t.Error("embeddings do not follow the texts")
	}
}

func TestTokens(t *testing.T) {
	cl := start(t)
	var plain, talk openai.TokenizeResponse
	var text openai.DetokenizeResponse
	for _, s := range []string{"What is the capital of France?", "ünï 😀<|end|>\n<s>"} {
		if err := cl.post(t.Context(), "/tokenize", fields{"prompt": s, "add_special_tokens": false}, &plain); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(plain.Tokens, 2) || slices.Contains(plain.Tokens, 1) {
			t.Errorf("%q became control tokens: %v", s, plain.Tokens)
		}
		if err := cl.post(t.Context(), "/detokenize", fields{"tokens": plain.Tokens}, &text); err != nil || text.Prompt != s {
			t.Errorf("%q came back as %q, %v", s, text.Prompt, err)
		}
		if err := cl.post(t.Context(), "/tokenize", fields{"messages": []fields{{"role": "user", "content": s}}}, &talk); err != nil {
			t.Fatal(err)
		}
		if r := cl.chat(t, user(s).with(fields{"max_tokens": 1})); talk.Count != r.Usage.PromptTokens || talk.MaxModelLen != 512 {
			t.Errorf("%q: counted %d, used %d", s, talk.Count, r.Usage.PromptTokens)
		}
	}
}

func TestCompletions(t *testing.T) {
	cl := start(t)
	ask := fields{"model": "bafydemo", "prompt": "The capital of France", "temperature": 0, "max_tokens": 5, "logprobs": 2, "return_token_ids": true}
	var r, again openai.CompletionResponse
	if err := cl.post(t.Context(), "/v1/completions", ask, &r); err != nil {
		t.Fatal(err)
	}
	c := r.Choices[0]
	if c.Text != " is Paris." || *c.FinishReason != "length" || len(c.TokenIDs) != 5 || !slices.Equal(c.Logprobs.TextOffset, []int{0, 3, 5, 7, 9}) || r.Model != "demo" {
		t.Errorf("%+v %+v", c, c.Logprobs)
	}
	byIDs := ask.with(fields{"prompt": c.PromptTokenIDs, "logprobs": nil, "echo": true})
	if err := cl.post(t.Context(), "/v1/completions", byIDs, &again); err != nil {
		t.Fatal(err)
	}
	if got := again.Choices[0].Text; !strings.HasSuffix(got, "The capital of France is Paris.") {
		t.Errorf("echo: %q", got)
	}
}

func TestHealthWhileLoading(t *testing.T) {
	t.Parallel()
	f := &front{log: slog.New(slog.DiscardHandler)}
	for _, req := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/health", nil), httptest.NewRequest(http.MethodGet, "/v1/models", nil),
		httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}")),
	} {
		w := httptest.NewRecorder()
		f.handler().ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", req.URL, w.Code)
		}
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if l, err = listen("unix:" + path); err != nil {
		t.Fatalf("beside a socket that was left: %v", err)
	}
	l.Close()
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"unix:" + path, "unix:", "tcp:80", "unix:" + filepath.Join(path, "x")} {
		if l, err := listen(address); err == nil {
			l.Close()
			t.Errorf("%s was opened", address)
		}
	}
}

func TestServeByEnvironment(t *testing.T) {
	t.Setenv("INFERNET_SOCKET", "/run/engine/http.sock")
	t.Setenv("INFERNET_MODEL", "/models/m")
	t.Setenv("INFERNET_MODEL_NAME", "m")
	t.Setenv("INFERNET_PARALLEL", "7")
	t.Setenv("INFERNET_CONTEXT", "1024")
	t.Setenv("INFERNET_THREADS", "2")
	c, err := parse(nil, io.Discard)
	if err != nil || c.serve != "unix:/run/engine/http.sock" || c.model != "/models/m" || c.name != "m" || c.parallel != 7 || c.context != 1024 || c.threads != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = parse([]string{"-in", "/in"}, io.Discard); err != nil || c.serve != "" || c.model != "/model" || c.context != 4096 {
		t.Errorf("batch: %+v, %v", c, err)
	}
	if c, err = parse([]string{"-serve", "unix:/s", "-model", "/m", "-parallel", "2"}, io.Discard); err != nil || c.model != "/m" || c.parallel != 2 || c.serve != "unix:/s" {
		t.Errorf("flags: %+v, %v", c, err)
	}
	t.Setenv("INFERNET_PARALLEL", "many")
	if _, err = parse(nil, io.Discard); err == nil {
		t.Error("a number that is none was taken")
	}
}
