package api

import (
	"context"
	"net/http"
	"time"
)

// Measurement is one thing that a provider measured of itself.
type Measurement struct {
	Name  string    `json:"name"`
	Value float64   `json:"value"`
	Unit  string    `json:"unit"`
	At    time.Time `json:"at"`
}

// Bench measures a provider. CodeNotReady on a node that serves no model.
type Bench interface {
	// Measure finds out how fast this node is, and tells it in its offer from
	// then on. It takes some seconds.
	Measure(ctx context.Context) ([]Measurement, error)
}

func (s *Server) benchRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/bench", answer(func(r *http.Request) ([]Measurement, error) {
		if s.b.Bench == nil {
			return nil, Errorf(CodeNotReady, "", "this node measures nothing")
		}
		return s.b.Bench.Measure(r.Context())
	}))
}

// Measure asks the node to measure itself.
func (c *Client) Measure(ctx context.Context) (out []Measurement, err error) {
	return out, c.post(ctx, "/api/bench", struct{}{}, &out)
}
