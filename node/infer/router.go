package infer

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Router sends requests to providers. Its methods are safe for concurrent use;
// Do works while Run does.
type Router struct {
	cfg  Config
	d    Deps
	log  *slog.Logger
	now  func() time.Time
	rand func() float64
}

// New checks cfg and d and returns a Router that has started nothing.
func New(cfg Config, d Deps) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r := &Router{cfg: cfg, d: d, log: d.Log, now: d.Now, rand: d.Rand}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.rand == nil {
		r.rand = rand.Float64
	}
	return r, nil
}

// Run continues what an earlier run left open, journals usage and pays for it
// until ctx ends.
func (r *Router) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Do sends one request and returns the answer as it comes. ctx bounds the whole
// answer, its body included. Errors are *openai.Error.
func (r *Router) Do(ctx context.Context, req Request) (*Response, error) {
	return nil, noProvider(req.Model, "inference is not composed yet")
}

// Models returns what is served, by others and here, in the order of names.
func (r *Router) Models(ctx context.Context) ([]ModelInfo, error) { return nil, nil }

// Candidates asks everyone who serves q.Model for a quote and tells how likely
// each would be chosen, and of everyone else why not.
func (r *Router) Candidates(ctx context.Context, q Query) ([]Candidate, []Dropped, error) {
	return nil, nil, nil
}

// Leases returns the leases that are not forgotten yet, newest first.
func (r *Router) Leases() []LeaseInfo { return nil }

// LastChoice explains the last choice for a model, by name or CID.
func (r *Router) LastChoice(model string) (Choice, bool) { return Choice{}, false }
