package imagetest

import (
	"io"
	"net/http"

	"infernet.tech/infernet/exec/engine"
)

// through gives each request a slot of the engine, as a provider does: no more
// of them at once than the engine was told, and a new engine after a crash.
type through struct {
	pool *engine.Pool
	spec engine.Spec
}

// RoundTrip waits for a slot and holds it until the answer's body is closed.
func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	slot, err := t.pool.Acquire(r.Context(), t.spec, "test")
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	resp, err := slot.RoundTrip(r)
	if err != nil {
		slot.Release()
		return nil, err
	}
	resp.Body = held{resp.Body, slot}
	return resp, nil
}

// held is an answer's body whose end gives the slot back.
type held struct {
	io.ReadCloser
	slot *engine.Slot
}

func (h held) Close() error {
	defer h.slot.Release()
	return h.ReadCloser.Close()
}
