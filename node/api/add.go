package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// progressEvery is how often a download tells how far it is.
const progressEvery = 250 * time.Millisecond

// add takes a path on this machine (JSON), for models a source to download
// from, or for data the bytes themselves (application/octet-stream).
func (s *Server) add(kind ContentKind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if contentType(r, "application/octet-stream") {
			s.addBytes(w, r, kind)
			return
		}
		var req AddRequest
		if err := readJSON(w, r, &req); err != nil {
			writeError(w, err)
			return
		}
		if req.Source != "" {
			s.addSource(w, r, kind, req)
			return
		}
		if err := wantAbs("path", req.Path); err != nil {
			writeError(w, err)
			return
		}
		out, err := s.b.Content.Add(r.Context(), kind, req)
		respond(w, out, err)
	}
}

func (s *Server) addBytes(w http.ResponseWriter, r *http.Request, kind ContentKind) {
	if kind != Data {
		writeError(w, Errorf(CodeBadRequest, "", "%s are added by path", kind))
		return
	}
	body := http.MaxBytesReader(w, r.Body, MaxPrompt)
	out, err := s.b.Content.Add(r.Context(), kind, AddRequest{Body: body})
	respond(w, out, tooLarge(err))
}

// addSource answers with a line of NDJSON for each step, for a download takes
// its time. Failures before the first line are ordinary errors.
func (s *Server) addSource(w http.ResponseWriter, r *http.Request, kind ContentKind, req AddRequest) {
	if kind != Models || req.Path != "" {
		writeError(w, Errorf(CodeBadRequest, "", "source is for models, and without a path"))
		return
	}
	flush, enc := http.NewResponseController(w), json.NewEncoder(w)
	begun := false
	line := func(ev AddEvent) {
		if !begun {
			h := w.Header()
			h.Set("Content-Type", "application/x-ndjson")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			begun = true
		}
		// A reader that went away ends the request's context.
		_ = enc.Encode(ev)
		_ = flush.Flush()
	}
	var last time.Time
	req.Progress = func(p AddProgress) {
		if now := time.Now(); now.Sub(last) >= progressEvery || p.Bytes == p.Total {
			last = now
			line(AddEvent{Progress: &p})
		}
	}
	out, err := s.b.Content.Add(r.Context(), kind, req)
	switch {
	case err == nil:
		line(AddEvent{Content: &out})
	case !begun:
		writeError(w, err)
	default:
		var e *Error
		if !errors.As(err, &e) {
			e = classify(err)
		}
		line(AddEvent{Error: e})
	}
}
