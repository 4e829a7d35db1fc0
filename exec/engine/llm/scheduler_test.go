package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

// running is a server without HTTP, its scheduler at work until the test ends.
func running(t *testing.T, parallel int) *server {
	t.Helper()
	e, err := load(config{model: demoModel, context: 512, threads: 1, parallel: parallel})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(newServed(e), config{name: "demo"})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.sched.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// story is a greedy request for a long answer.
func (s *server) story(t *testing.T, name string) ask {
	t.Helper()
	prompt, err := s.conversation([]openai.Message{{Role: "user", Content: openai.Text("Tell me a story about a fox named " + name + ".")}})
	if err != nil {
		t.Fatal(err)
	}
	return ask{prompt: prompt, n: 1, max: 300, logprobs: -1, params: sample.Params{}}
}

// read takes events until there are none, or so many.
func read(t *testing.T, g *generation, most int) string {
	t.Helper()
	var text strings.Builder
	for range most {
		ev, ok, err := g.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		text.WriteString(ev.text)
	}
	return text.String()
}

func generated(t *testing.T, s *server, ctx context.Context, a ask) *generation {
	t.Helper()
	g, err := s.generate(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// made is how many tokens there are, read or not.
func made(g *generation) int { return g.usage.CompletionTokens + len(g.events) }

func TestWhoLeavesIsLeft(t *testing.T) {
	s := running(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	first := generated(t, s, ctx, s.story(t, "Pip"))
	waiting, leave := context.WithCancel(t.Context())
	never := generated(t, s, waiting, s.story(t, "Rip"))
	read(t, first, 3)
	cancel()
	leave()
	left := made(first)
	// There is one slot: this is served only when the first has lost it.
	if text := read(t, generated(t, s, t.Context(), s.story(t, "Tip")), 1000); len(text) < 100 {
		t.Errorf("answer %q", text)
	}
	// One may have been under way, and the reason is an event, too.
	if n := made(first) - left; n > 3 {
		t.Errorf("%d tokens were made for somebody who had left", n)
	}
	if ev := <-never.events; !errors.Is(ev.err, context.Canceled) {
		t.Errorf("who left the queue was given %+v", ev)
	}
}

func TestSlowReaderHoldsUpNobody(t *testing.T) {
	s := running(t, 2)
	want := read(t, generated(t, s, t.Context(), s.story(t, "Pip")), 1000)
	slow := generated(t, s, t.Context(), s.story(t, "Pip"))
	for range 2 {
		if text := read(t, generated(t, s, t.Context(), s.story(t, "Tip")), 1000); len(text) < 100 {
			t.Errorf("answer %q", text)
		}
	}
	if n := made(slow); n == 0 || n > ahead+2 {
		t.Errorf("%d tokens were made ahead of a reader who takes none", n)
	}
	if got := read(t, slow, 1000); got != want {
		t.Errorf("the slow reader got %q, want %q", got, want)
	}
}

func TestLongPromptsHoldUpNobody(t *testing.T) {
	s := running(t, 2)
	for _, name := range []string{"Pip", "Tip", "Max", "Tom", "Sam", "Ben", "Mia", "Zoe"} {
		if beside, steps, ok := besideLongPrompt(t, s, name); ok {
			if steps < 9 || beside < steps-1 {
				t.Errorf("%d tokens were made in %d steps of a prompt", beside, steps)
			}
			return
		}
	}
	t.Error("each reader had all that is made ahead before the prompt was read")
}

// besideLongPrompt is how many tokens are made for a reader while a long prompt
// is read in so many steps; false when the reader, who takes none, had to wait
// for himself.
func besideLongPrompt(t *testing.T, s *server, name string) (tokens, steps int, ok bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader := generated(t, s, ctx, s.story(t, name))
	read(t, reader, 2)
	before := made(reader)
	long := s.story(t, name+strings.Repeat(" Pip", 345))
	long.max = 1
	read(t, generated(t, s, t.Context(), long), 1000)
	return made(reader) - before, (len(long.prompt) + sharedStep - 1) / sharedStep, len(reader.events) < ahead
}

func TestQueueIsBounded(t *testing.T) {
	e, err := load(config{model: demoModel, context: 512, threads: 1, parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(newServed(e), config{name: "demo"})
	a := s.story(t, "Pip")
	// Nothing runs: all of it waits.
	for range s.sched.limit {
		generated(t, s, t.Context(), a)
	}
	if _, err := s.generate(t.Context(), a); !errors.Is(err, errQueueFull) {
		t.Errorf("one more: %v", err)
	}
	f := &front{log: slog.New(slog.DiscardHandler)}
	f.ready.Store(s)
	body := `{"model":"demo","messages":[{"role":"user","content":"x"}]}`
	for range 2 {
		w := httptest.NewRecorder()
		f.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
			t.Errorf("status %d, header %v", w.Code, w.Header())
		}
		// The second time not even the body is read.
		for range cap(s.room) - len(s.room) {
			s.room <- struct{}{}
		}
	}
	s.sched.stop()
	if _, err := s.generate(t.Context(), a); !errors.Is(err, errStopped) {
		t.Errorf("after the end: %v", err)
	}
}
