package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// pingEvery is how often a quiet event stream shows that it is alive.
const pingEvery = 15 * time.Second

// events streams a job's events as NDJSON. Failures before the first event are
// ordinary errors; later ones end the stream without EventEnd.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	q, err := eventQuery(r)
	if err != nil {
		writeError(w, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := &eventWriter{w: w, enc: json.NewEncoder(w), flush: http.NewResponseController(w)}
	var pinger sync.WaitGroup
	pinger.Go(func() { out.ping(ctx, cancel) })
	err = s.b.Jobs.Events(ctx, r.PathValue("id"), q, out.send)
	cancel()
	pinger.Wait()
	if err != nil && !out.started {
		writeError(w, err)
		return
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Debug("event stream ended", "error", err)
	}
}

func eventQuery(r *http.Request) (EventQuery, error) {
	v := r.URL.Query()
	q := EventQuery{Follow: v.Get("follow") == "true", Logs: v.Get("logs") == "true"}
	if a := v.Get("after"); a != "" {
		n, err := strconv.ParseUint(a, 10, 64)
		if err != nil {
			return q, Errorf(CodeBadRequest, "", "after: %q is not a number", cut(a))
		}
		q.After = n
	}
	return q, nil
}

// eventWriter writes one line an event; the job's goroutine and the pinger share it.
type eventWriter struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	enc     *json.Encoder
	flush   *http.ResponseController
	started bool
}

func (e *eventWriter) send(ev Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		h := e.w.Header()
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		e.started = true
	}
	if err := e.enc.Encode(ev); err != nil {
		return err
	}
	return e.flush.Flush()
}

// ping keeps writing to a quiet stream: a write that fails is the only sign
// that the reader is gone when nothing else happens.
func (e *eventWriter) ping(ctx context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if e.send(Event{Type: EventPing}) != nil {
			cancel()
			return
		}
	}
}
