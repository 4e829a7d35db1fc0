package serving

import (
	"context"
	"net/http"
)

// Pool is what this package needs of warm engines.
type Pool interface {
	// Acquire waits for a place at the engine of a model, fairly between
	// tenants, and starts the engine if it is cold. ErrBusy, wrapped, says that
	// too many wait already.
	Acquire(ctx context.Context, m Model, tenant string) (Slot, error)
	// Load tells how busy the model's engine is.
	Load(m Model) Load
}

// Slot is a place at an engine for one request.
type Slot interface {
	// RoundTrip sends a request to the engine; cancelling its context ends the
	// engine's work on it.
	RoundTrip(*http.Request) (*http.Response, error)
	// Release gives the place back, once the answer's body was closed.
	Release()
}

// Load tells how busy an engine is.
type Load struct {
	Active   int  // requests being answered
	Queued   int  // requests waiting
	Parallel int  // requests answered at once; 0: as the Model says
	Warm     bool // the engine runs
}
