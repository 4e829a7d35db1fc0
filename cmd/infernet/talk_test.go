package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
	"infernet.tech/infernet/store"
)

// window collects what a talk prints.
type window struct {
	mu   sync.Mutex
	text bytes.Buffer
	wake chan struct{}
}

func (w *window) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

func (w *window) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// shows waits until the window holds a text.
func (w *window) shows(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.wake:
		case <-t.Context().Done():
			t.Fatalf("never shown: %q in %q", text, w.String())
		}
	}
}

// startTalk begins a conversation with a model of an engine that is made up.
func startTalk(t *testing.T, model string) (in io.WriteCloser, out *window, stops chan os.Signal, engine *openaitest.Engine, done chan error) {
	t.Helper()
	home := t.TempDir()
	engine = openaitest.New()
	cfg := openai.Default()
	cfg.Dir = filepath.Join(home, "files")
	face, err := openai.New(cfg, openai.Deps{Infer: engine, Store: store.NewMem(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n := &scriptedNode{}
	s, err := api.NewServer(api.DefaultConfig(home), api.Backends{Node: n, Jobs: n, Results: n, Content: scriptedShelf{}, Market: n, Money: scriptedMoney{}, Face: face}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	<-s.Ready()
	c, err := api.Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	out = &window{wake: make(chan struct{}, 1)}
	stops = make(chan os.Signal)
	talk := &talker{app: newApp(nil, out, out), client: c, ask: api.Chat{Model: model}, stops: stops}
	done = make(chan error, 1)
	go func() { done <- talk.run(ctx, r) }()
	return w, out, stops, engine, done
}

func TestTalk(t *testing.T) {
	t.Parallel()
	in, out, _, engine, done := startTalk(t, openaitest.Echo)
	say := func(text, shows string) {
		t.Helper()
		if _, err := io.WriteString(in, text+"\n"); err != nil {
			t.Fatal(err)
		}
		out.shows(t, shows)
	}
	out.shows(t, "can read what you ask")
	say("/system be brief", "> ")
	say("hello there", "hello there\nfrom npub1")
	say("two\\\nlines", "two\nlines\nfrom npub1")
	body := string(engine.Last().Body)
	for _, want := range []string{`{"role":"system","content":"be brief"}`, `{"role":"assistant","content":"hello there"}`, `{"role":"user","content":"two\nlines"}`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
	if first, last := engine.Asked()[0], engine.Last(); first.Session == "" || first.Session != last.Session {
		t.Errorf("sessions %q, %q", first.Session, last.Session)
	}
	say("/help", "/save FILE")
	path := filepath.Join(t.TempDir(), "talk.json")
	say("/save "+path, "saved 5 messages")
	say("/save "+path, "nothing is ever overwritten")
	say("/model", "  org/echo")
	say("/nonsense", "no such command")
	say("/clear", "nothing was said so far")
	say("anew", "anew\nfrom npub1")
	if strings.Contains(string(engine.Last().Body), "hello") {
		t.Errorf("not cleared: %s", engine.Last().Body)
	}
	say("/model nothing", "talking with nothing")
	say("x", "nobody serves it")
	_ = in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if raw, err := os.ReadFile(path); err != nil || !strings.Contains(string(raw), `"hello there"`) {
		t.Errorf("%s %v", raw, err)
	}
}

// TestTalkStop: Ctrl-C stops the answer, at the engine too, and the talk goes on.
func TestTalkStop(t *testing.T) {
	t.Parallel()
	in, out, stops, engine, done := startTalk(t, openaitest.Endless)
	if _, err := io.WriteString(in, "on and on \n"); err != nil {
		t.Fatal(err)
	}
	out.shows(t, "on and on")
	stops <- os.Interrupt
	out.shows(t, "(stopped)")
	if !engine.Gone(t.Context(), 1) {
		t.Error("the engine goes on")
	}
	stops <- os.Interrupt
	out.shows(t, "(Ctrl-D leaves)")
	if _, err := io.WriteString(in, "/exit\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
