package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// otherFace is another API's face: it greets at one path, and streams a chat.
type otherFace struct{ live atomic.Int64 }

func (*otherFace) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(raw), "nobody"):
			oai.WriteError(w, oai.NotFound("nobody"))
			return
		case strings.Contains(string(raw), "broke"):
			oai.WriteError(w, oai.Payment("no credit"))
			return
		}
		w.Header().Set("X-Infernet-Provider", "npub1x")
		w.Header().Set("X-Infernet-Lease", "l")
		w.Header().Set("X-Infernet-Price", "in=1000, out=3000, per=1000000, unit=credits")
		w.Header().Set("X-Infernet-Verified", "claimed")
		_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Pa\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"ris\"},\"finish_reason\":\"stop\"}]}\n\n")
		switch {
		case strings.Contains(string(raw), "cut"):
			return
		case strings.Contains(string(raw), "fails"):
			_, _ = fmt.Fprint(w, "data: {\"error\":{\"message\":\"gone\",\"type\":\"upstream_error\"}}\n\n")
			return
		}
		_, _ = fmt.Fprint(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":1000}}\n\ndata: [DONE]\n\n")
	})
}

func (*otherFace) Refuse(w http.ResponseWriter, r *http.Request, status int, message string) bool {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	http.Error(w, "other: "+message, status)
	return true
}

func (f *otherFace) Live() int { return int(f.live.Load()) }

func TestFaceBehindGuard(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{face: &otherFace{}})
	for _, tc := range []struct {
		path, token, origin string
		status              int
		says                string
	}{
		{"/v1/hello", c.Token(), "", 200, "hello"},
		{"/v1/hello", "", "", 401, "other: no token given"},
		{"/v1/hello", "x", "", 401, "other: wrong token"},
		{"/ollama/" + c.Token() + "/v1/hello", "", "", 200, "hello"},
		{"/ollama/" + c.Token()[:63] + "/v1/hello", c.Token(), "", 401, "wrong token"},
		{"/ollama//v1/hello", c.Token(), "", 401, "wrong token"},
		{"/ollama/" + c.Token() + "/v1/hello", "", "https://evil.example", 403, "evil"},
		{"/ollama/" + c.Token() + "/api/status", "", "", 404, `{"error":"nothing at`},
		{"/ollama/" + c.Token(), "", "", 404, `{"error":"nothing at`},
		{"/api/status", c.Token(), "", 200, "npub1x"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.Addr()+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+tc.token)
		}
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
		}
		// What the guard answers is looked at, not where a redirect would lead.
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tc.status || !strings.Contains(string(raw), tc.says) || strings.Contains(string(raw), c.Token()) {
			t.Errorf("%s: %d %s", strings.ReplaceAll(tc.path, c.Token(), "TOKEN"), resp.StatusCode, raw)
		}
	}
}

// own is an address of this machine that nobody else is given ports of, where the
// system has so many.
func own() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0"
	}
	return fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
}

// again runs a server for a home at an address, calls fn and stops it.
func again(t *testing.T, home, at string, fn func(c *Client)) error {
	t.Helper()
	b := &backend{}
	s, err := NewServer(Config{Home: home, Addr: at}, Backends{Node: b, Jobs: b, Results: b, Content: shelf{}, Market: b, Money: noMoney{}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-s.Ready():
	}
	c, err := Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	fn(c)
	cancel()
	return <-done
}

func TestTokenAndPortStay(t *testing.T) {
	t.Parallel()
	home, at := t.TempDir(), own()
	var addr, token string
	if err := again(t, home, at, func(c *Client) { addr, token = c.Addr(), c.Token() }); err != nil {
		t.Fatal(err)
	}
	if err := again(t, home, at, func(c *Client) {
		if c.Addr() != addr || c.Token() != token {
			t.Errorf("%s became %s, token the same: %v", addr, c.Addr(), c.Token() == token)
		}
	}); err != nil {
		t.Fatal(err)
	}
	// Another program has the port: the home takes another one and keeps that.
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("the port is taken: %v", err)
	}
	defer func() { _ = ln.Close() }()
	var next string
	for range 2 {
		if err := again(t, home, at, func(c *Client) {
			if c.Addr() == addr || c.Token() != token || next != "" && next != c.Addr() {
				t.Errorf("listens on %s after %s", c.Addr(), next)
			}
			next = c.Addr()
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"", "0", "-1", "99999", "x", strings.Repeat("1", 100)} {
		if err := os.WriteFile(filepath.Join(home, PortName), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := lastPort(home); n != 0 {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	path := filepath.Join(home, TokenName)
	first, err := LoadToken(home)
	if err != nil || len(first) != 64 {
		t.Fatalf("%d letters, %v", len(first), err)
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := again(t, home, own(), func(*Client) { t.Error("it serves") }); !errors.Is(err, ErrReadableByOthers) {
			t.Errorf("got %v", err)
		}
	}
	second, err := RotateToken(home)
	if err != nil || second == first {
		t.Fatal("not another one", err)
	}
	if now, err := LoadToken(home); err != nil || now != second {
		t.Error("not the one that was made", err)
	}
	for _, bad := range []string{"", "secret", strings.Repeat("z", 64), first + first} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadToken(home); !errors.Is(err, ErrBadToken) || strings.Contains(err.Error(), "zzz") {
			t.Errorf("got %v", err)
		}
	}
}

func TestRotateWhileRunning(t *testing.T) {
	t.Parallel()
	c, home := serve(t, &backend{})
	f, err := c.RotateToken(t.Context())
	if err != nil || f.Token == c.Token() || f.Addr != c.Addr() {
		t.Fatalf("%v", err)
	}
	var e *Error
	if _, err := c.Status(t.Context()); !errors.As(err, &e) || e.Code != CodeUnauthorized {
		t.Errorf("the old token: %v", err)
	}
	next, err := Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Status(t.Context()); err != nil {
		t.Errorf("the new token: %v", err)
	}
	if kept, err := LoadToken(home); err != nil || kept != f.Token {
		t.Errorf("kept another one: %v", err)
	}
}

func TestProviderQueryArrives(t *testing.T) {
	t.Parallel()
	b := &backend{}
	c, _ := serve(t, b)
	q := ProviderQuery{Keys: []string{"cpu"}, Quotes: true, Max: 3, Model: "demo", GPU: "vram>=24", MaxPriceIn: "5", MaxPriceOut: "0.5 sat"}
	if _, err := c.Providers(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(b.query) != fmt.Sprint(q) {
		t.Errorf("sent %+v, arrived %+v", q, b.query)
	}
}

func TestChatClient(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{face: &otherFace{}})
	ask := func(model string) (Reply, string, error) {
		said := ""
		r, err := c.Chat(t.Context(), Chat{Model: model, Messages: []oai.Message{{Role: "user", Content: oai.Text("Which?")}}, MaxTokens: 4}, func(s string) { said += s })
		return r, said, err
	}
	r, said, err := ask("demo")
	if err != nil || said != "Paris" || r.Answer != "Paris" || r.Finish != "stop" || r.Provider != "npub1x" || r.Label != "claimed" {
		t.Errorf("%+v %q %v", r, said, err)
	}
	if r.Cost.Amount != 4 || r.Cost.Unit != "credits" || r.Usage.TotalTokens != 0 && r.Usage.TotalTokens != 2000 {
		t.Errorf("cost %+v", r.Cost)
	}
	if r, _, err := ask("cut"); !errors.Is(err, ErrStreamCut) || r.Answer != "Paris" {
		t.Errorf("%+v %v", r, err)
	}
	for model, code := range map[string]Code{"nobody": CodeNoProvider, "broke": CodeRefused, "fails": CodeRefused} {
		var e *Error
		if _, _, err := ask(model); !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v", model, err)
		}
	}
}
