package main

import (
	"context"
	"errors"

	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

// ahead is how many tokens of each answer may wait for a slow reader before
// the answer pauses.
const ahead = 64

// generation is the answers to one request as they are made.
type generation struct {
	sched  *scheduler
	seqs   []*sequence
	events chan event
	open   int // answers that have not ended
	usage  openai.Usage
	unhook func() bool
}

// generate sets the answers to a request going. They end with the context.
func (s *server) generate(ctx context.Context, a ask) (*generation, error) {
	if len(a.prompt) == 0 {
		return nil, openai.BadRequest("prompt", "is empty")
	}
	if len(a.prompt) >= s.size {
		return nil, openai.ContextLength(s.size, len(a.prompt))
	}
	g := &generation{sched: s.sched, events: make(chan event, (ahead+2)*a.n), open: a.n}
	g.usage.PromptTokens = len(a.prompt)
	for i := range a.n {
		params := a.params
		params.Stream = uint64(i)
		w := &answerer{
			engine: s.served, index: i, answers: a.n, out: g.events, prompt: len(a.prompt), max: a.max,
			logprobs: a.logprobs, sampler: sample.New(params, a.prompt), text: assembler{stops: a.stops},
		}
		if a.form != nil {
			form, err := a.form.Start(s.vocabulary())
			if err != nil {
				return nil, openai.BadRequest("response_format", "%v", err)
			}
			w.form = form
		}
		q := &sequence{work: w, tokens: append([]int(nil), a.prompt...), known: len(a.prompt) - 1, salt: a.salt, done: ctx.Done()}
		if i > 0 {
			q.leader = g.seqs[0]
		}
		g.seqs = append(g.seqs, q)
	}
	if err := s.sched.submit(g.seqs...); err != nil {
		return nil, err
	}
	g.unhook = context.AfterFunc(ctx, s.sched.rouse)
	return g, nil
}

// next is the next event; ok is false when all answers have ended. Errors end
// the generation.
func (g *generation) next(ctx context.Context) (ev event, ok bool, err error) {
	if g.open == 0 {
		g.unhook()
		return event{}, false, nil
	}
	select {
	case ev = <-g.events:
	case <-ctx.Done():
		return ev, false, context.Cause(ctx)
	}
	// An answer may have been waiting for this.
	g.sched.rouse()
	if ev.err != nil {
		return ev, false, ev.err
	}
	if ev.token >= 0 {
		g.usage.CompletionTokens++
	}
	if ev.finish != "" {
		g.open--
	}
	return ev, true, nil
}

// counts is the usage so far.
func (g *generation) counts() *openai.Usage {
	u := g.usage
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	u.PromptDetails = &openai.PromptDetails{CachedTokens: g.seqs[0].reused}
	return &u
}

// asAPI is an error of the scheduler as the API tells it.
func asAPI(err error) error {
	switch {
	case errors.Is(err, errQueueFull):
		return openai.RateLimit("the engine's queue is full")
	case errors.Is(err, errNoEmbedding):
		return openai.BadRequest("model", "this model gives no embeddings")
	case errors.Is(err, errStopped):
		return openai.Unavailable("the engine stops")
	}
	return err
}
