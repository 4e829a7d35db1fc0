package openai_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
	"infernet.tech/infernet/store"
)

// served is a face behind the real local API.
type served struct {
	engine *openaitest.Engine
	face   *openai.Face
	url    string // http://127.0.0.1:PORT
	token  string
	deps   openai.Deps
	cfg    openai.Config
}

// serve runs one until the test ends. change may alter what it is made of.
func serve(t *testing.T, change func(*openai.Config, *openai.Deps)) *served {
	t.Helper()
	s := prepare(t, change)
	t.Cleanup(s.start(t))
	return s
}

// prepare is serve without the running.
func prepare(t *testing.T, change func(*openai.Config, *openai.Deps)) *served {
	t.Helper()
	s := &served{engine: openaitest.New(), cfg: openai.Default()}
	s.cfg.Dir = t.TempDir()
	s.cfg.Retry, s.cfg.Poll = time.Millisecond, 2*time.Millisecond
	s.deps = openai.Deps{Infer: s.engine, Store: store.NewMem(), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&s.cfg, &s.deps)
	}
	return s
}

// start runs the face and the API; stop ends them.
func (s *served) start(t *testing.T) (stop func()) {
	t.Helper()
	var err error
	if s.face, err = openai.New(s.cfg, s.deps); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	server, err := api.NewServer(api.DefaultConfig(home), api.Backends{
		Node: struct{ api.Node }{}, Jobs: struct{ api.Jobs }{}, Results: struct{ api.Results }{}, Content: struct{ api.Library }{},
		Market: struct{ api.Market }{}, Money: struct{ api.Money }{}, Face: s.face,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.Run(ctx) }()
	go func() { done <- s.face.Run(ctx) }()
	<-server.Ready()
	s.url, s.token = "http://"+server.Addr(), server.Token()
	stopped := false
	return func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
}

// do sends a request with the token and returns the answer and its body.
func (s *served) do(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}

// chat is the body of a chat with one question.
func chat(model, question, more string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":"` + question + `"}]` + more + `}`
}

// eventually polls until ok; the test's own limit ends it otherwise.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}
