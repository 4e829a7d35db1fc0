package servingtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/serving"
)

// Opener makes a pool whose engine is h, working on so many requests at once
// with so many waiting, and the model to ask it for.
type Opener func(t *testing.T, h http.Handler, parallel, queue int) (serving.Pool, serving.Model)

// Check holds a pool to the contract of serving.Pool.
func Check(t *testing.T, open Opener) {
	t.Run("places", func(t *testing.T) { checkPlaces(t, open) })
	t.Run("answers", func(t *testing.T) { checkAnswers(t, open) })
	t.Run("leaving", func(t *testing.T) { checkLeaving(t, open) })
}

func acquire(t *testing.T, p serving.Pool, m serving.Model) serving.Slot {
	t.Helper()
	s, err := p.Acquire(t.Context(), m, "somebody")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkPlaces: as many places as told, the next waits, one too many is turned
// away, and a place that is given back goes to who waits.
func checkPlaces(t *testing.T, open Opener) {
	p, m := open(t, &Engine{}, 1, 1)
	first := acquire(t, p, m)
	got := make(chan serving.Slot, 1)
	go func() {
		s, err := p.Acquire(t.Context(), m, "other")
		if err != nil {
			t.Error(err)
		}
		got <- s
	}()
	wait(t, "a request waits", func() bool { l := p.Load(m); return l.Queued == 1 && l.Active == 1 && l.Parallel == 1 && l.Warm })
	if s, err := p.Acquire(t.Context(), m, "third"); !errors.Is(err, serving.ErrBusy) && !errors.Is(err, engine.ErrBusy) {
		t.Errorf("a full queue: %v, %v", s, err)
	}
	select {
	case <-got:
		t.Error("two have the one place")
	default:
	}
	first.Release()
	first.Release() // changes nothing
	second := <-got
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Acquire(ctx, m, "gone"); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	second.Release()
	acquire(t, p, m).Release()
}

func ask(ctx context.Context, s serving.Slot, text string) (*http.Response, error) {
	body := `{"model":"m","stream":true,"messages":[{"role":"user","content":"` + text + `"}]}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return s.RoundTrip(r)
}

// checkAnswers: an answer comes whole; an engine that breaks is told from one
// that answers, before the first byte and after it.
func checkAnswers(t *testing.T, open Opener) {
	p, m := open(t, &Engine{}, 2, 2)
	s := acquire(t, p, m)
	defer s.Release()
	resp, err := ask(t.Context(), s, "one two")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasSuffix(string(raw), "data: [DONE]\n\n") {
		t.Errorf("%q, %v", raw, err)
	}
	_ = resp.Body.Close()
	other := acquire(t, p, m)
	defer other.Release()
	if _, err := ask(t.Context(), other, "!crash"); !errors.Is(err, serving.ErrCrashed) && !errors.Is(err, engine.ErrCrashed) {
		t.Errorf("an engine that ended: %v", err)
	}
	if resp, err = ask(t.Context(), other, "!cut one two three"); err != nil {
		t.Fatal(err)
	}
	if raw, err = io.ReadAll(resp.Body); err == nil || !strings.Contains(string(raw), "two") {
		t.Errorf("an answer cut short: %q, %v", raw, err)
	}
	_ = resp.Body.Close()
}

// checkLeaving: who cancels, or closes an answer early, ends the engine's work.
func checkLeaving(t *testing.T, open Opener) {
	e := &Engine{}
	p, m := open(t, e, 2, 2)
	ctx, cancel := context.WithCancel(t.Context())
	s := acquire(t, p, m)
	if _, err := ask(ctx, s, "!hang one"); err != nil {
		t.Fatal(err)
	}
	cancel()
	wait(t, "the engine learns that its client cancelled", func() bool { return e.Left.Load() == 1 })
	s.Release()
	s = acquire(t, p, m)
	resp, err := ask(t.Context(), s, "!hang one")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	wait(t, "the engine learns that its answer is not wanted", func() bool { return e.Left.Load() == 2 })
	s.Release()
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.After(3 * time.Minute); !ok(); {
		select {
		case <-late:
			t.Fatalf("never: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
