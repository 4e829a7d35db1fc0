package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// nameRoutes are what only shelves with names have.
func (s *Server) nameRoutes(mux *http.ServeMux) {
	lib := s.b.Content
	mux.HandleFunc("GET /api/models/show", answer(func(r *http.Request) (Content, error) {
		q := r.URL.Query()
		if q.Get("ref") == "" {
			return Content{}, Errorf(CodeBadRequest, "", "ref: a name or a CID is needed")
		}
		return lib.Show(r.Context(), q.Get("ref"), q.Get("template") == "true")
	}))
	for _, kind := range []ContentKind{Models, Images} {
		mux.HandleFunc("POST /api/"+string(kind)+"/alias", answerTo(func(r *http.Request, req AliasRequest) (Content, error) {
			return lib.Alias(r.Context(), kind, req)
		}))
		mux.HandleFunc("POST /api/"+string(kind)+"/rm", answerTo(func(r *http.Request, req PinRequest) (Content, error) {
			return lib.Remove(r.Context(), kind, req.Ref)
		}))
	}
}

// AddFrom takes in a model from a source; progress may be nil.
func (c *Client) AddFrom(ctx context.Context, req AddRequest, progress func(AddProgress)) (Content, error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return Content{}, fmt.Errorf("encode request: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, kindPath(Models, ""), "application/json", bytes.NewReader(raw))
	if err != nil {
		return Content{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	dec := json.NewDecoder(resp.Body)
	for {
		var ev AddEvent
		switch err := dec.Decode(&ev); {
		case ctx.Err() != nil:
			return Content{}, ctx.Err()
		case err != nil:
			return Content{}, fmt.Errorf("%w: %w", ErrAddCut, err)
		case ev.Error != nil:
			return Content{}, ev.Error
		case ev.Content != nil:
			return *ev.Content, nil
		case ev.Progress != nil && progress != nil:
			progress(*ev.Progress)
		}
	}
}

// Show describes a model; template asks for its chat template's text too.
func (c *Client) Show(ctx context.Context, ref string, template bool) (out Content, err error) {
	v := url.Values{"ref": {ref}, "template": {strconv.FormatBool(template)}}
	return out, c.get(ctx, kindPath(Models, "/show?")+v.Encode(), &out)
}

// Alias makes one more name for what ref stands for.
func (c *Client) Alias(ctx context.Context, kind ContentKind, name, ref string) (out Content, err error) {
	return out, c.post(ctx, kindPath(kind, "/alias"), AliasRequest{Name: name, Ref: ref}, &out)
}

// Remove takes a name away.
func (c *Client) Remove(ctx context.Context, kind ContentKind, name string) (out Content, err error) {
	return out, c.post(ctx, kindPath(kind, "/rm"), PinRequest{Ref: name}, &out)
}
