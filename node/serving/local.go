package serving

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"infernet.tech/infernet/exec/engine/openai"
)

// localTenant is the owner of the node in the pool's queue.
const localTenant = "local"

// Local returns a way to a model, by CID or name, for requests of the node's
// owner: they take turns with those of clients and cost nothing. A request's
// URL counts by its path alone. Closing an answer's body gives the engine back.
func (s *Server) Local(model string) (http.RoundTripper, bool) {
	_, m, ok := s.model(model)
	if !ok {
		return nil, false
	}
	return &local{s, m.CID}, true
}

// local sends requests to a model's engine.
type local struct {
	s   *Server
	cid string
}

var _ http.RoundTripper = (*local)(nil)

// RoundTrip sends a request with the model's name as its engine knows it.
func (l *local) RoundTrip(r *http.Request) (*http.Response, error) {
	_, m, ok := l.s.model(l.cid)
	if !ok {
		return nil, openai.NotFound(l.cid)
	}
	body, err := l.body(r, m)
	if err != nil {
		return nil, err
	}
	slot, err := l.s.Pool.Acquire(r.Context(), m, localTenant)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://engine"+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		slot.Release()
		return nil, err
	}
	req.Header = r.Header.Clone()
	resp, err := slot.RoundTrip(req)
	if err != nil {
		slot.Release()
		return nil, err
	}
	resp.Body = &slotBody{ReadCloser: resp.Body, slot: slot}
	return resp, nil
}

// body reads the request's body, as a RoundTripper must close it.
func (l *local) body(r *http.Request, m Model) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(r.Body, l.s.cfg.MaxBody+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > l.s.cfg.MaxBody {
		return nil, openai.TooLarge(l.s.cfg.MaxBody)
	}
	if body, err = forEngine(r.URL.Path, body, m); err != nil {
		return nil, openai.BadRequest("", "must be a JSON object")
	}
	return body, nil
}

// slotBody gives the slot back when the body is closed.
type slotBody struct {
	io.ReadCloser
	slot Slot
	once sync.Once
}

func (b *slotBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.slot.Release)
	return err
}
