package infer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
)

// demoModel is the model in the source.
const demoModel = "../../exec/engine/model/infernet-demo.gguf"

// program is the built engine; tests that need it are left out without.
func program(t testing.TB) string {
	t.Helper()
	p := os.Getenv("INFERNET_ENGINE")
	if p == "" {
		t.Skip("INFERNET_ENGINE names no built program: run make test to have this test")
	}
	p, err := filepath.Abs(p)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// edit changes a model's weights; see gguftest.
type edit func(name string, dims []uint64, weights []float32)

// model is the demonstration model, changed.
func model(t testing.TB, e edit) string {
	t.Helper()
	if e == nil {
		return demoModel
	}
	file, err := os.ReadFile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	if file, err = gguftest.Variant(file, e); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "variant.gguf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// running is a real engine that serves a model on a socket.
type running struct {
	http.Client
	socket string
	ended  chan error
	pid    int
}

// serve starts the program on a model.
func serve(t testing.TB, path string, args ...string) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	e := &running{socket: filepath.Join(dir, "s"), ended: make(chan error, 1)}
	cmd := exec.Command(program(t), append([]string{"-model", path, "-context", "512", "-serve", "unix:" + e.socket, "-name", "demo"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.pid = cmd.Process.Pid
	go func() { e.ended <- cmd.Wait() }()
	tr := &http.Transport{MaxIdleConnsPerHost: 16, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.socket)
	}}
	e.Transport = tr
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-e.ended; err != nil {
			t.Errorf("the engine ended with %v: %.2000s", err, said.String())
		}
		_ = os.RemoveAll(dir)
	})
	e.ready(t, &said)
	return e
}

// ready waits until the model is loaded.
func (e *running) ready(t testing.TB, said *bytes.Buffer) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for {
		if resp, err := e.Get("http://engine/health"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-e.ended:
			e.ended <- err
			t.Fatalf("the engine ended: %v %s", err, said.String())
		case <-tick.C:
		case <-late:
			t.Fatal("the engine does not come up")
		}
	}
}

// post asks the engine.
func (e *running) post(path string, body []byte, out any) error {
	resp, err := e.Post("http://engine"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return fmt.Errorf("%s: %d %.300s", path, resp.StatusCode, b.String())
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// asked is a chat for one question, as the router sends it.
func asked(question string, how map[string]any) *query {
	body := map[string]any{"model": "demo", "messages": []map[string]string{{"role": "user", "content": question}}, "return_token_ids": true, "max_tokens": 64}
	for k, v := range how {
		body[k] = v
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &query{Request: Request{Model: "demo", Path: "/v1/chat/completions", Body: raw}, body: raw}
}

// answers has an engine answer and returns what an audit hears of it.
func (e *running) answers(t testing.TB, q *query) (*heard, uint64) {
	t.Helper()
	var raw json.RawMessage
	if err := e.post(q.Path, q.body, &raw); err != nil {
		t.Fatal(err)
	}
	c, err := meter.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	h.add(c)
	return h, uint64(c.Usage.PromptTokens)
}

// replays has an engine replay a claim.
func (e *running) replays(t testing.TB, c claim) openai.ReplayResponse {
	t.Helper()
	raw, err := json.Marshal(c.req)
	if err != nil {
		t.Fatal(err)
	}
	var out openai.ReplayResponse
	if err := e.post(pathReplay, raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// questions are such as the demonstration model knows to answer; the nth is
// always the same.
func questions(i int) string {
	countries := []string{"France", "Japan", "Italy", "Spain", "Egypt", "Norway", "Peru", "Kenya"}
	animals := []string{"fox", "dog", "cat", "bear", "owl", "rabbit", "duck"}
	names := []string{"Pip", "Max", "Luna", "Tom", "Mia", "Ben"}
	switch i % 5 {
	case 0:
		return fmt.Sprintf("What is %d plus %d?", i*7%90, i*13%80)
	case 1:
		return fmt.Sprintf("What is the capital of %s?", countries[i/5%len(countries)])
	case 2:
		return fmt.Sprintf("Tell me a story about a %s named %s.", animals[i/5%len(animals)], names[i/7%len(names)])
	case 3:
		return fmt.Sprintf("Tell me a little story about a %s.", animals[i/5%len(animals)])
	}
	return fmt.Sprintf("Is this text happy or sad? I saw a %s and %s was there. %d", animals[i%len(animals)], names[i%len(names)], i)
}
