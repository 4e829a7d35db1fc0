package openai_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
)

// endless is a body of so many spaces, which are JSON as far as it goes.
type endless struct {
	left int64
	read atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left -= n
	e.read.Add(n)
	return int(n), nil
}

// raw opens a connection and sends a request's head.
func (s *served) raw(t *testing.T, head string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "%s\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n", head, s.token); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBodyOfAGigabyte runs alone: it looks at the memory in use.
func TestBodyOfAGigabyte(t *testing.T) {
	s := serve(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, path := range []string{"/v1/chat/completions", "/v1/files", "/v1/batches", "/api/chat"} {
		for _, length := range []int64{1 << 30, -1} {
			body := &endless{left: 1 << 30}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			req.Header.Set("Authorization", "Bearer "+s.token)
			req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%s, length %d: %v", path, length, err)
			}
			raw, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			// A form without an end is a bad form before it is a large one.
			if resp.StatusCode != 413 && (path != "/v1/files" || resp.StatusCode != 400) || !json.Valid(raw) {
				t.Errorf("%s, length %d: %d %s", path, length, resp.StatusCode, raw)
			}
			if body.read.Load() > 120<<20 {
				t.Errorf("%s, length %d: %d bytes were taken", path, length, body.read.Load())
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("%d bytes more in use", grown)
	}
}

func TestHeaderBomb(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.raw(t, "POST /v1/chat/completions HTTP/1.1")
	go func() {
		// The server stops reading long before the end.
		_, _ = io.Copy(c, io.MultiReader(strings.NewReader("X-Bomb: "), &endless{left: 1 << 28}))
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%s", resp.Status)
	}
}

// TestSlowSender: a body that dribbles in is cut off, and others are served
// meanwhile.
func TestSlowSender(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *openai.Config, _ *openai.Deps) { c.BodyTime = 300 * time.Millisecond })
	var slow []net.Conn
	for range 20 {
		c := s.raw(t, "POST /v1/chat/completions HTTP/1.1")
		if _, err := io.WriteString(c, "Content-Length: 1000\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	if resp, body := s.do(t, "POST", "/v1/chat/completions", chat(openaitest.Echo, "x", "")); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	for _, c := range slow {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s", resp.Status)
		}
	}
}

// TestSlowReader: a client that does not read holds the engine back, and is
// given up in the end.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *openai.Config, _ *openai.Deps) { c.StallTime = 500 * time.Millisecond })
	body := chat(openaitest.Endless, strings.Repeat("many words ", 1000), `,"stream":true`)
	c := s.raw(t, "POST /v1/chat/completions HTTP/1.1")
	if _, err := fmt.Fprintf(c, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if !s.engine.Gone(ctx, 1) {
		t.Error("the engine still talks to a client that does not read")
	}
}

// TestDisconnect: a client that goes without a word ends the work at once.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	body := chat(openaitest.Hang, "x", "")
	c := s.raw(t, "POST /v1/chat/completions HTTP/1.1")
	if _, err := fmt.Fprintf(c, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	if !s.engine.Began(t.Context(), 1) {
		t.Fatal("not asked")
	}
	began := time.Now()
	_ = c.Close()
	if !s.engine.Gone(t.Context(), 1) {
		t.Fatal("it goes on")
	}
	// A client that only says nothing is borne for two minutes.
	if d := time.Since(began); d > time.Minute {
		t.Errorf("after %s", d)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *openai.Config, _ *openai.Deps) { c.Requests = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions", strings.NewReader(chat(openaitest.Hang, "x", "")))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+s.token)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
	}
	if !s.engine.Began(t.Context(), 2) {
		t.Fatal("not asked")
	}
	resp, body := s.do(t, "POST", "/v1/chat/completions", chat(openaitest.Echo, "x", ""))
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "rate_limit_exceeded") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	cancel()
	eventually(t, "there is room again", func() bool {
		resp, _ := s.do(t, "POST", "/v1/chat/completions", chat(openaitest.Echo, "x", ""))
		return resp.StatusCode == 200
	})
}

// TestShapes: whatever is wrong on OpenAI's paths, its clients can read it.
func TestShapes(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for _, tc := range []struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		code               string
	}{
		{"POST", "/v1/chat/completions", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "invalid_api_key"},
		{"POST", "/v1/chat/completions", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_api_key"},
		{"POST", "/v1/chat/completions", "", func(r *http.Request) { r.Host = "evil.example" }, 403, "forbidden"},
		{"POST", "/v1/chat/completions", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, "forbidden"},
		{"GET", "/v1/chat/completions", "", nil, 405, "method_not_allowed"},
		{"DELETE", "/v1/models", "", nil, 405, "method_not_allowed"},
		{"POST", "/v1/responses", "{}", nil, 404, "unknown_url"},
		{"GET", "/v1/files/file-nothing", "", nil, 404, "not_found"},
		{"GET", "/v1/batches/" + strings.Repeat("x", 300), "", nil, 404, "not_found"},
		{"GET", "/v1/batches?limit=0", "", nil, 400, ""},
		{"GET", "/v1/files?order=up", "", nil, 400, ""},
		{"GET", "/v1/files?after=file-nothing", "", nil, 400, ""},
		{"POST", "/v1/chat/completions", "", nil, 400, ""},
		{"POST", "/v1/chat/completions", "[1]", nil, 400, ""},
		{"POST", "/v1/chat/completions", `{"model":"echo","model":"echo2","messages":[{"role":"user","content":"x"}]}`, nil, 400, ""},
		{"POST", "/v1/chat/completions", strings.Repeat(`{"a":`, 2000), nil, 400, ""},
		{"POST", "/v1/embeddings", `{"model":"echo"}`, nil, 400, ""},
		{"POST", "/v1/batches", `{"input_file_id":"x","endpoint":"/v1/responses","completion_window":"24h"}`, nil, 400, ""},
		{"POST", "/v1/chat/completions", chat("echo", "x", ""), func(r *http.Request) { r.Header.Set("X-Infernet-Max-Price-In", "cheap") }, 400, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, s.url+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		if tc.change != nil {
			tc.change(req)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Error struct {
				Message, Type string
				Code, Param   *string
			}
		}
		raw, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		err = json.Unmarshal(raw, &e)
		code := ""
		if e.Error.Code != nil {
			code = *e.Error.Code
		}
		if err != nil || resp.StatusCode != tc.status || code != tc.code || e.Error.Message == "" || e.Error.Type == "" || !strings.Contains(string(raw), `"param":`) {
			t.Errorf("%s %.60s: %d %s", tc.method, tc.path, resp.StatusCode, raw)
		}
		if resp.StatusCode == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tc.method, tc.path)
		}
	}
}
