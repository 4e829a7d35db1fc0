package main

import (
	"reflect"
	"sync"
	"testing"

	"infernet.tech/infernet/exec/engine/openai"
)

// answered is what must not depend on what else the engine does.
type answered struct {
	Text     string
	Logprobs *openai.Logprobs
	Tokens   []int
	Finish   string
}

func (c *client) answered(t *testing.T, f fields) answered {
	t.Helper()
	r := c.chat(t, f.with(fields{"logprobs": true, "top_logprobs": 3, "return_token_ids": true, "max_tokens": 40}))
	ch := r.Choices[0]
	return answered{ch.Message.Content.String(), ch.Logprobs, ch.TokenIDs, ch.FinishReason}
}

func TestManyAtOnceAreAsOneAtATime(t *testing.T) {
	asked := questions(20)
	want := make([]answered, len(asked))
	for i, q := range asked {
		// Each on a server of its own: nothing is cached.
		want[i] = start(t, func(c *config) { c.parallel = 1 }).answered(t, user(q))
	}
	for _, parallel := range []int{3, 8} {
		cl := start(t, func(c *config) { c.parallel = parallel })
		for round := range 2 {
			got := make([]answered, len(asked))
			var wg sync.WaitGroup
			for i, q := range asked {
				wg.Go(func() { got[i] = cl.answered(t, user(q)) })
			}
			wg.Wait()
			for i := range asked {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Errorf("%d in parallel, round %d, %.40q: got %q, want %q; same text %v, logprobs %v", parallel, round, asked[i],
						got[i].Text, want[i].Text, got[i].Text == want[i].Text, reflect.DeepEqual(got[i].Logprobs, want[i].Logprobs))
				}
			}
		}
	}
}
