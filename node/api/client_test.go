package api

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventsStream(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	b := &backend{events: func(ctx context.Context, q EventQuery, fn func(Event) error) error {
		one := 1
		if err := fn(Event{Seq: q.After + 1, Type: EventState, State: "running"}); err != nil {
			return err
		}
		// The rest comes only once the reader has seen the first.
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, ev := range []Event{
			{Type: EventPing},
			{Type: EventLog, Shard: &one, Attempt: &one, Stream: "stdout", Data: []byte{0xff, 0, 'x'}},
			{Seq: q.After + 2, Type: EventEnd, Job: &Job{ID: "j1", State: JobDone}},
		} {
			if err := fn(ev); err != nil {
				return err
			}
		}
		return nil
	}}
	c, _ := serve(t, b)
	var got []EventType
	j, err := c.Wait(t.Context(), "j1", EventQuery{After: 4, Logs: true}, func(ev Event) error {
		if len(got) == 0 {
			if ev.Seq != 5 {
				t.Errorf("first event is %d, want 5", ev.Seq)
			}
			close(wait)
		}
		if ev.Type == EventLog && string(ev.Data) != "\xff\x00x" {
			t.Errorf("data changed on the way: %q", ev.Data)
		}
		got = append(got, ev.Type)
		return nil
	})
	if err != nil || j.State != JobDone || !slices.Equal(got, []EventType{EventState, EventLog, EventEnd}) {
		t.Errorf("%v %v %v", j, got, err)
	}
}

func TestEventsErrors(t *testing.T) {
	t.Parallel()
	b := &backend{events: func(context.Context, EventQuery, func(Event) error) error {
		return Errorf(CodeNotFound, "", "no job")
	}}
	c, _ := serve(t, b)
	var e *Error
	if err := c.Events(t.Context(), "x", EventQuery{}, nil); !errors.As(err, &e) || e.Code != CodeNotFound {
		t.Errorf("before the first event: %v", err)
	}
	b.events = func(_ context.Context, _ EventQuery, fn func(Event) error) error {
		_ = fn(Event{Seq: 1, Type: EventState})
		return errors.New("the node is stopping")
	}
	keep := func(Event) error { return nil }
	if err := c.Events(t.Context(), "x", EventQuery{Follow: true}, keep); !errors.Is(err, ErrStreamCut) {
		t.Errorf("cut: %v", err)
	}
	if err := c.Events(t.Context(), "x", EventQuery{}, keep); err != nil {
		t.Errorf("all that is known: %v", err)
	}
	stop := errors.New("enough")
	if err := c.Events(t.Context(), "x", EventQuery{}, func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("own error: %v", err)
	}
}

func TestReaderLeaves(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	b := &backend{events: func(ctx context.Context, _ EventQuery, fn func(Event) error) error {
		_ = fn(Event{Seq: 1, Type: EventState})
		<-ctx.Done()
		close(gone)
		return ctx.Err()
	}}
	c, _ := serve(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Events(ctx, "x", EventQuery{Follow: true}, func(Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-gone
}

func TestProblemsReachTheCaller(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	_, err := c.Submit(t.Context(), SubmitRequest{Spec: "bad"})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeInvalidSpec || len(e.Problems) != 1 || e.Problems[0].Line != 3 {
		t.Errorf("got %#v", err)
	}
}

func TestStopEndsTheServer(t *testing.T) {
	t.Parallel()
	c, home := serve(t, &backend{})
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		// Either the file is gone or nobody listens any more.
		if _, err := c.Status(t.Context()); err != nil {
			break
		}
	}
	if _, err := c.Peers(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%s: %v", home, err)
	}
}

func TestPromptIsAJob(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "output.jsonl")
	if err := os.WriteFile(path, []byte(`{"id":"1","answer":"Paris.","tokens":2}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	zero, one := 0, 1
	b := &backend{events: func(_ context.Context, q EventQuery, fn func(Event) error) error {
		for _, ev := range []Event{
			{Type: EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("Par")},
			{Type: EventLog, Shard: &zero, Attempt: &one, Stream: "stdout", Data: []byte("Par")},
			{Type: EventLog, Shard: &zero, Attempt: &zero, Stream: "stderr", Data: []byte("loading")},
			{Type: EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("is.")},
			{Seq: 1, Type: EventEnd, Job: &Job{State: JobDone, Result: JobResult{Path: path}, Providers: []ProviderShare{{NPub: "npub1p", Shards: 1}}}},
		} {
			if err := fn(ev); err != nil {
				return err
			}
		}
		return nil
	}}
	c, _ := serve(t, b)
	var said strings.Builder
	a, err := c.Ask(t.Context(), Prompt{Model: "demo", Text: "Which?\n", MaxTokens: 5}, func(w []byte) { said.Write(w) })
	if err != nil || a.Answer != "Paris." || a.Provider != "npub1p" || said.String() != "Paris." {
		t.Errorf("%+v %q %v", a, said.String(), err)
	}
	for _, want := range []string{`"model":"demo"`, `"cid":"body"`, `"--max-tokens","5"`, `"mode":"none"`} {
		if !strings.Contains(b.spec.Spec, want) {
			t.Errorf("%s lacks %s", b.spec.Spec, want)
		}
	}
}

// TestIdle: a live job keeps the node, and so does a question.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := &backend{cancel: cancel, jobs: []Job{{State: "running"}}}
		face := &otherFace{}
		face.live.Store(1)
		s := &Server{cfg: Config{IdleExit: time.Minute}, b: Backends{Node: b, Jobs: b, Face: face}, log: slog.New(slog.DiscardHandler)}
		s.act.touch()
		done := make(chan error, 1)
		go func() { done <- s.watchIdle(ctx) }()
		<-time.After(5 * time.Minute) // virtual
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("stopped with a live job")
		}
		b.jobs = []Job{{State: JobDone}}
		<-time.After(5 * time.Minute) // virtual
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("stopped with a live batch")
		}
		s.act.begin()
		face.live.Store(0)
		<-time.After(5 * time.Minute) // virtual
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("stopped during a request")
		}
		s.act.end()
		began := time.Now()
		if err := <-done; err != nil || ctx.Err() == nil {
			t.Fatalf("%v, %v", err, ctx.Err())
		}
		if d := time.Since(began); d < time.Minute || d > 2*time.Minute {
			t.Errorf("stopped after %s", d)
		}
	})
}
