package api

import (
	"context"
	"errors"
	"net/http"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// ReplayQuery asks how likely a model holds an answer that was given already.
type ReplayQuery struct {
	Model   string            `json:"model"` // a name or a CID
	Request oai.ReplayRequest `json:"request"`
	Not     []string          `json:"not,omitempty"` // npubs that are not to be asked, nor who belongs to them
}

// Replayed is an answered ReplayQuery.
type Replayed struct {
	By       string             `json:"by"` // npub of who replayed it, this node's own when it serves the model itself
	Response oai.ReplayResponse `json:"response"`
}

func (s *Server) replay(r *http.Request, q ReplayQuery) (Replayed, error) {
	if s.b.Inference == nil {
		return Replayed{}, Errorf(CodeNotReady, "", "this node does not use models of others")
	}
	if q.Model == "" {
		return Replayed{}, Errorf(CodeBadRequest, "", "model: a name or a CID is needed")
	}
	out, err := s.b.Inference.Replay(r.Context(), q)
	var e *oai.Error
	if errors.As(err, &e) {
		return out, asked(e)
	}
	return out, err
}

// Replay has an answer replayed by somebody who serves the model.
func (c *Client) Replay(ctx context.Context, q ReplayQuery) (out Replayed, err error) {
	return out, c.post(ctx, "/api/replay", q, &out)
}
