package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/exec/engine/enginetest"
)

// served runs the suite on a handler.
func served(t *testing.T, h http.Handler, o enginetest.Options) []enginetest.Finding {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	return enginetest.Check(t.Context(), srv.Client(), srv.URL, o)
}

// missing are the names of what was not found good.
func missing(findings []enginetest.Finding) []string {
	var out []string
	for _, f := range findings {
		if !f.OK {
			out = append(out, f.Name)
		}
	}
	return out
}

func TestEcho(t *testing.T) {
	t.Parallel()
	findings := served(t, handler.New(handler.Config{}), enginetest.Options{Parallel: 4, Slack: 20 * time.Second})
	for _, f := range findings {
		if !f.OK {
			t.Errorf("%s (%s): %s", f.Name, f.Level, f.Detail)
		}
	}
	if !enginetest.Passed(findings) || len(enginetest.Capabilities(findings)) != 6 {
		t.Errorf("capabilities %v", enginetest.Capabilities(findings))
	}
}

// body reads a request's body; one beyond every bound is left to the engine.
func body(r *http.Request) (in []byte, long bool) {
	in, _ = io.ReadAll(io.LimitReader(r.Body, 5<<20))
	if len(in) < 5<<20 {
		return in, false
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(in), r.Body))
	return nil, true
}

// rewrite changes the bodies of an engine's answers.
func rewrite(h http.Handler, change func(r *http.Request, body []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, long := body(r)
		if long {
			h.ServeHTTP(w, r)
			return
		}
		asked := r.Clone(r.Context())
		asked.Body = io.NopCloser(bytes.NewReader(in))
		r.Body = io.NopCloser(bytes.NewReader(in))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, asked)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		out := change(r, rec.Body.Bytes())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(out)
	})
}

// request changes the members of what an engine is asked.
func request(h http.Handler, change func(path string, body map[string]any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, long := body(r)
		if long {
			h.ServeHTTP(w, r)
			return
		}
		var asked map[string]any
		if json.Unmarshal(in, &asked) == nil {
			change(r.URL.Path, asked)
			in, _ = json.Marshal(asked)
		}
		r.Body = io.NopCloser(bytes.NewReader(in))
		h.ServeHTTP(w, r)
	})
}

func replace(pattern, with string) func(*http.Request, []byte) []byte {
	re := regexp.MustCompile(pattern)
	return func(_ *http.Request, b []byte) []byte { return re.ReplaceAll(b, []byte(with)) }
}

// without drops a member of every request: the engine does not know it.
func without(names ...string) func(string, map[string]any) {
	return func(_ string, body map[string]any) {
		for _, n := range names {
			delete(body, n)
		}
	}
}

// TestBroken: each fault is found out by the check that is there for it.
func TestBroken(t *testing.T) {
	t.Parallel()
	good := handler.New(handler.Config{Model: "echo"})
	for name, c := range map[string]struct {
		h    http.Handler
		want []string
	}{
		"no health": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				w.WriteHeader(503)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"health", "health after all that"}},
		"no [DONE]":             {rewrite(good, replace(`data: \[DONE\]\n\n`, "")), []string{"stream"}},
		"two finish reasons":    {rewrite(good, replace(`"finish_reason":null`, `"finish_reason":"stop"`)), []string{"stream", "stop in streams"}},
		"usage does not add up": {rewrite(good, replace(`"total_tokens":`, `"total_tokens":1`)), []string{"usage", "usage in streams", "completions"}},
		"no usage in streams":   {request(good, without("stream_options")), []string{"usage in streams"}},
		"usage always": {request(good, func(_ string, b map[string]any) {
			if b["stream"] == true {
				b["stream_options"] = map[string]any{"include_usage": true}
			}
		}), []string{"no usage unless asked"}},
		"usage is made up":      {rewrite(good, replace(`"prompt_tokens":\d+,"completion_tokens":\d+,"total_tokens":\d+`, `"prompt_tokens":9,"completion_tokens":9,"total_tokens":18`)), []string{"usage"}},
		"max_tokens is ignored": {request(good, without("max_tokens", "max_completion_tokens")), []string{"max_tokens"}},
		"newer name is ignored": {request(good, without("max_completion_tokens")), []string{"max_tokens"}},
		"stop is ignored":       {request(good, without("stop")), []string{"stop", "stop in streams"}},
		"n is ignored":          {request(good, without("n")), []string{"several choices"}},
		"logprobs are ignored":  {request(good, without("logprobs", "top_logprobs")), []string{"can logprobs"}},
		"formats are ignored":   {request(good, without("response_format")), []string{"can json_schema", "error of a bad schema"}},
		"ids are ignored":       {request(good, without("return_token_ids")), []string{"can token_ids", "can replay"}},
		"base64 is ignored":     {request(good, without("encoding_format")), []string{"can embeddings"}},
		"any model":             {request(good, func(_ string, b map[string]any) { b["model"] = "echo" }), []string{"error of a missing model"}},
		"errors of its own":     {rewrite(good, replace(`(?s)^\{"error":.*`, "oops")), []string{"error of bad JSON", "error of a long prompt"}},
		"another role":          {rewrite(good, replace(`"role":"assistant"`, `"role":"user"`)), []string{"chat", "stream"}},
		"replay says yes":       {rewrite(good, replace(`"rank":\d+`, `"rank":0`)), []string{"can replay"}},
		"answers differ": {rewrite(good, func(r *http.Request, b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("capital"), fmt.Appendf(nil, "c%d", rand.IntN(1e9)))
		}), []string{"temperature 0 repeats", "stream says the same", "at once"}},
		"long prompts are cut":     {request(good, cutPrompt), []string{"error of a long prompt"}},
		"everything is swallowed":  {swallow(good), []string{"error of a big body"}},
		"streams are one piece":    {rewrite(good, onePiece), []string{"stream in pieces"}},
		"something after the end":  {rewrite(good, replace(`data: \[DONE\]\n\n`, "data: [DONE]\n\ndata: {}\n\n")), []string{"stream"}},
		"stream is cut":            {rewrite(good, replace(`(?s)"finish_reason":"stop".*data: \[DONE\]\n\n`, "")), []string{"stream"}},
		"an endless answer":        {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { flood(w) }), []string{"chat", "models", "stream"}},
		"counts its own tokenizer": {rewrite(good, replace(`"count":\d+`, `"count":3`)), []string{"can tokenize"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := missing(served(t, c.h, enginetest.Options{Model: "echo", Context: 8192, Parallel: 2, Timeout: 20 * time.Second}))
			for _, want := range c.want {
				if !slices.Contains(found, want) {
					t.Errorf("%q was not found out; found %q", want, found)
				}
			}
		})
	}
}

func cutPrompt(_ string, body map[string]any) {
	list, _ := body["messages"].([]any)
	for _, m := range list {
		if m, ok := m.(map[string]any); ok {
			if s, ok := m["content"].(string); ok && len(s) > 4000 {
				m["content"] = s[:4000]
			}
		}
	}
}

// swallow reads whatever comes and answers something else.
func swallow(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head, _ := io.ReadAll(io.LimitReader(r.Body, 6<<20))
		if n, _ := io.Copy(io.Discard, r.Body); n > 0 {
			head = []byte(`{"model":"echo","messages":[{"role":"user","content":"hi"}]}`)
		}
		r.Body = io.NopCloser(bytes.NewReader(head))
		h.ServeHTTP(w, r)
	})
}

// onePiece puts all of a stream's text into one chunk.
func onePiece(_ *http.Request, b []byte) []byte {
	if !bytes.HasPrefix(b, []byte("data: ")) {
		return b
	}
	first := true
	re := regexp.MustCompile(`"content":"[^"]+"`)
	return re.ReplaceAllFunc(b, func([]byte) []byte {
		if first {
			first = false
			return []byte(`"content":"all of it"`)
		}
		return []byte(`"content":""`)
	})
}

func flood(w http.ResponseWriter) {
	block := bytes.Repeat([]byte("data: x "), 8192)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	// A socket of its own that nobody listens on any more: a port that was closed
	// may be another's by now.
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	findings := enginetest.Check(t.Context(), client, "http://engine", enginetest.Options{})
	for _, f := range findings {
		if f.OK || f.Detail == "" || len(f.Detail) > 600 {
			t.Errorf("%+v", f)
		}
	}
	if enginetest.Passed(findings) || !strings.Contains(findings[0].Detail, "refused") {
		t.Errorf("%+v", findings[0])
	}
}
