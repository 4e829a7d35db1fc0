package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// client asks a server that runs the demonstration model.
type client struct {
	*http.Client
	socket string
}

// start serves the demonstration model, or another, until the test ends.
func start(t *testing.T, change ...func(*config)) *client {
	t.Helper()
	c := config{model: demoModel, name: "demo,bafydemo", context: 512, threads: 1, parallel: 4}
	for _, f := range change {
		f(&c)
	}
	socket := filepath.Join(t.TempDir(), "s")
	c.serve = unixAddress + socket
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, c, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
	return connect(t, socket, ended)
}

// connect waits until what serves at the socket is healthy, or has ended.
func connect(t *testing.T, socket string, ended chan error) *client {
	t.Helper()
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	cl := &client{&http.Client{Transport: transport}, socket}
	for {
		resp, err := cl.Get("http://engine/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return cl
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("did not start: %v", err)
		case <-t.Context().Done():
			t.Fatal("not ready in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// post sends a body and decodes the answer into out, or returns the error.
func (c *client) post(ctx context.Context, path string, body, out any) error {
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return openai.ReadError(resp.StatusCode, answer)
	}
	return json.Unmarshal(answer, out)
}

// fields of a request, as JSON.
type fields map[string]any

// with is f with others in place.
func (f fields) with(others fields) fields {
	out := fields{}
	for k, v := range f {
		out[k] = v
	}
	for k, v := range others {
		out[k] = v
	}
	return out
}

// user is a greedy chat request of one message.
func user(text string) fields {
	return fields{"model": "demo", "messages": []fields{{"role": "user", "content": text}}, "temperature": 0}
}

func (c *client) chat(t *testing.T, f fields) openai.ChatResponse {
	t.Helper()
	var out openai.ChatResponse
	if err := c.post(t.Context(), "/v1/chat/completions", f, &out); err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	return out
}

// refusal is the error that a request is answered with.
func (c *client) refusal(t *testing.T, path string, body any) *openai.Error {
	t.Helper()
	var out any
	var e *openai.Error
	if err := c.post(t.Context(), path, body, &out); !errors.As(err, &e) {
		t.Fatalf("%s %.200v: no refusal but %v, %v", path, body, out, err)
	}
	return e
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decoded[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%.300s: %v", raw, err)
	}
	return v
}

// questions are prompts of many lengths that share beginnings.
func questions(n int) []string {
	places := []string{"France", "Japan", "Italy", "Spain", "Egypt", "Peru", "Kenya", "Norway", "Cuba", "Chile"}
	var out []string
	for i := range n {
		switch i % 4 {
		case 0:
			out = append(out, "What is the capital of "+places[i/4%len(places)]+"?")
		case 1:
			out = append(out, fmt.Sprintf("What is %d plus %d?", i, 3*i%40))
		case 2:
			out = append(out, "Tell me a story about a fox named "+places[i/4%len(places)]+".")
		case 3:
			out = append(out, strings.Repeat("The weather is nice in "+places[i/4%len(places)]+". ", 1+i%7)+"Is this text happy or sad?")
		}
	}
	return out
}
