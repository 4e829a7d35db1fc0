package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Level says how much a finding matters.
type Level string

// The levels.
const (
	Must   Level = "must"
	Should Level = "should"
)

// Finding is the result of one check.
type Finding struct {
	Name   string
	Level  Level
	OK     bool
	Detail string // what was seen, when it is not OK; may quote the engine
	Took   time.Duration
}

// Options say what to expect.
type Options struct {
	Model    string // its name; "" takes the first of /v1/models
	Context  int    // tokens; 0 takes max_model_len, where /v1/models tells it
	Parallel int    // requests that must work at once; 0 is 1
	Health   string // its path; "" is /health, adapters may have another
	// Question is a short one, to be answered in several words; "" asks for
	// the capital of France.
	Question string
	Timeout  time.Duration // for each check; 0 is a minute
	// Slack is what an answer after cancelled ones may take beyond ten times the
	// usual; 0 is five seconds.
	Slack time.Duration
}

// Passed says whether nothing is missing that must be there.
func Passed(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Must && !f.OK {
			return false
		}
	}
	return true
}

// Capabilities are those that were found, by the names of package engine.
func Capabilities(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		if name, ok := strings.CutPrefix(f.Name, "can "); ok && f.OK {
			out = append(out, name)
		}
	}
	return out
}

// check is one thing to find out.
type check struct {
	name  string
	level Level
	run   func(context.Context, *probe) error
}

// checks in their order: what breaks an engine comes late, and whether it
// lives comes last.
func checks() []check {
	return []check{
		{"health", Must, health},
		{"models", Must, models},
		{"chat", Must, chat},
		{"chat identity", Should, identity},
		{"content in parts", Should, parts},
		{"completions", Must, completions},
		{"stream", Must, streamShape},
		{"stream in pieces", Must, streamPieces},
		{"stream says the same", Must, streamEqual},
		{"usage", Must, usage},
		{"usage in streams", Must, streamUsage},
		{"no usage unless asked", Should, streamNoUsage},
		{"temperature 0 repeats", Must, greedy},
		{"seed repeats", Should, seeded},
		{"max_tokens", Must, maxTokens},
		{"stop", Must, stop},
		{"stop in streams", Must, streamStop},
		{"several choices", Should, choices},
		{"at once", Must, atOnce},
		{"sixteen at once", Should, sixteen},
		{"can logprobs", Should, logprobs},
		{"can json_schema", Should, jsonSchema},
		{"can embeddings", Should, embeddings},
		{"can tokenize", Should, tokenize},
		{"can token_ids", Should, tokenIDs},
		{"can replay", Should, replay},
		{"error of a missing model", Should, missingModel},
		{"error of bad JSON", Must, badJSON},
		{"error of a bad parameter", Should, badParameter},
		{"error of no messages", Should, noMessages},
		{"error of a bad schema", Should, badSchema},
		{"error of a long prompt", Must, longPrompt},
		{"error of a big body", Must, bigBody},
		{"cancelled requests free the engine", Must, cancelled},
		{"health after all that", Must, health},
	}
}

// Check holds the engine at base, such as "http://engine", to the contract.
// The client's transport leads there; its timeout should be none. When ctx
// ends, what is left is found not OK.
func Check(ctx context.Context, client *http.Client, base string, o Options) []Finding {
	if o.Question == "" {
		o.Question = "What is the capital of France?"
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Slack <= 0 {
		o.Slack = 5 * time.Second
	}
	if o.Health == "" {
		o.Health = "/health"
	}
	o.Parallel = max(o.Parallel, 1)
	p := &probe{client: client, base: strings.TrimSuffix(base, "/"), o: o}
	p.learn(ctx)
	var out []Finding
	for _, c := range checks() {
		begun := time.Now()
		err := one(ctx, p, c)
		f := Finding{Name: c.name, Level: c.level, OK: err == nil, Took: time.Since(begun)}
		if err != nil {
			f.Detail = cut(err.Error(), 500)
		}
		out = append(out, f)
	}
	return out
}

func one(ctx context.Context, p *probe, c check) error {
	limit := fmt.Errorf("not done within %v", p.o.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, p.o.Timeout, limit)
	defer cancel()
	err := c.run(ctx, p)
	if err != nil && errors.Is(context.Cause(ctx), limit) {
		return fmt.Errorf("%w: %w", limit, err)
	}
	return err
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
