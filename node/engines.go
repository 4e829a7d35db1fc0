package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/serving"
)

// engines are the warm engines of a provider, as its seller and its owner use
// them.
type engines struct {
	serving.Engines
}

// shortestLook is the shortest time between two looks at an engine.
const shortestLook = 50 * time.Millisecond

// newEngines makes the pool of warm engines.
func (n *Node) newEngines() (*engines, error) {
	c := engine.Default()
	c.Memory = n.engineMemory()
	if idle := n.cfg.Provider.Models.Idle; idle > 0 {
		c.Idle = idle
		c.HealthEvery = min(c.HealthEvery, max(idle, shortestLook)) // they are looked at together
	}
	pool, err := engine.NewPool(c, n.runner, n.cards.warm, n.log.With("in", "engines"))
	return &engines{serving.Engines{Pool: pool}}, err
}

// detail tells of all engines in one line.
func (e *engines) detail() string {
	all := e.Pool.Status()
	active, queued := 0, 0
	for _, s := range all {
		active, queued = active+s.Active, queued+s.Queued
	}
	return fmt.Sprintf("%d engines at work on %d requests, %d waiting", len(all), active, queued)
}

// measureTokens is how long the answer is by which an engine's speed is told
// before anybody has asked it for anything.
const measureTokens = 48

// answered is what one answer took.
type answered struct {
	tokens      int
	first, took time.Duration // to the first token, and to the end
}

// tpsMilli is thousandths of a token a second, the prompt's reading included:
// a short answer's own time is too short to be told from noise.
func (a answered) tpsMilli() uint64 {
	return uint64(a.tokens) * 1_000_000_000 / uint64(max(a.took.Microseconds(), 1))
}

// measure asks an engine for one answer, after a first one that fills its
// caches, and tells its speed in thousandths of a token a second and the
// milliseconds to its first token. A model that ends early tells less surely.
func (e *engines) measure(ctx context.Context, m serving.Model) (tpsMilli, ttftMS uint64, err error) {
	var a answered
	for range 2 {
		if a, err = e.timed(ctx, m, measureTokens); err != nil {
			return 0, 0, err
		}
	}
	return a.tpsMilli(), uint64(max(a.first.Milliseconds(), 1)), nil
}

// measureMany tells the speed of so many answers made at once, all together.
func (e *engines) measureMany(ctx context.Context, m serving.Model, streams int) (tpsMilli uint64, err error) {
	answers := make([]answered, streams)
	since := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for i := range streams {
		g.Go(func() (err error) {
			answers[i], err = e.timed(gctx, m, measureTokens)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	all := answered{took: time.Since(since)}
	for _, a := range answers {
		all.tokens += a.tokens
	}
	return all.tpsMilli(), nil
}

// measureTime bounds one such answer: an engine that never ends it would keep
// the node from serving its other models.
const measureTime = 3 * time.Minute

func (e *engines) timed(ctx context.Context, m serving.Model, tokens int) (a answered, err error) {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	slot, err := e.Acquire(ctx, m, "")
	if err != nil {
		return a, err
	}
	defer slot.Release()
	body, err := json.Marshal(map[string]any{
		"model": m.Name, "prompt": "Tell me a little story.", "max_tokens": tokens, "temperature": 0, "stream": true,
		"stream_options": map[string]bool{"include_usage": true},
	})
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/v1/completions", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	since := time.Now()
	res, err := slot.RoundTrip(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return a, fmt.Errorf("status %d: %.300q", res.StatusCode, text)
	}
	return readSpeed(res.Body, since)
}

// readSpeed reads a stream of events to its end.
func readSpeed(r io.Reader, since time.Time) (a answered, err error) {
	events := openai.NewEventReader(r, 1<<20)
	for {
		ev, err := events.Next()
		switch {
		case err != nil:
			return a, fmt.Errorf("the engine's stream: %w", err)
		case ev.Done() && (a.tokens <= 0 || a.first == 0):
			return a, errors.New("the engine's stream says nothing, or not how long it is")
		case ev.Done():
			a.took = time.Since(since)
			return a, nil
		case len(ev.Data) == 0:
			continue
		}
		var v openai.CompletionResponse
		if err := json.Unmarshal(ev.Data, &v); err != nil {
			return a, fmt.Errorf("the engine's stream: %.80q", ev.Data)
		}
		if a.first == 0 && len(v.Choices) > 0 {
			a.first = time.Since(since)
		}
		if v.Usage != nil {
			a.tokens = v.Usage.CompletionTokens
		}
	}
}
