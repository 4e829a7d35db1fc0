package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// TestMixture asks for everything at once, with readers who leave at any
// time, and then expects what an engine says that was asked nothing before.
func TestMixture(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("asked", func(t *testing.T) {
		cl := start(t, func(c *config) { c.parallel = 3 })
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		asked := questions(8)
		var wg sync.WaitGroup
		for worker := range uint64(6) {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, worker))
				for range 8 {
					cl.something(t, rnd, asked[rnd.IntN(len(asked))])
				}
			})
		}
		wg.Wait()
		for _, q := range asked {
			fresh := start(t)
			want, got := fresh.answered(t, user(q)), cl.answered(t, user(q))
			if got.Text != want.Text || fmt.Sprint(*got.Logprobs) != fmt.Sprint(*want.Logprobs) {
				t.Errorf("%q: %q after much else, %q at first", q, got.Text, want.Text)
			}
		}
	})
	for runtime.NumGoroutine() > before {
		if t.Context().Err() != nil {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// something is a random request whose answer does not matter here.
func (c *client) something(t *testing.T, rnd *rand.Rand, text string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var chat openai.ChatResponse
	var other any
	switch rnd.IntN(6) {
	case 0: // leaves a stream after some events
		resp := c.open(t, ctx, user(text).with(fields{"temperature": 1}))
		defer resp.Body.Close()
		r := openai.NewEventReader(resp.Body, openai.MaxEvent)
		for range 1 + rnd.IntN(20) {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("stream: %v", err)
			}
		}
	case 1: // leaves a whole answer, or the queue
		turns := rnd.IntN(1000)
		go func() {
			for range turns {
				runtime.Gosched()
			}
			cancel()
		}()
		_ = c.post(ctx, "/v1/chat/completions", user(text), &chat)
	case 2:
		f := user(text).with(fields{"response_format": fields{"type": "json_object"}, "max_tokens": 20, "n": 2, "temperature": 1})
		if err := c.post(ctx, "/v1/chat/completions", f, &chat); err != nil {
			t.Errorf("form: %v", err)
		}
	case 3:
		if err := c.post(ctx, "/v1/embeddings", fields{"model": "demo", "input": []string{text, "x"}}, &other); err != nil {
			t.Errorf("embeddings: %v", err)
		}
	case 4:
		if err := c.post(ctx, "/infernet/replay", fields{"prompt": text, "completion": text}, &other); err != nil {
			t.Errorf("replay: %v", err)
		}
	case 5:
		f := user(text).with(fields{"max_tokens": 30, "temperature": 0.8, "top_p": 0.9, "top_k": 30, "frequency_penalty": 0.5, "repeat_penalty": 1.1})
		if err := c.post(ctx, "/v1/chat/completions", f, &chat); err != nil {
			t.Errorf("chat: %v", err)
		}
	}
}
